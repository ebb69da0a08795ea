// The training loop by itself, on an engine that is no model: validation, early stopping, stopping and going on.
import { readFile, writeFile } from 'node:fs/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OpenEngine } from '../../src/engine/index.ts';
import type { RecipeInput, TrainEvent, TrainOptions } from '../../src/train/index.ts';
import { train } from '../../src/train/index.ts';
import type { Calls } from './fake-engine.ts';
import { fakeEngine } from './fake-engine.ts';
import type { Workshop } from './run-fixtures.ts';
import { only, openWorkshop, stepsOf } from './run-fixtures.ts';

let shop: Workshop;
beforeAll(async () => {
  shop = await openWorkshop();
  // Grey pictures, rated by how bright they are.
  const rows = ['image,mos'];
  for (let i = 0; i < 12; i++) {
    const grey = Math.round((255 * i) / 11);
    const picture = sharp({
      create: { width: 56, height: 56, channels: 3, background: { r: grey, g: grey, b: grey } },
    });
    await picture.png().toFile(shop.at(`grey-${i}.png`));
    rows.push(`grey-${i}.png,${(1.5 + (3 * i) / 11).toFixed(2)}`);
  }
  await writeFile(shop.at('grey.csv'), `${rows.join('\n')}\n`);
});
afterAll(() => shop.remove());

const none = (): Calls => ({ encoded: 0, updates: 0, predicted: 0 });

const recipeOf = (name: string, changes: RecipeInput = {}) =>
  shop.recipe(name, {
    loss: 'softmax-regression',
    data: { manifest: shop.at('grey.csv'), validation: { fraction: 0.25 } },
    lora: { rank: 1, targets: ['q_proj'], layers: 'last 1' },
    epochs: 8,
    optimizer: { learningRate: 0.3 },
    ...changes,
  });

async function run(name: string, calls: Calls, changes: RecipeInput = {}, options: TrainOptions = {}, stuck = false) {
  const events: TrainEvent[] = [];
  const how = { ...options, openEngine: fakeEngine(calls, stuck) };
  for await (const event of train(recipeOf(name, changes), how)) events.push(event);
  return events;
}

const weights = (name: string, step: number): Promise<Buffer> =>
  readFile(shop.at(name, 'checkpoints', `step-${step}`, 'optimizer.safetensors'));

