// The training loop: what it does again the same way, what it keeps, when it stops, and what it refuses.
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readJsonLines } from '../../src/files/index.ts';
import { createRandomCheckpoint } from '../../src/model/index.ts';
import type { Loss } from '../../src/objectives/index.ts';
import { objectives } from '../../src/objectives/index.ts';
import type { RecipeInput, TrainEvent } from '../../src/train/index.ts';
import { readRunRecipe, train } from '../../src/train/index.ts';
import { spoilt } from '../model/spoilt.ts';
import { makeClip } from '../video/make-clip.ts';
import type { Workshop } from './run-fixtures.ts';
import { bytesOf, only, openWorkshop, runAll, stepsOf, writePicture } from './run-fixtures.ts';

let shop: Workshop;
beforeAll(async () => {
  shop = await openWorkshop();
});
afterAll(() => shop.remove());

/** Losses and scores, which do not depend on the clock. */
const numbers = (events: readonly TrainEvent[]): unknown[] => [
  ...only(events, 'step').map(({ loss, gradientNorm, learningRate }) => [loss, gradientNorm, learningRate]),
  ...only(events, 'evaluation').map(({ srcc, plcc, rmse }) => [srcc, plcc, rmse]),
];

describe('a run', () => {
  test(
    'again is the same to the last bit, whatever the workers; another seed is another run',
    { tags: ['long'] },
    async () => {
      const first = await runAll(shop.recipe('first'));
      const again = await runAll(shop.recipe('again', { runtime: { workers: 2, threads: 1 } }));
      const other = await runAll(shop.recipe('other', { seed: 8 }));
      expect(numbers(again)).toEqual(numbers(first));
      expect(await bytesOf(shop.at('again'), 6)).toBe(await bytesOf(shop.at('first'), 6));
      expect(numbers(other)).not.toEqual(numbers(first));
    },
  );

  test('says everything in events.jsonl, and its folder tells how to go on', async () => {
    const events = await runAll(shop.recipe('told'));
    const written = await readJsonLines(shop.at('told', 'events.jsonl'));
    const times = written.map((line) => (line as { time: string }).time);
    expect(times.every((time) => new Date(time).toISOString() === time)).toBe(true);
    expect(times).toEqual(times.toSorted());
    expect(written.map((line) => ({ ...(line as object), time: undefined }))).toEqual(
      JSON.parse(JSON.stringify(events.filter(({ type }) => type !== 'prepared'))),
    );
    expect(events[0]).toEqual({ type: 'prepared', done: 1, cached: 0, total: 12 });
    expect(only(events, 'start')[0]).toMatchObject({ step: 0, totalSteps: 6, numTrain: 9, numValidation: 3 });
    expect(only(events, 'mask')[0]!.text).toMatch(/^trained +2 +"\d\d"$/m);
    expect(only(events, 'step').map(({ step, epoch }) => [step, epoch])).toEqual(
      [1, 2, 3, 4, 5, 6].map((step) => [step, step / 3]),
    );
    expect(events.at(-1)).toMatchObject({ type: 'end', step: 6, reason: 'finished' });
    // What keeps clips together was found in the table.
    const { recipe } = shop.recipe('told');
    expect((await readRunRecipe(shop.at('told'))).recipe).toEqual({
      ...recipe,
      data: { ...recipe.data, groupBy: 'group' },
    });
    expect(await readJsonLines(shop.at('told', 'plan.jsonl'))).toHaveLength(12);
  });

  test('shows every clip once an epoch, in another order each time', async () => {
    // Nothing changes at this rate, so a clip is known by its loss.
    const still = { lora: { rank: 1, dropout: 0 }, optimizer: { learningRate: 1e-30 }, batchSize: 1, microBatch: 1 };
    const data = { manifest: shop.at('clips.csv'), validation: null };
    const losses = only(await runAll(shop.recipe('orders', { ...still, data })), 'step').map(({ loss }) => loss);
    const [first, second] = [losses.slice(0, 12), losses.slice(12)];
    expect(new Set(first).size).toBeGreaterThan(8); // clips with one answer may lose alike
    expect(second.toSorted((a, b) => a - b)).toEqual(first.toSorted((a, b) => a - b));
    expect(second).not.toEqual(first);
  });

  test('with layers computed again has the losses of one that keeps them', { tags: ['long'] }, async () => {
    const kept = only(await runAll(shop.recipe('layers-kept')), 'step');
    const again = only(await runAll(shop.recipe('layers-again', { train: { gradientCheckpointing: true } })), 'step');
    again.forEach(({ loss }, i) => expect(Math.abs(loss / kept[i]!.loss - 1)).toBeLessThan(1e-4));
  });

  test('by length is another order, and as often the same', { tags: ['long'] }, async () => {
    const changes = { train: { order: 'by-length' }, batchSize: 2, microBatch: 2 } as const;
    const [one, two] = [await runAll(shop.recipe('sorted', changes)), await runAll(shop.recipe('sorted-2', changes))];
    expect(numbers(two)).toEqual(numbers(one));
    const shuffled = await runAll(shop.recipe('unsorted', { ...changes, train: { order: 'shuffled' } }));
    expect(numbers(shuffled)).not.toEqual(numbers(one));
  });

  test('keeps the latest checkpoints and the best, and points to it', { tags: ['long'] }, async () => {
    const events = await runAll(
      shop.recipe('kept', { epochs: 4, evaluation: { every: 2, metric: 'plcc' }, checkpoint: { every: 1, keep: 2 } }),
    );
    const best = only(events, 'evaluation').filter((event) => event.best);
    const scores = only(events, 'evaluation').map(({ plcc }) => plcc!);
    expect(best.at(-1)!.plcc).toBe(Math.max(...scores));
    const expected = new Set([best.at(-1)!.step, 11, 12]);
    expect(await stepsOf(shop.at('kept'))).toEqual([...expected].sort((a, b) => a - b));
    expect(only(events, 'end')[0]!.best).toBe(shop.at('kept', 'checkpoints', `step-${best.at(-1)!.step}`));
  });
});

