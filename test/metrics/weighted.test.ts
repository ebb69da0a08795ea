// Statistics of clips that count several times, against the same statistics of the clips written out.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import type { Stat, Statistic } from '../../src/metrics/index.ts';
import { challenge, krcc, mae, plcc, rmse, srcc } from '../../src/metrics/index.ts';
import { intervals } from '../../src/metrics/bootstrap.ts';
import { weighted } from '../../src/metrics/weighted.ts';

const all: Record<string, Statistic> = { srcc, plcc, krcc, challenge, rmse, mae };

const integers = fc.integer({ min: -4, max: 4 });
const reals = fc.integer({ min: -1e6, max: 1e6 }).map((k) => k / 997);
const rows = (values: fc.Arbitrary<number>): fc.Arbitrary<[number, number, number][]> =>
  fc.array(fc.tuple(values, values, fc.nat({ max: 3 })), { minLength: 2, maxLength: 30 });

describe.each(Object.entries(all))('%s of clips that count several times', (_, statistic) => {
  test.each([
    ['with many ties', integers],
    ['without', reals],
  ])('is that of the clips written out, %s', (__, values) => {
    let numDefined = 0;
    fc.assert(
      fc.property(rows(values), (list) => {
        const form = weighted(
          statistic,
          list.map(([x]) => x),
          list.map(([, y]) => y),
        );
        const counts = Uint32Array.from(list, ([, , count]) => count);
        const out = list.flatMap(([x, y, count]) => Array.from({ length: count }, () => [x, y] as const));
        const expected = statistic(
          out.map(([x]) => x),
          out.map(([, y]) => y),
        );
        // Twice: a call leaves nothing behind for the next.
        form(counts.map((count) => count + 1));
        const got = form(counts);
        if (expected.defined) numDefined++;
        expect(got === null).toBe(!expected.defined);
        expect(got ?? 0).toBeCloseTo(expected.defined ? expected.value : 0, 9);
      }),
      { numRuns: 300 },
    );
    expect(numDefined).toBeGreaterThan(150);
  });

  test('is null for numbers that are not finite', () => {
    expect(weighted(statistic, [1, NaN, 2], [1, 2, 3])(new Uint32Array([1, 0, 1]))).toBeNull();
  });
});

test('another statistic is called with the clips written out', () => {
  const seen: number[][] = [];
  const own: Statistic = (x, y): Stat => {
    seen.push([...x], [...y]);
    return x.length < 2 ? { defined: false, reason: 'few' } : { defined: true, value: x.length };
  };
  const form = weighted(own, [1, 2, 3], [4, 5, 6]);
  expect(form(new Uint32Array([2, 0, 1]))).toBe(3);
  expect(seen).toEqual([
    [1, 1, 3],
    [4, 4, 6],
  ]);
  expect(form(new Uint32Array([1, 0, 0]))).toBeNull();
});

test('clips that differ by less than can be squared leave nothing undefined behind', () => {
  const form = weighted(plcc, [-1, 0, 1e-200, 1], [1, 2, 3, 4]);
  expect(form(new Uint32Array([0, 1, 1, 0]))).toBeNull();
});

test('four thousand clips drawn two thousand times take seconds', { tags: ['long'] }, () => {
  const stream = randomStream(3);
  const x = Float64Array.from({ length: 4000 }, () => stream.normal());
  const y = x.map((v) => Math.round(10 * (v + stream.normal())) / 10);
  const before = process.cpuUsage();
  const found = intervals(x, y, { srcc, plcc, krcc });
  // About 1 s alone (15 s when each resample was sorted again); the bound is in processor time.
  expect(process.cpuUsage(before).user).toBeLessThan(8e6);
  expect(found.srcc!.low).toBeGreaterThan(0.6);
});
