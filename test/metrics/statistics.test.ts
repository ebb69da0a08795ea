// Correlations against direct definitions, with ties, on random and on hand-made numbers.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import type { Stat } from '../../src/metrics/index.ts';
import { krcc, mae, plcc, rmse, srcc } from '../../src/metrics/index.ts';
import { orderOf, ranks } from '../../src/metrics/order.ts';

const valueOf = (stat: Stat): number => {
  if (!stat.defined) throw new Error(stat.reason);
  return stat.value;
};

/** Tau-b from its definition, pair by pair. */
function tauB(x: readonly number[], y: readonly number[]): number {
  let [score, freeX, freeY] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    for (let j = 0; j < i; j++) {
      const [a, b] = [Math.sign(x[i]! - x[j]!), Math.sign(y[i]! - y[j]!)];
      score += a * b;
      freeX += a * a;
      freeY += b * b;
    }
  }
  return score / Math.sqrt(freeX * freeY);
}

/** A rank from its definition: one plus those below plus half of the other equal ones. */
function naiveRanks(x: readonly number[]): number[] {
  return x.map((v) => 1 + x.filter((w) => w < v).length + (x.filter((w) => w === v).length - 1) / 2);
}

function naivePearson(x: readonly number[], y: readonly number[]): number {
  const mean = (v: readonly number[]): number => v.reduce((a, b) => a + b, 0) / v.length;
  const [mx, my] = [mean(x), mean(y)];
  const sum = (f: (i: number) => number): number => x.reduce((total, _, i) => total + f(i), 0);
  const xy = sum((i) => (x[i]! - mx) * (y[i]! - my));
  return xy / Math.sqrt(sum((i) => (x[i]! - mx) ** 2) * sum((i) => (y[i]! - my) ** 2));
}

/** Pairs with many ties: small integers. */
const pairs = fc
  .array(fc.tuple(fc.integer({ min: -4, max: 4 }), fc.integer({ min: -4, max: 4 })), { minLength: 3, maxLength: 40 })
  .map((list) => ({ x: list.map(([a]) => a), y: list.map(([, b]) => b) }))
  .filter(({ x, y }) => new Set(x).size > 1 && new Set(y).size > 1);

