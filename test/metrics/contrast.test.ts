// Standard errors against formulas and simulation; contrasts, with seeds and without; Holm's adjustment.
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import type { Arm, Stat, Statistic } from '../../src/metrics/index.ts';
import {
  challenge,
  compare,
  comparedMetrics,
  contrast,
  detectableDifference,
  differenceOf,
  evaluate,
  holm,
  krcc,
  mae,
  plcc,
  rmse,
  srcc,
} from '../../src/metrics/index.ts';
import { studentT975, studentTwoSided } from '../../src/metrics/student-t.ts';
import { criticalValue, intervalOf, twoSidedP, uncertaintyOf } from '../../src/metrics/uncertainty.ts';
import { coverage, names } from '../../bench/statistics/coverage.ts';
import { numFound } from '../../bench/statistics/power.ts';
import { equalGroups, grouped, mix } from '../../bench/statistics/simulate.ts';

const valueOf = (stat: Stat): number => {
  if (!stat.defined) throw new Error(stat.reason);
  return stat.value;
};
const numbers = (seed: number, n: number): number[] => {
  const stream = randomStream(seed);
  return Array.from({ length: n }, () => stream.normal());
};

describe('uncertainty', () => {
  test('of a mean is its standard error', () => {
    const mean: Statistic = (x) => ({ defined: true, value: [...x].reduce((a, b) => a + b, 0) / x.length });
    const [x, zero] = [numbers(3, 20), new Float64Array(20)];
    const found = contrast([x], [zero], zero, mean).uncertainty!;
    const average = x.reduce((a, b) => a + b, 0) / 20;
    const variance = x.reduce((a, v) => a + (v - average) ** 2, 0) / 19;
    expect(found.standardError).toBeCloseTo(Math.sqrt(variance / 20), 12);
    expect([found.groups.df, found.seeds]).toEqual([19, null]);
  });

  test('of groups and seeds is a jackknife over the one and a variance over the other, less what both hold', () => {
    // A table of group, seed and interaction effects, whose mean is looked at.
    const [G, S] = [12, 5];
    const [ofGroup, ofSeed, rest] = [numbers(1, G), numbers(2, S), numbers(3, G * S)];
    const cell = (g: number, s: number): number => 2 * ofGroup[g]! + ofSeed[s]! + rest[g * S + s]!;
    const [gs, ss] = [[...Array(G).keys()], [...Array(S).keys()]];
    const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);
    const perSeed = ss.map((s) => {
      const own = sum(gs.map((g) => cell(g, s)));
      return { value: own / G, without: Float64Array.from(gs, (g) => (own - cell(g, s)) / (G - 1)) };
    });
    const errorOfMean = (list: readonly number[]): number =>
      sum(list.map((v) => (v - sum(list) / list.length) ** 2)) / (list.length - 1) / list.length;
    const groups = errorOfMean(gs.map((g) => sum(ss.map((s) => cell(g, s))) / S));
    const seeds = errorOfMean(ss.map((s) => sum(gs.map((g) => cell(g, s))) / G));
    const found = uncertaintyOf(perSeed)!;
    expect(found.groups).toEqual({ variance: expect.closeTo(groups, 12) as number, df: G - 1 });
    expect(found.seeds).toEqual({ variance: expect.closeTo(seeds, 12) as number, df: S - 1 });
    // Of an analysis of variance in two ways: the mean square of the rest over the number of cells.
    const mean = sum(gs.map((g) => sum(ss.map((s) => cell(g, s))))) / (G * S);
    const ofG = gs.map((g) => sum(ss.map((s) => cell(g, s))) / S - mean);
    const ofS = ss.map((s) => sum(gs.map((g) => cell(g, s))) / G - mean);
    const squares = sum(gs.map((g) => sum(ss.map((s) => (cell(g, s) - mean - ofG[g]! - ofS[s]!) ** 2))));
    const both = squares / ((G - 1) * (S - 1)) / (G * S);
    expect(found.standardError ** 2).toBeCloseTo(groups + seeds - both, 12);
    expect(both).toBeGreaterThan(0.01);
  });

  test('of a sum over tables is that of both, and seeds count once', () => {
    const [first, second] = [
      { mos: numbers(1, 60), groups: numbers(2, 60).map((_, i) => `${i >> 1}`) },
      { mos: numbers(3, 45) },
    ];
    const arm = (name: string, seed: number, clips: { mos: number[] }): Arm => ({
      name,
      seeds: [0, 1, 2].map((s) => numbers(seed + s, clips.mos.length).map((x, i) => clips.mos[i]! + x)),
      clips,
    });
    const arms = [arm('a1', 10, first), arm('b1', 20, first), arm('a2', 30, second), arm('b2', 40, second)];
    const weights = new Map([
      ['a1', 1],
      ['b1', -1],
      ['a2', -1],
      ['b2', 1],
    ]);
    const contrasts = [
      { name: 'gain of first less that of second', weights },
      differenceOf('a1', 'b1'),
      differenceOf('a2', 'b2'),
    ];
    const found = compare({ arms, ...first, contrasts });
    expect(found.arms.map(({ n, numGroups }) => [n, numGroups])).toEqual([
      [60, 30],
      [60, 30],
      [45, 45],
      [45, 45],
    ]);
    const [both, one, two] = found.contrasts.map(({ primary }) => primary);
    expect(valueOf(both!.difference)).toBeCloseTo(valueOf(one!.difference) - valueOf(two!.difference), 12);
    const [v, w] = [one!.uncertainty!.groups.variance, two!.uncertainty!.groups.variance];
    expect(both!.uncertainty!.groups.variance).toBeCloseTo(v + w, 12);
    expect(both!.uncertainty!.groups.df).toBeCloseTo((v + w) ** 2 / (v ** 2 / 29 + w ** 2 / 44), 9);
    // Each table by itself is as it is without the other.
    const alone = compare({ arms: arms.slice(2), mos: second.mos });
    expect(found.arms.slice(2)).toEqual(alone.arms);
    expect(two).toEqual({
      ...compare({ arms: arms.slice(2), mos: second.mos, contrasts: [contrasts[2]!] }).contrasts[0]!.primary,
    });
    // Seeds are paired over tables: where a gain comes and goes with the seed in both, it does not differ between them.
    const same = compare({
      arms: arms
        .slice(0, 2)
        .concat(arms.slice(0, 2).map((one) => ({ ...one, name: `${one.name}'`, clips: { ...first } }))),
      ...first,
      contrasts: [
        {
          name: 'x',
          weights: new Map([
            ['a1', 1],
            ['b1', -1],
            ["a1'", -1],
            ["b1'", 1],
          ]),
        },
      ],
    });
    expect(same.contrasts[0]!.primary.uncertainty!.seeds!.variance).toBeCloseTo(0, 20);
  });

  test('of two parts asks for as many standard errors as both ask for, weighted', () => {
    const two = { standardError: 2, groups: { variance: 3, df: 40 }, seeds: { variance: 1, df: 3 } };
    const want = 0.75 * studentT975(40) + 0.25 * studentT975(3);
    expect(criticalValue(two, 0.05)).toBeCloseTo(want, 12);
    expect(twoSidedP(2 * want, two)).toBeCloseTo(0.05, 8);
    expect(twoSidedP(-2 * want, two)).toBe(twoSidedP(2 * want, two));
    const { low, high } = intervalOf((x, y) => plcc(x, y), 7, two)!;
    expect([low, high]).toEqual([7 - 2 * want, 7 + 2 * want]);
    for (const seeds of [null, { variance: 0, df: 3 }]) {
      expect(twoSidedP(4, { ...two, groups: { variance: 4, df: 40 }, seeds })).toBe(studentTwoSided(2, 40));
    }
    expect([twoSidedP(0, two), twoSidedP(1, { ...two, standardError: 0 })]).toEqual([1, null]);
  });

  test('of seeds that agree is that of groups', () => {
    const without = Float64Array.from([1, 2, 4, 8]);
    const one = uncertaintyOf([{ value: 1, without }])!;
    const three = uncertaintyOf([1, 1, 1].map((value) => ({ value, without })))!;
    expect([three.standardError, three.groups]).toEqual([
      one.standardError,
      { variance: expect.closeTo(one.standardError ** 2, 12) as number, df: 3 },
    ]);
    expect(three.seeds).toEqual({ variance: 0, df: 2 });
    expect(uncertaintyOf([{ value: 1, without: without.slice(1, 2) }])).toBeNull();
  });

  test('makes intervals on Fisher’s z, on the logarithm, or as it is', () => {
    const known = { standardError: 0.1, groups: { variance: 0.01, df: 20 }, seeds: null };
    const t = studentT975(20);
    for (const statistic of [srcc, plcc, krcc, challenge]) {
      const { low, high } = intervalOf(statistic, 0.8, known)!;
      expect(Math.atanh(high) - Math.atanh(0.8)).toBeCloseTo((t * 0.1) / 0.36, 12);
      expect(Math.atanh(0.8) - Math.atanh(low)).toBeCloseTo((t * 0.1) / 0.36, 12);
      expect(intervalOf(statistic, 1, known)).toBeNull();
    }
    for (const statistic of [rmse, mae]) {
      const { low, high } = intervalOf(statistic, 2, known)!;
      expect([low, high].map((v) => Math.log(v / 2))).toEqual([
        expect.closeTo(-t * 0.05, 12),
        expect.closeTo(t * 0.05, 12),
      ]);
      expect(intervalOf(statistic, 0, known)).toBeNull();
    }
    expect(intervalOf((x, y) => plcc(x, y), 2, known)).toEqual({ low: 2 - 0.1 * t, high: 2 + 0.1 * t });
    expect(intervalOf(srcc, 0.8, null)).toBeNull();
  });

  test('of grouped clips is larger than of as many clips alone', () => {
    const stream = randomStream(7);
    const groups = equalGroups(200, 20);
    const [y, error] = [grouped(stream, groups, 0.9), grouped(stream, groups, 0.9)];
    const x = mix([1, y], [1, error]);
    const width = (own?: string[]): number => {
      const { low, high } = evaluate({ predictions: x, mos: y, groups: own }).intervals!.srcc!;
      return high - low;
    };
    expect(width(groups)).toBeGreaterThan(1.5 * width());
  });

  test('leads to intervals that hold the truth as often as they say', () => {
    const found = coverage({ numGroups: 50, within: 0.4, rho: 0.7 }, 250);
    // 95 % of 250 with three standard errors; all 2,000 draws of all cells are in docs/statistics.md.
    for (const name of names.flatMap((n) => [n, `${n} difference`] as const)) {
      expect(found[name]).toBeGreaterThan(0.908);
      expect(found[name]).toBeLessThan(0.992);
    }
  });
});

