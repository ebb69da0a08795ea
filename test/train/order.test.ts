// The order of an epoch: every clip once, a pure function of seed and epoch, and like lengths together where that is asked for.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import type { EpochOptions } from '../../src/train/order.ts';
import { epochOrder, orders } from '../../src/train/order.ts';

const options: EpochOptions = { order: 'by-length', batchSize: 8, seed: 5, epoch: 0 };
const lengthsOf = (count: number): number[] => {
  const stream = randomStream(9);
  return Array.from({ length: count }, () => 300 + stream.below(400));
};
/** Rows that a run of the graph computes, over those that are clips'. */
const filled = (lengths: readonly number[], samples: readonly number[], batchSize: number): number => {
  let rows = 0;
  for (let i = 0; i < samples.length; i += batchSize) {
    const batch = samples.slice(i, i + batchSize).map((sample) => lengths[sample]!);
    rows += batch.length * Math.max(...batch);
  }
  return rows / lengths.reduce((a, b) => a + b, 0);
};

test('every clip comes once, whatever the sizes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 700 }),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom(...orders),
      (lengths, batchSize, order) => {
        const samples = epochOrder(lengths, { ...options, batchSize, order });
        expect(samples.toSorted((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
      },
    ),
  );
});

test.each(orders)('%s: the same for a seed and epoch, another for another', (order) => {
  const lengths = lengthsOf(500);
  const made = (more: Partial<EpochOptions>): number[] => epochOrder(lengths, { ...options, order, ...more });
  expect(made({})).toEqual(made({}));
  for (const more of [{ epoch: 1 }, { seed: 6 }]) expect(made(more)).not.toEqual(made({}));
});

test('by length, batches are filled up by less than a fiftieth where shuffled ones are by a quarter', () => {
  const lengths = lengthsOf(1000);
  const [byLength, shuffled] = [epochOrder(lengths, options), epochOrder(lengths, { ...options, order: 'shuffled' })];
  expect(filled(lengths, byLength, 8)).toBeLessThan(1.02);
  expect(filled(lengths, shuffled, 8)).toBeGreaterThan(1.25);
});

test('by length, long and short batches are mixed over the epoch', () => {
  const lengths = lengthsOf(1000);
  const samples = epochOrder(lengths, options);
  const means = Array.from({ length: 4 }, (_, quarter) => {
    const some = samples.slice(250 * quarter, 250 * (quarter + 1)).map((sample) => lengths[sample]!);
    return some.reduce((a, b) => a + b) / some.length;
  });
  for (const mean of means) expect(Math.abs(mean - 500)).toBeLessThan(60);
});
