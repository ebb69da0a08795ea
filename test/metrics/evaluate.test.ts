// Logistic maps, intervals and the whole evaluation: against published numbers, simulated data and each other.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import type { Stat } from '../../src/metrics/index.ts';
import { evaluate, evaluateBy } from '../../src/metrics/index.ts';
import { fitLogistic4, fitLogistic5 } from '../../src/metrics/logistic.ts';

const dover = fileURLToPath(new URL('../../../shared/data/metrics/dover-konvid-1k.csv', import.meta.url));

const rows = existsSync(dover)
  ? readFileSync(dover, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(',').slice(-2).map(Number))
  : [];

const valueOf = (stat: Stat): number => {
  if (!stat.defined) throw new Error(stat.reason);
  return stat.value;
};

describe.skipIf(!existsSync(dover))('DOVER on KoNViD-1k (skipped without the shared data)', () => {
  test('has the published numbers', () => {
    const result = evaluate({ predictions: rows.map(([p]) => p!), mos: rows.map(([, m]) => m!), intervals: false });
    expect(result.n).toBe(1200);
    expect(valueOf(result.plcc)).toBeCloseTo(0.8831, 4);
    expect(valueOf(result.srcc)).toBeCloseTo(0.8829, 4);
    expect(valueOf(result.krcc)).toBeCloseTo(0.7016, 4);
    expect(valueOf(result.plccLogistic4)).toBeCloseTo(0.8861, 4);
    expect(valueOf(result.rmseLogistic4)).toBeCloseTo(0.297, 3);
    expect(valueOf(result.challenge)).toBeCloseTo((0.8831 + 0.8829) / 2, 4);
  });

  test("has the fits of SciPy 1.17.1's curve_fit (tolerances 1e-14; best of 5 and of 60 starts)", () => {
    const [x, y] = [rows.map(([p]) => p!), rows.map(([, m]) => m!)];
    const four = fitLogistic4(x, y);
    const five = fitLogistic5(x, y);
    if (!four.defined || !five.defined) throw new Error('not fitted');
    const errorOf = (map: (score: number) => number): number =>
      x.reduce((total, v, i) => total + (map(v) - y[i]!) ** 2, 0);
    expect(errorOf(four.map)).toBeCloseTo(105.90167641645853, 6);
    expect(errorOf(five.map)).toBeCloseTo(105.88628233825268, 6);
    [4.60135, 1.26145, -0.1506, 1.26999].forEach((b, k) => expect(four.parameters[k]).toBeCloseTo(b, 3));
    [1.7462, 1.0615, -0.1389, 0.2023, 2.9663].forEach((b, k) => expect(five.parameters[k]).toBeCloseTo(b, 3));
    const result = evaluate({ predictions: x, mos: y, intervals: false });
    expect(valueOf(result.plccLogistic4)).toBeCloseTo(0.8860621072141814, 8);
    expect(valueOf(result.plccLogistic5)).toBeCloseTo(0.8860797341387825, 8);
  });
});

/** Clips of `perGroup` each that share an error of their group. */
function simulated(seed: number, numGroups: number, perGroup: number): { x: number[]; y: number[]; groups: string[] } {
  const stream = randomStream(seed);
  const [x, y, groups]: [number[], number[], string[]] = [[], [], []];
  for (let g = 0; g < numGroups; g++) {
    const [level, error] = [stream.normal(), stream.normal()];
    for (let i = 0; i < perGroup; i++) {
      const truth = level + 0.1 * stream.normal();
      y.push(truth);
      x.push(truth + error);
      groups.push(`g${g}`);
    }
  }
  return { x, y, groups };
}