test('Student’s t, against SciPy 1.17.1 (stats.t.ppf, 2 * stats.t.sf)', () => {
  expect(studentT975(2.5)).toBeCloseTo(3.5746548420036817, 9);
  expect(studentT975(17.3)).toBeCloseTo(2.1070320037534676, 9);
  expect(studentTwoSided(2.1, 4.7)).toBeCloseTo(0.09330682794372014, 9);
  expect(studentTwoSided(-2.1, 4.7)).toBe(studentTwoSided(2.1, 4.7));
  expect(studentTwoSided(30, 100) / 8.380332558688329e-52).toBeCloseTo(1, 8);
  expect(studentTwoSided(0, 5)).toBe(1);
  for (const df of [1, 3.7, 50, 999]) expect(studentTwoSided(studentT975(df), df)).toBeCloseTo(0.05, 11);
});

describe('contrast', () => {
  const y = numbers(9, 200);
  const x = y.map((v, i) => v + numbers(10, 200)[i]!);
  const noise = numbers(4, 200);

  test('tells a better predictor from a worse one, and not equal ones apart', () => {
    const clear = contrast([x], [x.map((v, i) => v + 2 * noise[i]!)], y, srcc);
    expect(valueOf(clear.difference)).toBeGreaterThan(0.1);
    expect(clear.p).toBeLessThan(0.001);
    expect(clear.interval!.low).toBeGreaterThan(0);
    expect(clear.detectable).toBe(2.8 * clear.uncertainty!.standardError);
    const same = contrast([x, y], [x, y], y, srcc);
    expect([same.p, same.interval, same.detectable]).toEqual([1, { low: 0, high: 0 }, 0]);
  });

  test('is the right way round, and antisymmetric, with seeds paired', () => {
    const others = [1, 2, 3].map((seed) => y.map((v, i) => v + numbers(20 + seed, 200)[i]!));
    const mine = [4, 5, 6].map((seed) => y.map((v, i) => v + 0.5 * numbers(20 + seed, 200)[i]!));
    for (const statistic of [srcc, plcc, krcc, challenge, rmse]) {
      const [ab, ba] = [contrast(mine, others, y, statistic), contrast(others, mine, y, statistic)];
      const want = mine.map((scores, s) => valueOf(statistic(scores, y)) - valueOf(statistic(others[s]!, y)));
      expect(valueOf(ab.difference)).toBeCloseTo(want.reduce((a, b) => a + b) / 3, 12);
      expect(ba.interval!.low).toBeCloseTo(-ab.interval!.high, 12);
      expect(ba.p).toBeCloseTo(ab.p!, 12);
    }
    // Seeds that move both arms alike cancel in pairs alone.
    const shifted = (amount: number, k: number): number[] => y.map((v, i) => v + amount * k * noise[i]! + 0.3 * x[i]!);
    const [a, b] = [[1, 2, 3].map((k) => shifted(0.5, k)), [1, 2, 3].map((k) => shifted(0.51, k))];
    const paired = contrast(a, b, y, plcc).uncertainty!.seeds!.variance;
    expect(paired).toBeLessThan(0.01 * contrast(a, b.toReversed(), y, plcc).uncertainty!.seeds!.variance);
  });

  test('gives the reason of a statistic that is undefined', () => {
    const flat = y.map(() => 1);
    expect(contrast([flat], [x], y, srcc)).toEqual({
      difference: { defined: false, reason: 'first: all predictions are equal' },
      interval: null,
      uncertainty: null,
      p: null,
      detectable: null,
    });
    // Errors of 1 and 2, whatever group is left out.
    const exact = contrast([[1, 3, 5]], [[2, 4, 6]], [0, 2, 4], mae);
    expect([exact.interval, exact.p, exact.detectable]).toEqual([null, null, null]);
    const one = contrast([x], [x.map((v) => v ** 3)], y, plcc, { groups: y.map(() => 'one') });
    expect([one.difference.defined, one.interval, one.p]).toEqual([true, null, null]);
    expect(() => contrast([x], [x, x], y, srcc)).toThrow('1 and 2 seeds');
  });
});