describe('stopping', () => {
  test('early, after evaluations without a better one; to resume it does nothing', { tags: ['long'] }, async () => {
    const recipe = shop.recipe('early', {
      epochs: 60,
      optimizer: { learningRate: 1e-9 },
      evaluation: { every: 1, earlyStop: 2, metric: 'srcc' }, // ranks do not move with rounding
    });
    const events = await runAll(recipe);
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'early-stop', step: 3 });
    const resumed = await runAll(recipe, { resume: true });
    expect(only(resumed, 'step')).toEqual([]);
    expect(resumed.at(-1)).toEqual(events.at(-1));
  });

  const resumes = async (loss: Loss): Promise<void> => {
    const whole = await runAll(shop.recipe(`whole-${loss}`, { loss }));
    const stop = new AbortController();
    const recipe = shop.recipe(`halves-${loss}`, { loss });
    const events: TrainEvent[] = [];
    for await (const event of train(recipe, { signal: stop.signal })) {
      events.push(event);
      if (event.type === 'step' && event.step === 2) stop.abort();
    }
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'aborted', step: 2 });
    expect(await stepsOf(recipe.recipe.out)).toEqual([2]);
    const rest = await runAll(recipe, { resume: true });
    expect(numbers([...events, ...rest])).toEqual(numbers(whole));
    expect(await bytesOf(recipe.recipe.out, 6)).toBe(await bytesOf(shop.at(`whole-${loss}`), 6));
  };
  test('by a signal, with a checkpoint; resumed it ends with the same bits', () => resumes('integer-only'));
  test.each(['sentence', 'sequence'] as const)('the same with %s', { tags: ['long'] }, resumes);

  test('before an update that is not finite, naming step and clips; what was kept stays', async () => {
    const recipe = shop.recipe('wild', {
      method: 'full',
      optimizer: { learningRate: 1e30 },
      checkpoint: { every: 1, keep: 9 },
    });
    await expect(runAll(recipe)).rejects.toMatchObject({
      code: 'non-finite',
      message: expect.stringMatching(/step 2.*\d+\.png/s) as string,
    });
    expect(await stepsOf(shop.at('wild'))).toEqual([1]);
  });

  test('at weights of the model that are not finite: named when they train, or when the loss goes wrong', async () => {
    const weight = 'layers.1.mlp.up_proj.weight';
    const model = await spoilt(shop.at('model'), shop.at('spoilt'), [[weight, 17, NaN]]);
    await expect(runAll(shop.recipe('on-nan', { model }))).rejects.toMatchObject({
      code: 'non-finite',
      message: expect.stringMatching(
        /^step 1, clips .* a loss of NaN; model .*spoilt: layers\.1\.mlp\.up_proj\.weight has NaN at 17$/,
      ) as string,
    });
    await expect(runAll(shop.recipe('of-nan', { model, method: 'full' }))).rejects.toMatchObject({
      code: 'bad-checkpoint',
      message: expect.stringMatching(
        /spoilt.model\.safetensors: ".*\.layers\.1\.mlp\.up_proj\.weight": expected finite numbers, got NaN at 17$/,
      ) as string,
    });
  });
});

