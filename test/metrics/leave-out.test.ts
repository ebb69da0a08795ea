// Statistics without each block of clips, against the same statistics of the other clips written out; and how clips are dealt.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import type { Statistic } from '../../src/metrics/index.ts';
import { challenge, evaluate, krcc, mae, plcc, rmse, srcc } from '../../src/metrics/index.ts';
import { blocksOf, maxBlocks } from '../../src/metrics/blocks.ts';
import { leaveOneOut } from '../../src/metrics/leave-out.ts';

const all: Record<string, Statistic> = { srcc, plcc, krcc, challenge, rmse, mae };
const own: Statistic = (x, y) => plcc(x, y);

const integers = fc.integer({ min: -3, max: 3 });
const reals = fc.integer({ min: -1e6, max: 1e6 }).map((k) => k / 997);
const rows = (values: fc.Arbitrary<number>): fc.Arbitrary<[number, number, number][]> =>
  fc.array(fc.tuple(values, values, fc.nat({ max: 6 })), { minLength: 3, maxLength: 30 });

/** From the definition; null where one is undefined. */
function naive(statistic: Statistic, list: readonly [number, number, number][]): number[] | null {
  const groups = [...new Set(list.map(([, , g]) => g))];
  const values = groups.map((group) => {
    const left = list.filter(([, , g]) => g !== group);
    const stat = statistic(
      left.map(([x]) => x),
      left.map(([, y]) => y),
    );
    return stat.defined ? stat.value : NaN;
  });
  return values.every(Number.isFinite) ? values : null;
}

describe.each(Object.entries({ ...all, own }))('%s without each group', (name, statistic) => {
  test.each([
    ['with many ties', integers],
    ['without', reals],
  ])('is that of the other clips, %s', (_, values) => {
    let numDefined = 0;
    fc.assert(
      fc.property(rows(values), (list) => {
        const [x, y] = [list.map(([a]) => a), list.map(([, b]) => b)];
        const whole = statistic(x, y);
        const got = leaveOneOut(statistic, x, y, blocksOf(list.length, { groups: list.map(([, , g]) => String(g)) }));
        const want = whole.defined ? naive(statistic, list) : null;
        expect(got === null).toBe(want === null);
        if (got === null || want === null || !whole.defined) return;
        numDefined++;
        expect(got.value).toBe(whole.value);
        want.forEach((value, g) => expect(got.without[g]).toBeCloseTo(value, name === 'rmse' ? 6 : 9));
      }),
      { numRuns: 200 },
    );
    expect(numDefined).toBeGreaterThan(100);
  });
});

test('blocks of many clips are counted as those of few', () => {
  const stream = randomStream(8);
  const y = Array.from({ length: 700 }, () => Math.round(20 * stream.normal()) / 10);
  const x = y.map((v) => Math.round(10 * (v + stream.normal())) / 10);
  const list = y.map((v, i): [number, number, number] => [x[i]!, v, i % 5]);
  for (const statistic of [srcc, krcc]) {
    const got = leaveOneOut(statistic, x, y, blocksOf(700, { groups: list.map(([, , g]) => String(g)) }))!;
    naive(statistic, list)!.forEach((value, g) => expect(got.without[g]).toBeCloseTo(value, 11));
  }
});

test('a group that holds nearly all of what differs leaves the digits of the rest', () => {
  const x = [1e8, -1e8, 1, 2, 3, 5];
  const y = [1e8, -1e8, 2, 1, 4, 4];
  const groups = ['far', 'far', 'a', 'b', 'c', 'd'];
  const rest = plcc(x.slice(2), y.slice(2));
  const got = leaveOneOut(plcc, x, y, blocksOf(6, { groups }))!;
  expect(got.without[0]).toBe(rest.defined && rest.value);
  for (const statistic of [rmse, mae]) {
    const others = statistic(x.slice(2), y.slice(2));
    const errors = leaveOneOut(statistic, [1e9, ...x.slice(1)], y, blocksOf(6, { groups }))!;
    expect(errors.without[0]).toBeCloseTo(others.defined ? others.value : NaN, 12);
  }
});

test('groups stay whole in blocks of about the same size, whatever their order', () => {
  const n = 12_345;
  const groups = Array.from({ length: n }, (_, i) => `g${Math.floor(i / 3)}`);
  const { of, count, numGroups, members, starts } = blocksOf(n, { groups });
  expect([count, numGroups]).toEqual([1000, Math.ceil(n / 3)]);
  const blocksByGroup = new Map(groups.map((group, i) => [group, of[i]]));
  groups.forEach((group, i) => expect(blocksByGroup.get(group)).toBe(of[i]));
  expect([...members].sort((a, b) => a - b)).toEqual([...groups.keys()]);
  const sizes = Array.from({ length: count }, (_, b) => starts[b + 1]! - starts[b]!);
  expect(Math.min(...sizes)).toBeGreaterThanOrEqual(12);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(15);
  expect([1, 100_000, 250_000, 1_000_000].map(maxBlocks)).toEqual([1000, 1000, 400, 200]);
  // Neighbours in a sorted table are not left out together, nor every thousandth.
  expect(new Set(Array.from({ length: 100 }, (_, g) => of[3 * g])).size).toBeGreaterThan(80);
  expect(new Set(Array.from({ length: 4 }, (_, k) => of[3000 * k])).size).toBe(4);
});

test('a million rows take seconds', { tags: ['long'] }, () => {
  const stream = randomStream(5);
  const y = Float64Array.from({ length: 1_000_000 }, () => stream.normal());
  const x = y.map((v) => Math.round(10 * (v + stream.normal())) / 10);
  const before = process.cpuUsage();
  const blocks = blocksOf(y.length);
  for (const statistic of [srcc, plcc, krcc, rmse]) expect(leaveOneOut(statistic, x, y, blocks)).not.toBeNull();
  expect(process.cpuUsage(before).user).toBeLessThan(40e6);
});

test('blocks of a sorted table give the standard error of a shuffled one', () => {
  const stream = randomStream(6);
  const y = Float64Array.from({ length: 5000 }, () => stream.normal()).sort();
  const x = y.map((v) => v + stream.normal());
  const { low, high } = evaluate({ predictions: x, mos: y }).intervals!.plcc!;
  // (1 − ρ²) / √n, to 10 %.
  expect((high - low) / 2 / 1.96).toBeGreaterThan(0.9 * (0.5 / Math.sqrt(5000)));
  expect((high - low) / 2 / 1.96).toBeLessThan(1.1 * (0.5 / Math.sqrt(5000)));
});