describe('correlations', () => {
  test('equal direct definitions, ties included', () => {
    fc.assert(
      fc.property(pairs, ({ x, y }) => {
        expect([...ranks(x)]).toEqual(naiveRanks(x));
        expect(valueOf(plcc(x, y))).toBeCloseTo(naivePearson(x, y), 12);
        expect(valueOf(srcc(x, y))).toBeCloseTo(naivePearson(naiveRanks(x), naiveRanks(y)), 12);
        expect(valueOf(krcc(x, y))).toBeCloseTo(tauB(x, y), 12);
      }),
      { numRuns: 500 },
    );
  });

  test('ranks do not change under rising maps, and turn sign under falling ones', () => {
    fc.assert(
      fc.property(pairs, ({ x, y }) => {
        const [up, down] = [x.map((v) => Math.exp(v / 3)), x.map((v) => -v)];
        for (const statistic of [srcc, krcc]) {
          expect(valueOf(statistic(up, y))).toBeCloseTo(valueOf(statistic(x, y)), 12);
          expect(valueOf(statistic(down, y))).toBeCloseTo(-valueOf(statistic(x, y)), 12);
          expect(valueOf(statistic(y, x))).toBeCloseTo(valueOf(statistic(x, y)), 12);
        }
      }),
    );
  });

  test('keep their digits far from zero, and at very large and small numbers', () => {
    const x = [1, 2, 3, 5];
    const y = [2, 1, 4, 4];
    const expected = naivePearson(x, y);
    expect(
      valueOf(
        plcc(
          x.map((v) => v + 1e8),
          y,
        ),
      ),
    ).toBeCloseTo(expected, 7);
    expect(
      valueOf(
        plcc(
          x.map((v) => v * 1e300),
          y,
        ),
      ),
    ).toBeCloseTo(expected, 12);
    expect(
      valueOf(
        plcc(
          x.map((v) => v * 1e-300),
          y,
        ),
      ),
    ).toBeCloseTo(expected, 12);
  });

  test('of small cases', () => {
    expect(valueOf(srcc([1, 2, 3], [10, 20, 30]))).toBe(1);
    expect(valueOf(srcc([3, 2, 1], [10, 20, 30]))).toBe(-1);
    expect(valueOf(krcc([1, 2, 3, 4], [1, 2, 4, 3]))).toBeCloseTo(4 / 6, 12);
    expect(valueOf(srcc([0, -0, 1], [1, 1, 2]))).toBeCloseTo(1, 14);
    expect(valueOf(rmse([1, 2], [2, 4]))).toBeCloseTo(Math.sqrt(2.5), 12);
    expect(valueOf(mae([1, 2], [2, 4]))).toBe(1.5);
  });

  test('give a reason where they are undefined, never NaN', () => {
    for (const statistic of [plcc, srcc, krcc]) {
      expect(statistic([], [])).toEqual({ defined: false, reason: '0 clips are fewer than 2' });
      expect(statistic([1], [1])).toEqual({ defined: false, reason: '1 clip is fewer than 2' });
      expect(statistic([2, 2, 2], [1, 2, 3])).toEqual({ defined: false, reason: 'all predictions are equal' });
      expect(statistic([1, 2, 3], [2, 2, 2])).toEqual({ defined: false, reason: 'all opinion scores are equal' });
      expect(statistic([1, NaN], [1, 2])).toEqual({ defined: false, reason: 'a prediction is not a finite number' });
      expect(statistic([1, 2], [1, Infinity])).toEqual({
        defined: false,
        reason: 'an opinion score is not a finite number',
      });
      expect(() => statistic([1, 2], [1])).toThrow('2 predictions for 1 opinion scores');
    }
    expect(rmse([], [])).toEqual({ defined: false, reason: '0 clips are fewer than 1' });
  });

  // Many numbers are sorted by their bits, few by comparison.
  const kinds: [string, (u: number, v: number) => number][] = [
    ['continuous, of both signs', (u) => 4 * u - 2],
    ['integers with many ties', (u) => Math.round(40 * u) - 20],
    ['a few that differ in their last bits only', (u) => 1 + Math.floor(6000 * u) * 2 ** -52],
    ['all that differ in their last bits only', (u) => 1e9 + u * 1e-3],
    ['the largest and the smallest there are', (u, v) => (u < 0.5 ? -1 : 1) * 2 ** Math.round(2000 * v - 1000)],
    ['both zeros', (u) => [-1, -0, 0, 1][Math.floor(4 * u)]!],
  ];
  test.each(kinds)('rank many numbers: %s', (_, value) => {
    const stream = randomStream(6);
    const x = Float64Array.from({ length: 6000 }, () => value(stream.uniform(), stream.uniform()));
    const y = x.map((v) => v + (Number.isInteger(v) ? Math.round(stream.uniform()) : 0));
    const sorted = x.toSorted();
    const below = new Map<number, number>();
    const upTo = new Map<number, number>();
    sorted.forEach((v, i) => {
      if (!below.has(v + 0)) below.set(v + 0, i);
      upTo.set(v + 0, i + 1);
    });
    expect(ranks(x)).toEqual(x.map((v) => (below.get(v + 0)! + 1 + upTo.get(v + 0)!) / 2));
    const order = orderOf(x);
    const stable = Uint32Array.from(x.keys()).sort((a, b) => x[a]! - x[b]! || a - b);
    expect(order).toEqual(stable);
    expect(valueOf(krcc(x, y))).toBeCloseTo(tauB([...x], [...y]), 12);
  });

  test('of a million pairs take seconds, not minutes', () => {
    const stream = randomStream(5);
    const x = Float64Array.from({ length: 1_000_000 }, () => stream.uniform());
    const y = x.map((v) => Math.round((v + stream.uniform()) * 100));
    const before = process.cpuUsage();
    const found = [srcc, plcc, krcc].map((statistic) => valueOf(statistic(x, y)));
    // About 0.3 s alone (bench/statistics/speed.ts); the bound is in processor time, and far below what quadratic work would take.
    expect(process.cpuUsage(before).user).toBeLessThan(15e6);
    expect(found[0]).toBeCloseTo(0.7, 1);
  });
});
