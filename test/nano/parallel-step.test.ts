// The threads of pretraining together compute what one process computes, and write it where the run reads it.
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import { createRandomCheckpoint, openCheckpoint } from '../../src/model/index.ts';
import { loadQuestioner } from '../../src/score/index.ts';
import { compileStep, tokenFeeds } from '../../src/train/index.ts';
import { generatedScene } from '../../src/video/synthesis/index.ts';
import { createPhotos } from '../../nano/content.ts';
import { lessonOf } from '../../nano/learn.ts';
import { openParallelStep } from '../../nano/parallel-step.ts';
import { groupsOf, makeSample } from '../../nano/samples.ts';

const stages = [
  ['statistics', 2],
  ['all', 0],
] as const;

test.each(stages)(
  'two threads give the loss and the gradients of one process: %s',
  async (stage, statisticSteps) => {
    const folder = mkdtempSync(join(tmpdir(), 'parallel-'));
    const [model, photo] = [join(folder, 'model'), join(folder, 'photo.png')];
    mkdirSync(folder, { recursive: true });
    await createRandomCheckpoint(model, { preset: 'tiny' });
    const scene = generatedScene({ width: 320, height: 300, stream: randomStream(2) });
    await sharp(scene.data, { raw: { width: scene.width, height: scene.height, channels: 3 } })
      .png()
      .toFile(photo);
    const checkpoint = await openCheckpoint(model);
    const shapes = new Map(checkpoint.names.map((name) => [name, checkpoint.stored(name).shape]));
    const parameters = new Map<string, Float32Array>();
    for (const name of checkpoint.names) parameters.set(name, await checkpoint.read(name));

    const seed = 3;
    await using step = openParallelStep(shapes, { model, seed, statisticSteps, paths: [photo], maxBytes: 1e8 }, 2);
    const got = await step.run(0, parameters);

    const questioner = await loadQuestioner(checkpoint, {
      prompt: { template: 'four-dimensions', source: null },
      answer: { kind: 'integer', step: null },
    });
    const { text, vision, stored } = checkpoint;
    await using alone = await compileStep({
      text,
      vision,
      stored,
      lora: null,
      loss: 'response',
      numColumns: 0,
      firstLayer: 0,
      run: { threads: 1 },
    });
    const content = { paths: [photo], open: createPhotos(1e8) };
    const groups = groupsOf(seed, 0, stage);
    const clips = 2 * groups.reduce((total, { count }) => total + count, 0);
    let loss = 0;
    const want = new Map([...parameters].map(([name, values]) => [name, new Float64Array(values.length)]));
    for (const worker of [0, 1]) {
      for (const [g, group] of groups.entries()) {
        const items = [];
        for (let i = 0; i < group.count; i++) {
          const sample = await makeSample(content, group, seed, 2, 0, worker, g, i);
          items.push(lessonOf(sample, { checkpoint, questioner }, stage, seed, 3, 0, worker, g, i).item);
        }
        const result = await alone.run(parameters, tokenFeeds(items, clips, checkpoint, false));
        loss += result.loss;
        for (const [name, values] of result.gradients) values.forEach((value, i) => (want.get(name)![i]! += value));
      }
    }
    expect(got.loss).toBeCloseTo(loss, 5);
    const far = [...want].filter(([name, values]) => {
      const mine = got.gradients.get(name)!;
      return !(Math.hypot(...values.map((value, i) => value - mine[i]!)) <= 1e-4 * Math.hypot(...values) + 1e-9);
    });
    expect(far.map(([name]) => name)).toEqual([]);
  },
  120_000,
);
