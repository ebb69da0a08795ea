// The order of an epoch: every clip once, a pure function of seed and epoch, and like lengths together where that is asked for.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import type { EpochOptions } from '../../src/train/order.ts';
import { NEIGHBOURS, epochOrder, orders, requireGroups } from '../../src/train/order.ts';

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
        const groups = lengths.map((length) => (length > 40 ? undefined : `${length % 7}`));
        const samples = epochOrder(lengths, { ...options, batchSize, order, groups });
        expect(samples.toSorted((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
      },
    ),
  );
});

test.each(orders)('%s: the same for a seed and epoch, another for another', (order) => {
  const lengths = lengthsOf(500);
  const groups = lengths.map((length) => `${length % 60}`);
  const made = (more: Partial<EpochOptions>): number[] => epochOrder(lengths, { ...options, order, groups, ...more });
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

/** An epoch in fours, and the fours whose clips are all of one group. */
function foursOf(groups: readonly (string | undefined)[], epoch = 0): { fours: number[][]; whole: number } {
  const samples = epochOrder(lengthsOf(groups.length), { ...options, order: 'by-group', epoch, groups });
  const fours = samples.flatMap((_, i) => (i % NEIGHBOURS === 0 ? [samples.slice(i, i + NEIGHBOURS)] : []));
  const isWhole = (four: readonly number[]): boolean =>
    four.length === NEIGHBOURS &&
    groups[four[0]!] !== undefined &&
    new Set(four.map((sample) => groups[sample])).size === 1;
  return { fours, whole: fours.filter(isWhole).length };
}

test('by group, all fours that there can be are of one group, and what is left over is mixed', () => {
  const stream = randomStream(4);
  const groups = Array.from({ length: 400 }, () => (stream.below(10) === 0 ? undefined : `g${stream.below(30)}`));
  const sizes = new Map<string, number>();
  for (const group of groups) if (group !== undefined) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  const most = [...sizes.values()].reduce((total, size) => total + Math.floor(size / NEIGHBOURS), 0);
  const { fours, whole } = foursOf(groups);
  expect(whole).toBe(most);
  // Fours of one group do not come first: left-over ones are among them.
  const mixed = fours.flatMap((four, i) => (new Set(four.map((sample) => groups[sample])).size > 1 ? [i] : []));
  expect(Math.min(...mixed)).toBeLessThan(20);
  expect(Math.max(...mixed)).toBeGreaterThan(80);
  // Neighbours change from epoch to epoch, and so does what is left over.
  const pairs = (epoch: number): Set<string> =>
    new Set(foursOf(groups, epoch).fours.map((four) => four.toSorted((a, b) => a - b).join()));
  expect([...pairs(0)].filter((four) => pairs(1).has(four)).length).toBeLessThan(10);
});

test('by group, neighbours are as many as are compared, and a group of as many must be there', () => {
  expect(NEIGHBOURS).toBe(4);
  const of = (...sizes: number[]): string[] => sizes.flatMap((size, i) => Array.from({ length: size }, () => `${i}`));
  expect(() => requireGroups('by-group', of(1, 4))).not.toThrow();
  expect(() => requireGroups('shuffled', [undefined])).not.toThrow();
  expect(() => requireGroups('by-group', of(3, 2))).toThrow('expected a group of 4 clips or more, got at most 3');
  expect(() => requireGroups('by-group', [undefined])).toThrow('got no clip with a group');
});
