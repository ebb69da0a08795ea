// Batches that do not fit into a device's memory: halved for scoring, never for training. The workers are a function.
import { expect, test } from 'vitest';
import type { Engine } from '../../../src/engine/index.ts';
import { attachModel } from '../../../src/engine/torch/attached-model.ts';
import { failedError } from '../../../src/engine/torch/failed-error.ts';
import type { World } from '../../../src/engine/torch/world.ts';
import { embeddedModel, openCheckpoint } from '../../../src/model/index.ts';
import type { Case } from './clips.ts';
import { attachOptions, clipsOf } from './clips.ts';

const one: Case = { loss: 'integer-only', lora: {}, microBatch: 2 };

/** Workers that have memory for so many clips, and what they were asked: numbers of clips, by rank. */
function workers(clips: number, ranks = 1): { world: World; asked: [rank: number, op: string, clips: number][] } {
  const asked: [number, string, number][] = [];
  const ask: World['ask'] = (rank, header, _, goesOn) => {
    const examples = (header['examples'] ?? []) as { nodeRows: number }[];
    if (examples.length > 0) asked.push([rank, String(header['op']), examples.length]);
    if (examples.length > clips) {
      const error = failedError(`torch worker ${rank} of ${ranks}`, String(header['op']), {
        op: 'failed',
        kind: 'memory',
        message: 'no memory',
      });
      return Promise.reject(Object.assign(error, { goesOn }));
    }
    const { nodes, columns } = (header['tree'] ?? { nodes: 0, columns: [] }) as { nodes: number; columns: number[] };
    const shape = [examples.length, nodes, columns.length];
    const data = new Float32Array(examples.length * nodes * columns.length).fill(-5);
    return Promise.resolve({ header: { op: 'done' }, tensors: [{ dtype: 'f32', shape, data }] });
  };
  const world: World = {
    ranks,
    isRunning: true,
    versions: {},
    ask,
    askAll: (header, tensors) => Promise.all(Array.from({ length: ranks }, (_, rank) => ask(rank, header, tensors))),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { world, asked };
}

async function attached(world: World, isSharded = false) {
  const checkpoint = await openCheckpoint(embeddedModel());
  const encode = { encode: () => Promise.resolve(new Float32Array(checkpoint.text.hiddenSize)) } as unknown as Engine;
  const { train, score, answers } = await clipsOf(checkpoint, encode, one);
  const parts = {
    world,
    checkpoint,
    ids: { model: 0, attached: 0 },
    isSharded,
    features: 'f32',
    requireMemory: () => {},
  } as const;
  return { train, score, model: await attachModel(parts, { ...attachOptions(checkpoint, one), answers }) };
}

test('a batch that does not fit is scored in halves', async () => {
  const { world, asked } = workers(1);
  const { model, score } = await attached(world);
  const found = await model.predict(score.slice(0, 3), { batching: 'as-given' });
  expect(found.map((answer) => 'probabilities' in answer)).toEqual([true, true, true]);
  expect(asked.map(([, , clips]) => clips)).toEqual([3, 2, 1, 1, 1]);
});

test('a clip that does not fit alone is an error of that clip', async () => {
  const { model, score } = await attached(workers(0).world);
  const [found] = await model.predict(score.slice(0, 1));
  expect(found).toMatchObject({
    code: 'not-supported',
    message: "torch worker 0 of 1: expected a clip to fit into the device's memory, got no memory",
  });
});

test('ranks that hold a model together cannot begin again', async () => {
  const { world, asked } = workers(1, 2);
  const { model, score } = await attached(world, true);
  const refused = model.predict(score.slice(0, 2), { batching: 'as-given' });
  await expect(refused).rejects.toMatchObject({ code: 'worker-failed', goesOn: false });
  expect(asked).toEqual([
    [0, 'predict', 2],
    [1, 'predict', 1], // the shortest, with weight 0
  ]);
});

test('a micro-batch of training is not cut: what would help is said', async () => {
  const { world, asked } = workers(1);
  const { model, train } = await attached(world);
  await expect(model.update(train.slice(0, 2), 1e-3)).rejects.toMatchObject({
    code: 'worker-failed',
    message: "torch worker 0 of 1: expected a micro-batch to fit into the device's memory, got no memory",
    hint: 'Use a smaller microBatch, train.gradientCheckpointing, or runtime.shard: full.',
  });
  expect(asked).toEqual([[0, 'accumulate', 2]]);
});
