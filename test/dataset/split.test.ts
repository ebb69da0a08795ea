import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Grouped, Split } from '../../src/dataset/index.ts';
import { kFold, leakingGroups, rowsOfSplit, splitByGroup } from '../../src/dataset/index.ts';

/** Rows with and without groups, at least three groups. */
const rowsArbitrary = fc
  .array(fc.option(fc.nat(9), { nil: undefined }), { minLength: 3, maxLength: 60 })
  .map((groups): Grouped[] =>
    groups.map((group, i) => (group === undefined ? { id: `${i}` } : { id: `${i}`, group: `${group}` })),
  )
  .filter((rows) => numGroups(rows) >= 3);

function groupKey(row: Grouped): string {
  return row.group === undefined ? `row ${row.id}` : `group ${row.group}`;
}

function numGroups(rows: readonly Grouped[]): number {
  return new Set(rows.map(groupKey)).size;
}

function expectPartition(rows: readonly Grouped[], { train, holdout }: Split<Grouped>): void {
  const inTrain = new Set(train);
  expect(rows.filter((row) => inTrain.has(row))).toEqual(train); // nothing new, nothing twice, order kept
  expect(rows.filter((row) => !inTrain.has(row))).toEqual(holdout);
  expect(train.length).toBeGreaterThan(0);
  expect(holdout.length).toBeGreaterThan(0);
  const trainGroups = new Set(train.map(groupKey));
  expect(holdout.filter((row) => trainGroups.has(groupKey(row)))).toEqual([]);
}

function ids(split: Split<Grouped>): string[] {
  return split.holdout.map(({ id }) => id).sort();
}

const manyRows: Grouped[] = Array.from({ length: 500 }, (_, i) => ({ id: `clip ${i}`, group: `prompt ${i % 100}` }));

describe('splitByGroup', () => {
  it('partitions the rows and tears no group apart', () => {
    fc.assert(
      fc.property(
        rowsArbitrary,
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        fc.integer(),
        (rows, fraction, seed) => {
          expectPartition(rows, splitByGroup(rows, fraction, seed));
        },
      ),
    );
  });

  it('is off its share by no more than half the largest group', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.05, max: 0.95, noNaN: true }), fc.integer(), (fraction, seed) => {
        const { holdout } = splitByGroup(manyRows, fraction, seed);
        expect(Math.abs(holdout.length - fraction * 500)).toBeLessThanOrEqual(2.5);
      }),
    );
  });

  it('depends on the seed and the rows, not on their order', () => {
    fc.assert(
      fc.property(rowsArbitrary, fc.integer(), (rows, seed) => {
        const expected = ids(splitByGroup(rows, 0.3, seed));
        expect(ids(splitByGroup(rows, 0.3, seed))).toEqual(expected);
        expect(ids(splitByGroup(rows.toReversed(), 0.3, seed))).toEqual(expected);
      }),
    );
    expect(ids(splitByGroup(manyRows, 0.2, 1))).not.toEqual(ids(splitByGroup(manyRows, 0.2, 2)));
  });

  it('stays what it was: a saved run splits the same after an update', () => {
    const rows = Array.from({ length: 12 }, (_, i) => ({ id: `${i}`, group: 'abcdef'[i % 6]! }));
    expect(splitByGroup(rows, 0.34, 7).holdout.map(({ group }) => group)).toMatchInlineSnapshot(`
      [
        "b",
        "f",
        "b",
        "f",
      ]
    `);
  });

  it('holds the smallest group out when all are larger than the share', () => {
    const rows = Array.from('aaaaaabbbbbccc').map((group, i) => ({ id: `${i}`, group }));
    for (const seed of [1, 2, 3])
      expect(new Set(splitByGroup(rows, 0.05, seed).holdout.map(({ group }) => group))).toEqual(new Set('c'));
  });

  it('says what is wrong with too few groups or a bad fraction', () => {
    const one = Array.from('aaa').map((group, i) => ({ id: `${i}`, group }));
    expect(() => splitByGroup(one, 0.5, 1)).toThrow('split: expected at least 2 groups for a holdout, got 1');
    for (const fraction of [0, 1, -0.1, NaN, 20])
      expect(() => splitByGroup(manyRows, fraction, 1)).toThrow(/between 0 and 1/);
  });

  it('takes a group and a row of the same name for two groups', () => {
    const rows = [{ id: 'x' }, { id: 'y', group: 'x' }];
    expect(splitByGroup(rows, 0.5, 1).holdout).toHaveLength(1);
  });
});