describe('the training loop', () => {
  test('trains, validates and keeps the best, whatever engine computes', async () => {
    const calls = none();
    const events = await run('fits', calls);
    const steps = only(events, 'step');
    expect(steps).toHaveLength(24);
    // Each clip once; two golden pictures with every checkpoint, since no cache keeps them here.
    expect(calls).toMatchObject({ encoded: 12 + 2 * only(events, 'checkpoint').length, updates: 24 });
    expect(steps.at(-1)!.loss).toBeLessThan(0.2 * steps[0]!.loss);
    expect(only(events, 'evaluation').at(-1)).toMatchObject({ srcc: 1 });
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'finished' });
  });

  test('says for what share of the time workers waited for input since the update before', async () => {
    const total = { waited: 5, elapsed: 7 };
    const openEngine: OpenEngine = async (...how) => {
      const engine = await fakeEngine(none())(...how);
      const inputWait = (): typeof total => {
        total.waited += 1;
        total.elapsed += 4;
        return { ...total };
      };
      return { ...engine, inputWait };
    };
    const waiting: (number | undefined)[] = [];
    for await (const event of train(recipeOf('waits', { epochs: 1 }), { openEngine })) {
      if (event.type === 'step') waiting.push(event.waiting);
    }
    expect(waiting).toEqual([0.25, 0.25, 0.25]);
    expect(
      only(await run('waits not', none(), { epochs: 1 }), 'step').map((event) => 'waiting' in event),
    ).not.toContain(true);
  });

  test.each(['group', 'prompt'] as const)('gives an update neighbours of one %s', async (groupBy) => {
    // Twelve pictures of three groups, each of which has one score.
    const rows = Array.from({ length: 12 }, (_, i) => `grey-${i}.png,${1 + (i % 3)},${['a', 'b', 'c'][i % 3]}`);
    await writeFile(shop.at(`${groupBy}.csv`), [`image,mos,${groupBy}`, ...rows].map((row) => `${row}\n`).join(''));
    const updates: number[][] = [];
    const openEngine: OpenEngine = async (...how) => {
      const engine = await fakeEngine(none())(...how);
      return {
        ...engine,
        attach: async (options) => {
          const model = await engine.attach(options);
          return {
            ...model,
            get step() {
              return model.step;
            },
            update: (examples, rate) => {
              const scores = examples.map(({ wanted }) => (wanted.kind === 'answers' ? wanted.target!.score : NaN));
              updates.push(scores);
              return model.update(examples, rate);
            },
          };
        },
      };
    };
    const changes: RecipeInput = {
      loss: 'fidelity',
      data: { manifest: shop.at(`${groupBy}.csv`), validation: null, groupBy },
      train: { order: 'by-group' },
      batchSize: 4,
      microBatch: 4,
      epochs: 3,
    };
    for await (const _event of train(recipeOf(`neighbours-${groupBy}`, changes), { openEngine }));
    expect(updates).toHaveLength(9);
    expect(updates.map((scores) => new Set(scores).size)).toEqual(updates.map(() => 1));
    expect(new Set(updates.map(([score]) => score)).size).toBe(3);
    // The table of the other tests has neither.
    const without = { ...changes, data: { manifest: shop.at('grey.csv'), validation: null } };
    await expect(run(`no-${groupBy}`, none(), without)).rejects.toThrow('train.order by-group: expected a group of 4');
  });

  test('stops early, and has nothing to do when it is resumed', async () => {
    const changes = { evaluation: { earlyStop: 2 } };
    const calls = none();
    const events = await run('stuck', calls, changes, {}, true);
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'early-stop' });
    const { updates } = calls;
    expect(updates).toBeLessThan(24);
    const again = await run('stuck', calls, changes, { resume: true }, true);
    expect(again.at(-1)).toMatchObject({ type: 'end', reason: 'early-stop', step: updates });
    expect(calls.updates).toBe(updates);
  });

  test('stopped, or left in the middle, it ends with the same bits when it goes on', async () => {
    await run('whole', none());
    const stop = new AbortController();
    const calls = none();
    const options = { signal: stop.signal, openEngine: fakeEngine(calls) };
    let ended: TrainEvent | null = null;
    for await (const event of train(recipeOf('stopped'), options)) {
      if (event.type === 'step' && event.step === 5) stop.abort();
      ended = event;
    }
    expect(ended).toMatchObject({ type: 'end', reason: 'aborted', step: 5 });
    expect(await stepsOf(shop.at('stopped'))).toContain(5);
    await run('stopped', none(), {}, { resume: true });
    // A process that is killed leaves what was written; here, the loop is left between two updates.
    for await (const event of train(recipeOf('left'), { openEngine: fakeEngine(none()) })) {
      if (event.type === 'step' && event.step === 8) break;
    }
    const resumed = await run('left', none(), {}, { resume: true });
    expect(only(resumed, 'step')[0]).toMatchObject({ step: 7 });
    for (const name of ['stopped', 'left']) {
      expect((await weights(name, 24)).equals(await weights('whole', 24))).toBe(true);
    }
  });

  test('says so where it goes on with another engine, or in another precision', async () => {
    /** Up to an update, with an engine of that name; gives its notes about engines. */
    const notesOf = async (engine: string, until: number): Promise<string[]> => {
      const openEngine: OpenEngine = async (...how) => ({ ...(await fakeEngine(none())(...how)), name: engine });
      const stop = new AbortController();
      const options = { resume: until > 1, signal: stop.signal, openEngine };
      const events: TrainEvent[] = [];
      for await (const event of train(recipeOf('engines'), options)) {
        events.push(event);
        if (event.type === 'step' && event.step === until) stop.abort();
      }
      expect(only(events, 'start')).toMatchObject([{ engine }]);
      return only(events, 'note').flatMap(({ text }) => (text.startsWith('computed by') ? [text] : []));
    };
    expect(await notesOf('torch 2.13 float32', 1)).toEqual([]);
    expect(await notesOf('torch 2.13 bfloat16', 2)).toEqual([
      "computed by torch 2.13 bfloat16 from here on, and by torch 2.13 float32 until here: the run's numbers change with it",
    ]);
    expect(await notesOf('torch 2.13 bfloat16', 3)).toEqual([]);
  });
});

describe('seeds', () => {
  const heldOut = (events: readonly TrainEvent[]): unknown =>
    only(events, 'evaluation').map(({ rmseOfMean }) => rmseOfMean)[0];
  const losses = (events: readonly TrainEvent[]): number[] => only(events, 'step').map(({ loss }) => loss);

  test('each default to the seed, and change what they name alone', { tags: ['long'] }, async () => {
    const small = { epochs: 1, seed: 5 };
    const plain = await run('seed-5', none(), small);
    const named = await run('seeds-5', none(), {
      epochs: 1,
      seed: 1,
      seeds: { split: 5, order: 5, init: 5, dropout: 5 },
    });
    expect(losses(named)).toEqual(losses(plain));
    const order = await run('order-6', none(), { ...small, seeds: { order: 6 } });
    expect(heldOut(order)).toBe(heldOut(plain));
    expect(losses(order)).not.toEqual(losses(plain));
    const split = await run('split-6', none(), { ...small, seeds: { split: 6 } });
    expect(heldOut(split)).not.toBe(heldOut(plain));
    // Another start of the same run: this engine has none, so that nothing changes.
    const init = await run('init-6', none(), { ...small, seeds: { init: 6 } });
    expect(losses(init)).toEqual(losses(plain));
  });
});
