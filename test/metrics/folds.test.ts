// Out-of-fold scores: the mean within folds, its interval, and why the pooled correlation is pushed down.
import { describe, expect, it } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import type { FoldInput } from '../../src/metrics/index.ts';
import { withinFolds } from '../../src/metrics/folds.ts';
import { evaluateFolds, plcc, srcc } from '../../src/metrics/index.ts';

const valueOf = (stat: { defined: boolean; value?: number }): number => (stat.defined ? stat.value! : NaN);

/** Groups of two clips in five folds; the score is `signal` times the opinion, the mean of the other folds, and noise. */
function simulate(seed: number, signal: number, numGroups = 50): FoldInput & { mos: number[] } {
  const stream = randomStream(seed);
  const n = 2 * numGroups;
  const mos = Array.from({ length: n }, () => stream.normal());
  const groups = mos.map((_, i) => `group ${i >> 1}`);
  const folds = mos.map((_, i) => 1 + ((i >> 1) % 5));
  const mean = (of: (fold: number) => boolean): number => {
    const kept = mos.filter((_, i) => of(folds[i]!));
    return kept.reduce((a, b) => a + b, 0) / kept.length;
  };
  // What a model without features learns: the mean of what it was trained on.
  const learnt = [0, 1, 2, 3, 4, 5].map((fold) => mean((other) => other !== fold));
  const predictions = mos.map((y, i) => signal * y + learnt[folds[i]!]! + 0.01 * stream.normal());
  return { predictions, mos, folds, groups };
}

describe('scores of models that have learnt nothing but the mean', () => {
  it('do not correlate within folds, and negatively when they are pooled', () => {
    let [within, pooled] = [0, 0];
    for (let seed = 0; seed < 40; seed++) {
      const input = simulate(seed, 0);
      within += valueOf(withinFolds(srcc, input).value) / 40;
      pooled += valueOf(srcc(input.predictions, input.mos)) / 40;
    }
    // The standard error of the mean of 40 correlations of 100 clips is 0.016.
    expect(Math.abs(within)).toBeLessThan(0.06);
    expect(pooled).toBeLessThan(-0.08);
  });
});

describe('the mean within folds', () => {
  it('is weighted by clips', () => {
    const input = {
      predictions: [1, 2, 3, 4, 1, 2, 3],
      mos: [1, 2, 3, 4, 3, 2, 1],
      folds: [1, 1, 1, 1, 2, 2, 2],
      groups: ['a', 'a', 'b', 'c', 'd', 'e', 'f'],
    };
    expect(valueOf(withinFolds(srcc, input).value)).toBeCloseTo((4 - 3) / 7, 12);
  });

  it('is that of all clips where there is one fold, and so is its interval', () => {
    const { predictions, mos, groups } = simulate(3, 1);
    const folds = mos.map(() => 1);
    const { within, pooled } = evaluateFolds({ predictions, mos, folds, groups });
    expect(valueOf(within!.plcc.value)).toBe(valueOf(pooled.plcc));
    expect(within!.plcc.interval!.low).toBeCloseTo(pooled.intervals!.plcc!.low, 10);
    expect(within!.plcc.interval!.high).toBeCloseTo(pooled.intervals!.plcc!.high, 10);
  });

  it('has an interval that holds the truth about as often as it says', () => {
    let held = 0;
    for (let seed = 0; seed < 300; seed++) {
      const { interval } = withinFolds(plcc, noisy(seed));
      if (interval!.low < 0.6 && 0.6 < interval!.high) held++;
    }
    expect(held / 300).toBeGreaterThan(0.9);
    expect(held / 300).toBeLessThan(0.985);
  });

  it('is undefined, with the fold, where one is constant', () => {
    const input = { predictions: [1, 2, 2, 2], mos: [1, 2, 1, 2], folds: [1, 1, 2, 2], groups: ['a', 'b', 'c', 'c'] };
    const { value, interval } = withinFolds(srcc, input);
    expect(value).toMatchObject({ defined: false, reason: expect.stringMatching(/^fold 2: /) });
    expect(interval).toBeNull();
  });

  it('has an interval also with a fold of one group', () => {
    const { predictions, mos, folds, groups } = simulate(5, 1);
    const large = folds.map((fold) => (fold === 2 ? 'one source' : null));
    const { interval } = withinFolds(srcc, { predictions, mos, folds, groups: groups.map((g, i) => large[i] ?? g) });
    expect(interval!.low).toBeLessThan(interval!.high);
  });

  it('refuses a group in two folds', () => {
    const { predictions, mos, folds } = simulate(1, 1);
    const groups = mos.map((_, i) => `${i % 7}`);
    expect(() => evaluateFolds({ predictions, mos, folds, groups })).toThrow(/group \d lies in the folds/);
  });

  it('is left out where each fold is a group', () => {
    const { predictions, mos } = simulate(1, 1);
    const folds = mos.map((_, i) => 1 + (i >> 1));
    const { within, pooled, folds: parts } = evaluateFolds({ predictions, mos, folds, groups: folds.map(String) });
    expect(within).toBeNull();
    expect(parts).toHaveLength(50);
    expect(pooled.srcc.defined).toBe(true);
  });
});

/** Clips with a correlation of 0.6 in each of five folds, whose models add an offset of their own. */
function noisy(seed: number): FoldInput {
  const stream = randomStream(1000 + seed);
  const offsets = [0, 0, 0, 0, 0].map(() => 5 * stream.normal());
  const mos = Array.from({ length: 200 }, () => stream.normal());
  const folds = mos.map((_, i) => i % 5);
  const predictions = mos.map((y, i) => 0.6 * y + 0.8 * stream.normal() + offsets[folds[i]!]!);
  return { predictions, mos, folds, groups: mos.map((_, i) => `${i}`) };
}
