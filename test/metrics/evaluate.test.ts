// Logistic maps, intervals and the whole evaluation: against published numbers, simulated data and each other.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import type { Stat } from '../../src/metrics/index.ts';
import { comparePaired, evaluate, fitLogistic4, fitLogistic5, intervals, plcc, srcc } from '../../src/metrics/index.ts';

const dover = fileURLToPath(new URL('../../../shared/data/metrics/dover-konvid-1k.csv', import.meta.url));

const valueOf = (stat: Stat): number => {
  if (!stat.defined) throw new Error(stat.reason);
  return stat.value;
};

describe.skipIf(!existsSync(dover))('DOVER on KoNViD-1k (skipped without the shared data)', () => {
  test('has the published numbers', () => {
    const lines = readFileSync(dover, 'utf8').trim().split('\n').slice(1);
    const cells = lines.map((line) => line.split(',').slice(-2).map(Number));
    const result = evaluate({ predictions: cells.map(([p]) => p!), mos: cells.map(([, m]) => m!), resamples: 0 });
    expect(result.n).toBe(1200);
    expect(valueOf(result.plcc)).toBeCloseTo(0.8831, 4);
    expect(valueOf(result.srcc)).toBeCloseTo(0.8829, 4);
    expect(valueOf(result.krcc)).toBeCloseTo(0.7016, 4);
    expect(valueOf(result.plccLogistic4)).toBeCloseTo(0.8861, 4);
    expect(valueOf(result.rmseLogistic4)).toBeCloseTo(0.297, 3);
    expect(valueOf(result.challenge)).toBeCloseTo((0.8831 + 0.8829) / 2, 4);
    expect(valueOf(result.plccLogistic5)).toBeGreaterThanOrEqual(valueOf(result.plcc));
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
  });

  test('give a reason for too few or equal numbers', () => {
    expect(fitLogistic4([1, 2, 3], [1, 2, 3])).toEqual({
      defined: false,
      reason: '3 clips are fewer than 4 parameters',
    });
    expect(evaluate({ predictions: [1, 1, 1, 1, 1], mos: [1, 2, 3, 4, 5], resamples: 0 }).plccLogistic4).toEqual({
      defined: false,
      reason: 'all predictions are equal',
    });
  });
});

describe('intervals', () => {
  test('are the same for the same seed, and other ones for another', () => {
    const { x, y } = simulated(1, 50, 1);
    const at = (seed: number): unknown => intervals(x, y, { srcc }, { resamples: 200, seed }).srcc;
    expect(at(3)).toEqual(at(3));
    expect(at(3)).not.toEqual(at(4));
  });

  test('hold the truth about as often as they say', () => {
    // x = y + noise of the same variance: the correlation is 1/√2.
    const [truth, trials] = [Math.SQRT1_2, 120];
    let held = 0;
    for (let trial = 0; trial < trials; trial++) {
      const { x, y } = simulated(100 + trial, 100, 1);
      const { low, high } = intervals(x, y, { plcc }, { resamples: 200, seed: trial }).plcc!;
      if (low <= truth && truth <= high) held++;
    }
    expect(held / trials).toBeGreaterThan(0.87);
    expect(held / trials).toBeLessThan(1);
  });

  test('of grouped clips are wider when groups are drawn whole', () => {
    const { x, y, groups } = simulated(7, 20, 10);
    const width = (g?: string[]): number => {
      const { low, high } = intervals(x, y, { srcc }, { resamples: 300, groups: g }).srcc!;
      return high - low;
    };
    expect(width(groups)).toBeGreaterThan(1.5 * width());
  });

  test('are none where resamples are mostly undefined', () => {
    expect(intervals([1, 2], [1, 2], { srcc }, { resamples: 100 }).srcc).toBeNull();
  });
});

describe('comparePaired', () => {
  test('tells a better predictor from a worse one, and not equal ones apart', () => {
    const { x, y } = simulated(9, 200, 1);
    const stream = randomStream(4);
    const worse = x.map((v) => v + 2 * stream.normal());
    const clear = comparePaired(x, worse, y, srcc, { resamples: 300 });
    expect(valueOf(clear.difference)).toBeGreaterThan(0.1);
    expect(clear.p).toBeLessThan(0.05);
    expect(clear.interval!.low).toBeGreaterThan(0);
    const same = comparePaired(x, x, y, srcc, { resamples: 300 });
    expect(same.p).toBe(1);
    expect(same.interval).toEqual({ low: 0, high: 0 });
  });
});