describe('what is refused', () => {
  beforeAll(() => runAll(shop.recipe('begun', { epochs: 1 })));

  const refused = (name: string, changes: RecipeInput, resume = true): Promise<unknown> =>
    runAll(shop.recipe(name, { epochs: 1, ...changes }), { resume }).then(
      () => 'nothing',
      (error: Error) => error.message,
    );

  test('a folder that holds a run, or something else', async () => {
    expect(await refused('begun', {}, false)).toContain('expected a new folder, got one that holds a run');
    expect(await refused('model', {}, false)).toContain('expected a new or empty folder');
  });

  test('to go on with another recipe, by key; the machine may differ', async () => {
    expect(await refused('begun', { seed: 9, optimizer: { learningRate: 1e-4 } })).toMatch(
      /expected the recipe that the run was begun with, got another optimizer\.learningRate, seed|seed, optimizer\.learningRate/,
    );
    expect(await refused('begun', { runtime: { workers: 2, threads: 2 } })).toBe('nothing');
  });

  test('to go on with other pixels', { tags: ['long'] }, async () => {
    await runAll(shop.recipe('pixels', { epochs: 1 }));
    const before = await readFile(shop.at('3.png'));
    await writePicture(shop.at('3.png'), 77);
    try {
      expect(await refused('pixels', {})).toContain(
        'expected the pixels that the run began with, got other ones for "3.png"',
      );
    } finally {
      await writeFile(shop.at('3.png'), before);
    }
  });

  test('clips that cannot be read, all at once; or they are left out', { tags: ['long'] }, async () => {
    await writeFile(shop.at('text.png'), 'text');
    await writeFile(shop.at('some.csv'), 'image,mos\n0.png,1\ntext.png,2\n1.png,3\n2.png,4\n');
    const data = { manifest: shop.at('some.csv'), validation: null };
    expect(await refused('bad', { data })).toMatch(/expected at most 0 bad ones of 4, got 1:\n.*text\.png: expected/);
    await rm(shop.at('bad'), { recursive: true });
    const events = await runAll(shop.recipe('bad', { epochs: 1, data: { ...data, maxBadFraction: 0.3 } }));
    expect(only(events, 'bad-clip')).toMatchObject([{ id: 'text.png' }]);
    expect(only(events, 'start')[0]!.numTrain).toBe(3);
  });
});

describe('a run that starts from an adapter', () => {
  beforeAll(() =>
    runAll(shop.recipe('base', { epochs: 1, lora: { rank: 3, alpha: 6, targets: ['q_proj', 'up_proj'] } })),
  );

  test('has its rank, scale and targets, and begins with its numbers', async () => {
    const adapter = shop.at('base', 'checkpoints', 'step-3');
    await runAll(shop.recipe('onward', { epochs: 1, adapter, optimizer: { learningRate: 1e-30 } }));
    const { recipe } = await readRunRecipe(shop.at('onward'));
    expect(recipe.lora).toMatchObject({ rank: 3, alpha: 6, targets: ['q_proj', 'up_proj'] });
    const file = 'adapter_model.safetensors';
    const [first, second] = await Promise.all(
      [adapter, shop.at('onward', 'checkpoints', 'step-3')].map((folder) => readFile(join(folder, file))),
    );
    expect(second!.equals(first!)).toBe(true);
  });

  test('refuses settings that it does not have, and another model', async () => {
    const adapter = shop.at('base', 'checkpoints', 'step-3');
    await expect(runAll(shop.recipe('clash', { adapter, lora: { rank: 8 } }))).rejects.toThrow(
      'expected lora.rank=3, which the adapter has, got 8',
    );
    await createRandomCheckpoint(shop.at('stranger'), { preset: 'tiny', seed: 5 });
    await expect(runAll(shop.recipe('wrong', { adapter, model: shop.at('stranger') }))).rejects.toThrow(
      'expected the base model that it was trained on',
    );
  });
});

