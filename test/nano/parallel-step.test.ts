// The threads of pretraining together compute what one process computes, and write it where the run reads it.
// @module-tag long
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import { createRandomCheckpoint, openCheckpoint } from '../../src/model/index.ts';
import { generatedScene } from '../../src/synthesis/index.ts';
import { createPhotos } from '../../nano/content.ts';
import { openLearner } from '../../nano/learners.ts';
import { openParallelStep } from '../../nano/parallel-step.ts';
import { groupsOf } from '../../nano/samples.ts';

test.each(['cells', 'questions'] as const)(
  'two threads give the loss and the gradients of one process: %s',
  async (stage) => {
    const folder = mkdtempSync(join(tmpdir(), 'parallel-'));
    const [model, photo] = [join(folder, 'model'), join(folder, 'photo.png')];
    mkdirSync(folder, { recursive: true });
    await createRandomCheckpoint(model, { preset: 'nano' });
    const scene = generatedScene({ width: 320, height: 300, stream: randomStream(2) });
    await sharp(scene.data, { raw: { width: scene.width, height: scene.height, channels: 3 } })
      .png()
      .toFile(photo);
    const checkpoint = await openCheckpoint(model);
    await using alone = await openLearner(stage, checkpoint);
    const shapes = alone.parameters;
    const parameters = new Map<string, Float32Array>();
    for (const [name, shape] of shapes) {
      const size = shape.reduce((a, b) => a * b, 1);
      const head = Float32Array.from({ length: size }, (_, i) => 0.1 * Math.sin(i));
      parameters.set(name, name.startsWith('cells.') ? head : await checkpoint.read(name));
    }

    const seed = 3;
    await using step = openParallelStep(shapes, { model, seed, stage, paths: [photo], maxBytes: 1e8 }, 2);
    const got = await step.run(0, parameters);

    const content = { paths: [photo], open: createPhotos(1e8) };
    const groups = groupsOf(seed, 0, stage);
    let loss = 0;
    const want = new Map([...parameters].map(([name, values]) => [name, new Float64Array(values.length)]));
    for (const worker of [0, 1]) {
      for (const [g, group] of groups.entries()) {
        const learn = await alone.make(content, group, seed, 2, 0, worker, g);
        const result = await learn(parameters, [...groups, ...groups], seed, 3, 0, worker, g);
        loss += result.loss;
        for (const [name, values] of result.gradients) values.forEach((value, i) => (want.get(name)![i]! += value));
      }
    }
    expect(got.loss).toBeCloseTo(loss, 5);
    const norm = (values: Float64Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
    const far = [...want].filter(([name, values]) => {
      const mine = got.gradients.get(name)!;
      return !(norm(values.map((value, i) => value - mine[i]!)) <= 1e-4 * norm(values) + 1e-9);
    });
    expect(far.map(([name]) => name)).toEqual([]);
  },
);