describe('compare', () => {
  const y = numbers(9, 100);
  const groups = y.map((_, i) => String(i % 25));
  const arm = (name: string, size: number, ...seeds: number[]): { name: string; seeds: number[][] } => ({
    name,
    seeds: seeds.map((seed) => y.map((v, i) => v + size * numbers(seed, 100)[i]!)),
  });
  const arms = [arm('a', 1, 31, 32), arm('b', 0.6, 33, 34), arm('c', 1, 35, 36)];

  test('is the contrasts with the first arm, with p of one metric, after Holm', () => {
    const found = compare({ arms, mos: y, groups, metric: 'plcc' });
    expect([found.n, found.numGroups, found.isApproximate]).toEqual([100, 25, true]);
    const alone = [1, 2].map((k) => contrast(arms[k]!.seeds, arms[0]!.seeds, y, plcc, { groups }));
    expect(found.contrasts.map(({ primary }) => primary)).toEqual(alone);
    expect(found.contrasts.map((one) => one.holm)).toEqual(holm(alone.map(({ p }) => p)));
    const { difference, interval, uncertainty } = contrast(arms[1]!.seeds, arms[0]!.seeds, y, krcc, { groups });
    expect(found.contrasts[0]!.others.krcc).toEqual({ difference, interval, uncertainty });
    expect(found.contrasts[0]!.others.plcc).toBeUndefined();
  });

  test('has means over seeds, and for one seed the intervals of evaluate', () => {
    const { arms: both } = compare({ arms, mos: y, groups });
    const means = arms[1]!.seeds.map((scores) => valueOf(srcc(scores, y)));
    expect(valueOf(both[1]!.metrics.srcc.value)).toBeCloseTo((means[0]! + means[1]!) / 2, 12);
    const [one] = compare({ arms: [arm('x', 1, 31)], mos: y, groups }).arms;
    const { intervals } = evaluate({ predictions: arms[0]!.seeds[0]!, mos: y, groups });
    for (const name of comparedMetrics) expect(one!.metrics[name].interval).toEqual(intervals![name]);
    expect(() => compare({ arms: [arms[0]!, arm('x', 1, 31)], mos: y })).toThrow('x: 1 seeds, not 2');
  });
});