describe('logistic maps', () => {
  const x = Array.from({ length: 60 }, (_, i) => i / 10 - 3);

  test('are found again from exact data, with their parameters', () => {
    const [a, b] = [fitLogistic4, fitLogistic5];
    const four = a(
      x.map((v) => 100 * v + 5),
      x.map((v) => 20 + 70 / (1 + Math.exp(-(v - 0.4) / 0.6))),
    );
    if (!four.defined) throw new Error(four.reason);
    [90, 20, 45, 60].forEach((value, k) => expect(four.parameters[k]).toBeCloseTo(value, 3));
    // β2 is given as positive: the same curve with −β1.
    const five = b(
      x.map((v) => 100 * v + 5),
      x.map((v) => -3 * (0.5 - 1 / (1 + Math.exp(-2 * (v - 0.2)))) + 0.3 * v + 1),
    );
    if (!five.defined) throw new Error(five.reason);
    [3, 0.02, 25, 0.003, 0.985].forEach((value, k) => expect(five.parameters[k]).toBeCloseTo(value, 3));
  });

  test('have the formula of their parameters', () => {
    const stream = randomStream(12);
    const y = x.map((v) => Math.tanh(v) + 0.3 * stream.normal());
    const [four, five] = [fitLogistic4(x, y), fitLogistic5(x, y)];
    if (!four.defined || !five.defined) throw new Error('not fitted');
    const [a1, a2, a3, a4] = four.parameters;
    const [b1, b2, b3, b4, b5] = five.parameters;
    for (const v of [-10, -1, 0.3, 4]) {
      expect(four.map(v)).toBeCloseTo(a2! + (a1! - a2!) / (1 + Math.exp(-(v - a3!) / Math.abs(a4!))), 9);
      expect(five.map(v)).toBeCloseTo(b1! * (0.5 - 1 / (1 + Math.exp(b2! * (v - b3!)))) + b4! * v + b5!, 9);
    }
  });

  test('are found again from exact data, on any scale', () => {
    const four = x.map((v) => 20 + 70 / (1 + Math.exp(-(v - 0.4) / 0.6)));
    const five = x.map((v) => 3 * (0.5 - 1 / (1 + Math.exp(2 * (v - 0.2)))) + 0.3 * v + 1);
    for (const [fit, y] of [[fitLogistic4, four] as const, [fitLogistic5, five] as const]) {
      const found = fit(x, y);
      if (!found.defined) throw new Error(found.reason);
      x.forEach((v, i) => expect(found.map(v)).toBeCloseTo(y[i]!, 4));
      // Another unit of the scores is another parameter, not another fit.
      const scaled = fit(
        x.map((v) => 1000 * v - 7),
        y,
      );
      if (!scaled.defined) throw new Error(scaled.reason);
      x.forEach((v, i) => expect(scaled.map(1000 * v - 7)).toBeCloseTo(y[i]!, 4));
    }
  });

  test('follow scores that fall with quality', () => {
    const y = x.map((v) => 1 + 4 / (1 + Math.exp(v)));
    const found = fitLogistic4(x, y);
    if (!found.defined) throw new Error(found.reason);
    expect(found.map(-3)).toBeGreaterThan(found.map(3) + 3);
    // Which would hide that the scores are the wrong way round.
    const result = evaluate({ predictions: x, mos: y, intervals: false });
    expect(valueOf(result.plccLogistic4)).toBeCloseTo(-1, 6);
    expect(valueOf(result.plccLogistic5)).toBeCloseTo(-1, 6);
    expect(valueOf(result.rmseLogistic4)).toBeCloseTo(0, 3);
  });

  test('give a reason for too few or equal numbers', () => {
    const few = { defined: false, reason: '4 clips are too few to fit 4 parameters' };
    expect(fitLogistic4([1, 2, 3, 4], [1, 2, 3, 4])).toEqual(few);
    expect(fitLogistic5([1, 2, 3, 4, 5], [1, 2, 3, 4, 6]).defined).toBe(false);
    const close = { defined: false, reason: 'the numbers are too large or too close to fit' };
    expect(fitLogistic4([1e300, 2e300, 3e300, 4e300, 5e300], [1, 2, 3, 4, 5])).toEqual(close);
    expect(evaluate({ predictions: [1, 1, 1, 1, 1], mos: [1, 2, 3, 4, 5], intervals: false }).plccLogistic4).toEqual({
      defined: false,
      reason: 'all predictions are equal',
    });
  });
});

describe('evaluate', () => {
  test('is finite or gives a reason, whatever the numbers', () => {
    const value = fc.oneof(fc.double(), fc.integer({ min: 0, max: 3 }), fc.constantFrom(1e300, -1e300, 5e-324, 1e16));
    const list = fc.array(fc.tuple(value, value), { maxLength: 12 });
    fc.assert(
      fc.property(list, (numbers) => {
        const result = evaluate({
          predictions: numbers.map(([a]) => a),
          mos: numbers.map(([, b]) => b),
          intervals: false,
        });
        const stats = Object.values(result as unknown as Record<string, Stat | number | null>).filter(
          (stat): stat is Stat => typeof stat === 'object' && stat !== null,
        );
        expect(stats).toHaveLength(9);
        for (const stat of stats)
          expect(stat.defined ? Number.isFinite(stat.value) : stat.reason.length > 5).toBe(true);
        for (const name of ['srcc', 'plcc', 'krcc', 'plccLogistic4', 'plccLogistic5', 'challenge'] as const) {
          const stat = result[name];
          expect(stat.defined ? Math.abs(stat.value) : 0).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 400 },
    );
  });

  test('by key gives the whole and each part alone', () => {
    const { x, y, groups } = simulated(5, 12, 5);
    const keys = x.map((_, i) => ['b', 'a', '__proto__'][Math.floor(i / 20)]!);
    const input = { predictions: x, mos: y, groups };
    const { overall, parts } = evaluateBy(input, keys);
    expect(overall).toEqual(evaluate(input));
    expect(parts.map(({ key, evaluation }) => [key, evaluation.n])).toEqual([
      ['__proto__', 20],
      ['a', 20],
      ['b', 20],
    ]);
    const alone = { ...input, predictions: x.slice(0, 20), mos: y.slice(0, 20), groups: groups.slice(0, 20) };
    expect(parts[2]!.evaluation).toEqual(evaluate(alone));
    expect(() => evaluateBy(input, ['a'])).toThrow('1 keys for 60 clips');
  });

  test('has no intervals when told so, and none of one group or of perfect scores', () => {
    const { x, y } = simulated(5, 12, 5);
    expect(evaluate({ predictions: x, mos: y, intervals: false }).intervals).toBeNull();
    const none = { srcc: null, plcc: null, krcc: null, challenge: null, isApproximate: true };
    const one = evaluate({ predictions: x, mos: y, groups: x.map(() => 'one') });
    expect(one.intervals).toEqual({ ...none, rmse: null, numGroups: 1 });
    const perfect = evaluate({ predictions: y, mos: y, groups: y.map((_, i) => String(i % 29)) });
    expect(perfect.intervals).toMatchObject({ srcc: null, krcc: null, rmse: null, numGroups: 29, isApproximate: true });
  });

  test('says from 30 groups on that intervals are not approximate', () => {
    const { x, y, groups } = simulated(5, 30, 2);
    expect(evaluate({ predictions: x, mos: y, groups }).intervals).toMatchObject({
      numGroups: 30,
      isApproximate: false,
    });
    expect(evaluate({ predictions: x, mos: y }).intervals).toMatchObject({ numGroups: 60, isApproximate: false });
  });
});
