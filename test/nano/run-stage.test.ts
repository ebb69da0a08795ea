// The first stage of pretraining: its loss and gradients by hand, and that a stopped run ends with the bits of one that was not.
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import type { Checkpoint } from '../../src/model/index.ts';
import { compileTower } from '../../src/engine/onnx/tower.ts';
import { createRandomCheckpoint, openCheckpoint } from '../../src/model/index.ts';
import { compileStepGraph } from '../../src/engine/onnx/index.ts';
import { cutPatches } from '../../src/video/index.ts';
import { generatedScene } from '../../src/synthesis/index.ts';
import { cellTargets } from '../../nano/cells.ts';
import { towerOf } from '../../nano/family.ts';
import type { ParallelStep } from '../../nano/parallel-step.ts';
import { runStage } from '../../nano/run-stage.ts';
import { towerFeeds, towerGraph } from '../../nano/tower.ts';
import { openTowerStage } from '../../nano/tower-stage.ts';

let folder: string;
let checkpoint: Checkpoint;
const random = new Map<string, Float32Array>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stage-'));
  await createRandomCheckpoint(join(folder, 'model'), { preset: 'nano', seed: 1 });
  checkpoint = await openCheckpoint(join(folder, 'model'));
  for (const name of checkpoint.names) random.set(name, await checkpoint.read(name));
});

test('a head of zeros has half the mean square of the targets as its loss, and moves towards each cell’s own', async () => {
  const { stored, processor } = checkpoint;
  const vision = towerOf(checkpoint);
  const { shapes, first } = openTowerStage(checkpoint);
  const graph = towerGraph(vision, (name) => stored(name).shape);
  await using step = await compileStepGraph(graph, { run: { threads: 1 } });
  expect([...step.parameters.keys()].sort()).toEqual([...shapes.keys()].sort());
  const stream = randomStream(6);
  const count = cellTargets.length;
  const items = [0, 1].map((i) => {
    const frame = generatedScene({ width: 96, height: 96, stream });
    // The last target is 1 in one cell of each picture, everything else is anything.
    const targets = Float32Array.from({ length: 9 * count }, (_, at) =>
      at % count < count - 1 ? stream.uniform() - 0.5 : at === (3 + i) * count + count - 1 ? 1 : 0,
    );
    return { vision: cutPatches('image', [frame], processor), targets };
  });
  const cells = 40; // the update has more than these 18
  const parameters = first(random);
  const { loss, gradients } = await step.run(parameters, towerFeeds(items, cells, vision));
  const squares = items.flatMap(({ targets }) => [...targets]).reduce((sum, value) => sum + value ** 2, 0);
  expect(loss).toBeCloseTo(squares / (2 * cells * count), 6);
  const sumOfFirst = items.reduce(
    (sum, { targets }) => sum + targets.filter((_, at) => at % count === 0).reduce((a, b) => a + b, 0),
    0,
  );
  expect(gradients.get('cells.bias')![0]).toBeCloseTo(-sumOfFirst / (cells * count), 6);
  // The weights of the last target move towards the features of its two cells, and of no other.
  await openTowerStage(checkpoint).write(join(folder, 'first'), random, parameters);
  const written = await openCheckpoint(join(folder, 'first'));
  await using encoder = await compileTower(written);
  const features = [await encoder.encode([items[0]!.vision]), await encoder.encode([items[1]!.vision])];
  const width = vision.outHiddenSize;
  const moved = gradients.get('cells.weight')!.subarray((count - 1) * width);
  for (let k = 0; k < width; k++) {
    const want = features[0]![3 * width + k]! + features[1]![4 * width + k]!;
    expect(moved[k]).toBeCloseTo(-want / (cells * count), 5);
  }
});

test('stopped and run again, a stage ends with the same bits', { tags: ['long'] }, async () => {
  const tower = openTowerStage(checkpoint);
  const names = ['visual.blocks.0.attn.proj.weight', 'visual.blocks.0.norm1.weight', 'cells.weight', 'cells.bias'];
  const some = <T>(all: ReadonlyMap<string, T>): Map<string, T> => new Map(names.map((name) => [name, all.get(name)!]));
  const read = async (from: string): Promise<Map<string, Float32Array>> => some(await tower.read(from));
  // Gradients that depend on the step and on the parameters.
  const step: ParallelStep = {
    run: (done, parameters) => {
      const gradients = new Map([...parameters].map(([name, p]) => [name, p.map((x, i) => x + Math.sin(i + done))]));
      return Promise.resolve({
        loss: parameters.get('cells.bias')![0]! + done,
        gradients,
        seconds: { samples: 0, step: 0 },
      });
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const run = (name: string, stop?: AbortController): Promise<string | null> =>
    runStage({
      stage: 'cells',
      openStep: () => step,
      out: join(folder, name),
      shapes: some(tower.shapes),
      parameters: some(tower.first(random)),
      steps: 3,
      learningRate: 1e-3,
      muon: { momentum: 0.95, adamW: { beta1: 0.9, beta2: 0.98, eps: 1e-8, weightDecay: 0.02 } },
      saveEvery: 2,
      write: (to, current) => {
        stop?.abort(); // behind the second update
        return tower.write(to, random, current);
      },
      read,
      signal: stop?.signal ?? new AbortController().signal,
    });
  const whole = await run('whole');
  expect(await run('parts', new AbortController())).toBeNull();
  const parts = await run('parts');
  const [mine, theirs] = [await read(parts!), await read(whole!)];
  for (const [name, values] of theirs) expect(mine.get(name)).toEqual(values);
  expect(mine.get('cells.bias')).not.toEqual(tower.first(random).get('cells.bias'));
  const losses = async (name: string): Promise<unknown[]> =>
    (await readFile(join(folder, name, 'events.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { loss: number }).loss);
  expect(await losses('parts')).toEqual(await losses('whole'));
  expect(await losses('whole')).toHaveLength(3);
  // What has ended starts no threads again.
  expect(await run('whole')).toBe(whole);
});