describe('simulated studies', () => {
  const small = { numClips: 150, numGroups: 30, numSeeds: 3, seedDeviation: 0.02, difference: 0, own: 'run' } as const;

  test('find nothing where there is nothing, however few the seeds', { tags: ['long'] }, () => {
    // Five of a hundred and three standard errors; all of docs/statistics.md is a long test.
    for (const numContrasts of [1, 5]) expect(numFound({ ...small, numContrasts }, 100)).toBeLessThanOrEqual(11);
  });

  test('find what is there', () => {
    expect(numFound({ ...small, numContrasts: 1, numSeeds: 10, difference: 0.06 }, 50)).toBeGreaterThan(40);
  });

  test('call at most 17 of 200 real without a difference', { tags: ['long'] }, () => {
    for (const numSeeds of [1, 3, 5]) {
      for (const numContrasts of [1, 5]) {
        // What another seed would change, one seed cannot tell.
        const seedDeviation = numSeeds === 1 ? 0 : 0.02;
        const study = { ...small, numClips: 500, numGroups: 100, numSeeds, numContrasts, seedDeviation };
        expect(numFound(study, 200)).toBeLessThanOrEqual(17);
      }
    }
  });
});

test('Holm’s adjustment, against statsmodels’ multipletests', () => {
  // multipletests([.01, .04, .03, .005], method='holm') gives [.03, .06, .06, .02].
  expect(holm([0.01, 0.04, 0.03, 0.005])).toEqual([0.03, 0.06, 0.06, 0.02]);
  expect(holm([0.5, 0.6])).toEqual([1, 1]);
  expect(holm([null, 0.01])).toEqual([null, 0.02]);
  expect(holm([])).toEqual([]);
  expect(detectableDifference(0.01)).toBeCloseTo(0.028, 12);
});
