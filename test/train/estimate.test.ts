// Forecasts against runs: how often what is done, what is held, and that more work is forecast to take more.
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RecipeInput } from '../../src/train/index.ts';
import { estimateRun } from '../../src/train/index.ts';
import type { RunEstimate } from '../../src/train/index.ts';
import type { Workshop } from './run-fixtures.ts';
import { only, openWorkshop, runAll } from './run-fixtures.ts';

let shop: Workshop;
beforeAll(async () => {
  shop = await openWorkshop();
});
afterAll(() => shop.remove());

const estimate = (changes: RecipeInput = {}): Promise<RunEstimate> => estimateRun(shop.recipe('estimated', changes));
const runs = ({ parts }: RunEstimate): Record<string, number> =>
  Object.fromEntries(parts.map((part) => [part.name, part.runs]));

describe('estimateRun', () => {
  test('counts the work that a run then does', { tags: ['long'] }, async () => {
    const forecast = await estimate({ microBatch: 1 });
    const events = await runAll(shop.recipe('real', { microBatch: 1 }));
    const start = only(events, 'start')[0]!;
    expect(runs(forecast)).toEqual({
      'vision tower': start.numTrain + start.numValidation + 2 * only(events, 'evaluation').length,
      'training step': only(events, 'step').length * 3, // batches of three clips, one at a time
      // Validation clips go four at a time; two golden pictures a checkpoint go one by one.
      'scoring pass': only(events, 'evaluation').length * (Math.ceil(start.numValidation / 4) + 2),
    });
    expect(forecast.visionTokens).toBe(4); // 56 × 56 pixels
    expect(forecast.tokens).toBeGreaterThan(100);
  });

  test(
    'counts the rest of an epoch as an update of its own, and takes the rank of an adapter',
    { tags: ['long'] },
    async () => {
      const rest = await estimate({ batchSize: 4, microBatch: 4 }); // nine clips: 4, 4 and 1
      expect(runs(rest)['training step']).toBe(2 * 3);
      await runAll(shop.recipe('ranked', { lora: { rank: 16 }, epochs: 1 }));
      const adapter = shop.at('ranked', 'checkpoints', 'best');
      const flops = ({ parts }: RunEstimate) => parts.map((part) => part.flops);
      expect(flops(await estimate({ adapter }))).toEqual(flops(await estimate({ lora: { rank: 16 } })));
    },
  );

  test(
    'of an adapter on the last layers counts those below once a clip, and less in a step',
    { tags: ['long'] },
    async () => {
      const forecast = await estimate({ lora: { rank: 4, layers: 'last 1' } });
      expect(runs(forecast)['layers below the adapter']).toBe(9);
      const step = ({ parts }: RunEstimate): number => parts.find(({ name }) => name === 'training step')!.flops;
      expect(step(forecast)).toBeLessThan(0.6 * step(await estimate()));
    },
  );

  test(
    'every weight that trains is held four times, and the tower is part of the step',
    { tags: ['long'] },
    async () => {
      const full = await estimate({ method: 'full' });
      expect(Object.keys(runs(full))).toEqual(['training step', 'scoring pass']);
      const { numModelParameters } = only(
        await runAll(shop.recipe('full', { method: 'full', epochs: 1 })),
        'start',
      )[0]!;
      const lora = await estimate();
      const difference = full.ownBytes - lora.ownBytes;
      expect(difference).toBeGreaterThan(4 * 4 * numModelParameters * 0.9);
      expect(full.parts.every(({ mappedBytes }) => mappedBytes === 0)).toBe(true);
    },
  );

  test(
    'needs no weights: config.json is enough, and published sizes are known by name',
    { tags: ['long'] },
    async () => {
      const { recipe } = shop.recipe('whole');
      const whole = await estimate();
      expect(whole.notes).toEqual([]);
      const bare = shop.at('bare-model');
      await cp(recipe.model, bare, { recursive: true, filter: (path) => !path.endsWith('.safetensors') });
      const config = await estimate({ model: bare });
      const work = ({ parts }: RunEstimate) =>
        parts.map(({ name, runs, flops, ownBytes, mappedBytes }) => ({ name, runs, flops, ownBytes, mappedBytes }));
      expect(work(config)).toEqual(work(whole));
      expect(config.notes).toEqual([expect.stringContaining('the weights of') as string]);

      const large = await estimate({ model: 'Qwen/Qwen2.5-VL-72B-Instruct', epochs: 1 });
      expect(large.notes).toEqual([expect.stringContaining('sizes are those that are published') as string]);
      expect(large.residentBytes).toBeGreaterThan(100e9);
      await expect(estimate({ model: 'Qwen/Qwen2.5-VL-4B-Instruct' })).rejects.toMatchObject({
        code: 'bad-checkpoint',
      });
      await writeFile(join(bare, 'model-00001-of-00009.safetensors'), 'no tensors');
      await expect(estimate({ model: bare })).rejects.toMatchObject({ code: 'bad-checkpoint' });
    },
  );

  test('is about another machine where one is named', async () => {
    const there = await estimateRun(shop.recipe('elsewhere'), { memoryBytes: 5e9, threads: 6400 });
    expect(there.machineBytes).toBe(5e9);
    expect(there.speed.flops).toBeGreaterThan(2e12); // no machine that tests run on
    expect(there.notes).toHaveLength(1);
  });

  test('counts the memory of the clips that are scored together in validation', { tags: ['long'] }, async () => {
    const part = (of: RunEstimate): number => of.parts.find(({ name }) => name === 'scoring pass')!.ownBytes;
    const validating = (fraction: number): RecipeInput => ({
      data: { manifest: shop.at('clips.csv'), validation: { fraction } },
    });
    expect(part(await estimate(validating(0.5))) / part(await estimate(validating(0.09)))).toBeGreaterThan(3);
  });

  test('larger micro-batches need more memory, more epochs more time', { tags: ['long'] }, async () => {
    const [one, three, long] = [
      await estimate({ microBatch: 1 }),
      await estimate({ microBatch: 3 }),
      await estimate({ epochs: 20 }),
    ];
    const step = (forecast: RunEstimate) => forecast.parts.find(({ name }) => name === 'training step')!;
    expect(step(three).ownBytes / step(one).ownBytes).toBeCloseTo(3, 0);
    expect(step(three).flops / step(one).flops).toBeCloseTo(3, 0);
    expect(step(long).runs).toBe(10 * step(three).runs);
  });

  test('counts a pass for each token of an answer that is generated, and for its end', { tags: ['long'] }, async () => {
    const integers = runs(await estimate())['scoring pass']!;
    const raw = runs(await estimate({ answer: { kind: 'raw' } }))['scoring pass']!;
    // Scores of two decimals, such as 3.27 (rarely 3.2): four tokens and the end.
    expect(raw / integers).toBeGreaterThan(4);
    expect(raw / integers).toBeLessThanOrEqual(5);
  });

  test.each(['softmax-regression', 'soft-label', 'expected-score', 'response', 'sentence', 'sequence'] as const)(
    'knows the loss %s',
    async (loss) => {
      expect((await estimate({ loss })).seconds).toBeGreaterThan(0);
    },
  );
});
