// Calibration: right distributions are found right, narrow ones not; bins and coverage from their definitions.
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import type { DiscreteDistribution, Calibration } from '../../src/metrics/index.ts';
import { calibrate, rmse } from '../../src/metrics/index.ts';

/** Answers in steps, with the probabilities of a normal of this middle and width. */
function normal(middle: number, width: number, step: number): DiscreteDistribution {
  const values = Array.from({ length: Math.round(4 / step) + 1 }, (_, k) => 1 + k * step);
  return { values, probabilities: values.map((v) => Math.exp(-(((v - middle) / width) ** 2) / 2)) };
}

/** Clips whose opinion scores are drawn from the distributions that `truth` gives, while `said` is told. */
function drawn(numClips: number, step: number, narrower: number): Calibration {
  const stream = randomStream(11, Math.round(10 * step));
  const distributions: DiscreteDistribution[] = [];
  const mos: number[] = [];
  for (let i = 0; i < numClips; i++) {
    const [middle, width] = [2 + 2 * stream.uniform(), 0.2 + 0.4 * stream.uniform()];
    const { values, probabilities } = normal(middle, width, step);
    let left = stream.uniform() * probabilities.reduce((a, b) => a + b);
    mos.push(values[probabilities.findIndex((p) => (left -= p) < 0)]!);
    distributions.push(normal(middle, width * narrower, step));
  }
  return calibrate({ distributions, mos });
}

describe('calibration', () => {
  test.each([0.1, 0.5, 1])('of right distributions is right, with answers in steps of %s', (step) => {
    const { bins, coverage, overall, isApproximate } = drawn(3000, step, 1);
    expect([bins.map(({ n }) => n), isApproximate]).toEqual([Array(10).fill(300), false]);
    for (const { central, share, interval } of coverage) {
      expect(Math.abs(share! - central)).toBeLessThan(0.03);
      expect(interval!.high - interval!.low).toBeLessThan(0.05);
    }
    expect(overall.rmse).toEqual({ defined: true, value: expect.closeTo(overall.predicted, 1) as number });
    // Nine in ten and more of the intervals hold what was predicted, and spreads rise.
    expect(
      bins.filter(({ interval, predicted }) => interval!.low < predicted && predicted < interval!.high).length,
    ).toBeGreaterThanOrEqual(8);
    expect(bins.every(({ predicted }, k) => k === 0 || predicted >= bins[k - 1]!.predicted)).toBe(true);
  });

  test('of distributions half as wide as errors is not', () => {
    const { overall, coverage } = drawn(1000, 0.1, 0.5);
    expect(overall.interval!.low).toBeGreaterThan(1.7 * overall.predicted);
    expect(coverage.map(({ central }) => central)).toEqual([0.5, 0.8, 0.95]);
    for (const { central, interval } of coverage) expect(interval!.high).toBeLessThan(central);
  });

  test('counts an opinion score in its answer’s part of the distribution', () => {
    // Cumulative probabilities 0.2, 0.6, 1: of [0.2, 0.6], 0.35 is within the central half [0.25, 0.75], of [0.6, 1] 0.15.
    const distribution = { values: [3, 1, 2], probabilities: [0.8, 0.4, 0.8] };
    const share = (...mos: number[]): number | null =>
      calibrate({ distributions: mos.map(() => distribution), mos }).coverage[0]!.share;
    expect(share(2)).toBeCloseTo(0.35 / 0.4, 12);
    expect(share(2.4)).toBeCloseTo(0.35 / 0.4, 12);
    expect(share(2.5)).toBeCloseTo(0.15 / 0.4, 12);
    expect(share(2, 9)).toBeCloseTo((0.35 + 0.15) / 0.8, 12);
    expect(share(-1)).toBe(0);
    expect(share()).toBeNull();
    // All held, or none: how often others would be cannot be said.
    const all = calibrate({
      distributions: Array.from({ length: 12 }, () => ({ values: [1, 3, 5], probabilities: [0, 1, 0] })),
      mos: Array(12).fill(9),
    });
    expect(all.coverage[0]).toMatchObject({ share: 0, interval: null });
  });

  test('has errors of means, and fewer bins for fewer clips', () => {
    const distributions = [
      { values: [1, 3], probabilities: [0.5, 0.5] },
      { values: [1, 3], probabilities: [0, 1] },
      { values: [1, 3], probabilities: [1, 3] },
    ];
    const found = calibrate({ distributions, mos: [1, 3, 2], groups: ['a', 'a', 'b'] });
    expect(found.bins.map(({ n, predicted }) => [n, predicted])).toEqual([
      [1, 0],
      [1, expect.closeTo(Math.sqrt(0.75), 12)],
      [1, 1],
    ]);
    expect(found.overall.rmse).toEqual(rmse([2, 3, 2.5], [1, 3, 2]));
    expect(found.bins[0]!.interval).toBeNull();
    expect([found.numGroups, found.isApproximate]).toEqual([2, true]);
    expect(() => calibrate({ distributions, mos: [1] })).toThrow('3 distributions for 1 opinion scores');
    expect(() => calibrate({ distributions: [{ values: [1], probabilities: [0] }], mos: [1] })).toThrow('sum to 0');
  });
});