describe('kFold', () => {
  it('holds every row out once and tears no group apart', () => {
    fc.assert(
      fc.property(rowsArbitrary, fc.integer({ min: 2, max: 8 }), fc.integer(), (rows, k, seed) => {
        fc.pre(numGroups(rows) >= k);
        const folds = kFold(rows, k, seed);
        expect(folds).toHaveLength(k);
        for (const fold of folds) expectPartition(rows, fold);
        expect(folds.flatMap(ids).sort()).toEqual(rows.map(({ id }) => id).sort());
      }),
    );
  });

  it('balances folds to within the largest group', () => {
    fc.assert(
      fc.property(rowsArbitrary, fc.integer({ min: 2, max: 3 }), fc.integer(), (rows, k, seed) => {
        const sizes = kFold(rows, k, seed).map(({ holdout }) => holdout.length);
        const largest = Math.max(
          ...rows.map((row) => rows.filter((other) => groupKey(other) === groupKey(row)).length),
        );
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(largest);
      }),
    );
    expect(kFold(manyRows, 5, 3).map(({ holdout }) => holdout.length)).toEqual([100, 100, 100, 100, 100]);
  });

  it('depends on the seed and the rows, not on their order', () => {
    expect(kFold(manyRows, 5, 1).map(ids)).toEqual(kFold(manyRows.toReversed(), 5, 1).map(ids));
    expect(kFold(manyRows, 5, 1).map(ids)).not.toEqual(kFold(manyRows, 5, 2).map(ids));
  });

  it('says what is wrong with too few groups or a bad k', () => {
    const three = Array.from('abcabc').map((group, i) => ({ id: `${i}`, group }));
    expect(() => kFold(three, 4, 1)).toThrow('split: expected at least 4 groups for 4 folds, got 3');
    for (const k of [1, 0, 2.5, NaN]) expect(() => kFold(three, k, 1)).toThrow(/folds: expected an integer/);
  });
});

describe('splits of the manifest', () => {
  const rows = [
    { id: '1', group: 'a', split: 'train' },
    { id: '2', group: 'a', split: 'test' },
    { id: '3', group: 'b', split: 'test' },
    { id: '4', split: 'train' },
    { id: '5', group: 'a' },
    { id: '6', group: 'a', split: 'test' },
  ];

  it('selects rows by name, and lists the names when there are none', () => {
    expect(rowsOfSplit(rows, 'test').map(({ id }) => id)).toEqual(['2', '3', '6']);
    expect(() => rowsOfSplit(rows, 'tset')).toThrow('split: expected rows of "tset", got "test", "train"');
    expect(() => rowsOfSplit([{}], 'test')).toThrow(/no split column/);
  });

  it('lists groups that lie in more than one split', () => {
    expect(leakingGroups(rows)).toEqual([{ group: 'a', splits: ['test', 'train'], numRows: 3 }]);
    expect(leakingGroups(rows.filter(({ id }) => id !== '1'))).toEqual([]);
  });

  it('finds no leak in what splitByGroup made, and one in any row that moves', () => {
    const { train, holdout } = splitByGroup(manyRows, 0.2, 5);
    const marked = [
      ...train.map((row) => ({ ...row, split: 'train' })),
      ...holdout.map((row) => ({ ...row, split: 'test' })),
    ];
    expect(leakingGroups(marked)).toEqual([]);
    marked[0]!.split = 'test';
    expect(leakingGroups(marked)).toEqual([{ group: marked[0]!.group, splits: ['test', 'train'], numRows: 5 }]);
  });
});