describe('every objective', () => {
  const kinds = ['integer', 'decimal', 'level', 'raw'] as const;
  const losses = [
    ...(['integer-only', 'response', 'softmax-regression', 'soft-label', 'expected-score'] as const),
    ...(['sentence', 'sequence', 'regression-aware', 'fidelity'] as const),
  ];
  const pairs = losses.flatMap((loss, i) =>
    kinds
      .filter((kind) => kind !== 'raw' || objectives[loss].form.over === 'tokens')
      // Quick are all losses and all kinds, once each or nearly so.
      .map((kind, k) => ({
        loss,
        kind,
        tags: i % kinds.length === k || (loss === 'response' && kind === 'raw') ? [] : ['long'],
      })),
  );
  describe.each(pairs)('$loss with $kind answers', ({ loss, kind, tags }) => {
    test('trains', { tags }, async () => {
      const name = `objective-${loss}-${kind}`;
      const { groupSize } = objectives[loss].form;
      const events = await runAll(
        shop.recipe(name, {
          loss,
          ...(groupSize > 1 ? { batchSize: groupSize, microBatch: groupSize } : {}),
          answer: { kind },
          epochs: 1,
          data: { manifest: shop.at('clips.csv'), validation: null },
        }),
      );
      const steps = only(events, 'step');
      expect(steps).toHaveLength(groupSize > 1 ? 3 : 4);
      for (const { loss: value, gradientNorm } of steps) expect(Number.isFinite(value) && gradientNorm > 0).toBe(true);
    });
  });

  test('answers that are no scores leave validation undefined, with the reason', async () => {
    const events = await runAll(shop.recipe('raw', { answer: { kind: 'raw' }, epochs: 1 }));
    const [evaluation] = only(events, 'evaluation');
    expect(evaluation).toMatchObject({ srcc: null, rmse: null, best: false });
    expect(evaluation!.undefinedBecause).toContain('expected a number of 1–5');
  });

  test.each(['lora', 'full'] as const)('%s on two frames of videos, in pieces of a batch as in one', async (method) => {
    const rows = ['video,mos'];
    for (let i = 0; i < 4; i++) {
      const name = `v${i}.mp4`;
      await makeClip({ path: shop.at(name), codec: 'libx264', format: 'mp4', numFrames: 3 + i, width: 56, height: 56 });
      rows.push(`${name},${1 + i}`);
    }
    await writeFile(shop.at('videos.csv'), `${rows.join('\n')}\n`);
    const data = { manifest: shop.at('videos.csv'), validation: null };
    const frames = { pick: 'uniform', count: 2, maxPixels: 3136 } as const;
    const shared = { method, data, frames, epochs: 2, batchSize: 4 };
    const whole = await runAll(shop.recipe(`whole-${method}`, { ...shared, microBatch: 4 }));
    const pieces = await runAll(shop.recipe(`pieces-${method}`, { ...shared, microBatch: 1 }));
    only(whole, 'step').forEach(({ loss }, i) => expect(only(pieces, 'step')[i]!.loss).toBeCloseTo(loss, 4));
  });

  test.each(['BF16', 'F16'] as const)('an adapter on weights in %s', async (dtype) => {
    const model = shop.at(`model-${dtype}`);
    await createRandomCheckpoint(model, { preset: 'tiny', dtype });
    const events = await runAll(shop.recipe(`run-${dtype}`, { model, epochs: 1 }));
    expect(only(events, 'step').every(({ loss }) => Number.isFinite(loss))).toBe(true);
  });
});
