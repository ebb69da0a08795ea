// Whether the spread of answer distributions tells how wrong scores are: errors by predicted spread, and how often central intervals
// hold the opinion score.
import { invariant } from '../core/index.ts';
import type { GroupOptions } from './blocks.ts';
import { blocksOf } from './blocks.ts';
import type { Statistic } from './leave-out.ts';
import { leaveOneOut } from './leave-out.ts';
import type { Numbers } from './order.ts';
import type { Stat } from './statistics.ts';
import { mae, rmse } from './statistics.ts';
import type { Interval } from './uncertainty.ts';
import { FEWEST_GROUPS, intervalOf, uncertaintyOf } from './uncertainty.ts';

/** A clip's distribution over the answers. */
export interface DiscreteDistribution {
  /** What the answers stand for, on the scale of the opinion scores; in any order. */
  values: readonly number[];
  /** Their probabilities, as many, at least 0; they are divided by their sum. */
  probabilities: readonly number[];
}

/** What is looked at. */
export interface CalibrationInput extends GroupOptions {
  /** The distribution of each clip. */
  distributions: readonly DiscreteDistribution[];
  /** Opinion scores, as many. */
  mos: Numbers;
}

/** Clips of about the same predicted spread. */
export interface CalibrationBin {
  /** Number of clips. */
  n: number;
  /** Root mean square of the standard deviations of their distributions: the RMSE that these predict. */
  predicted: number;
  /** Root mean squared error of their means. */
  rmse: Stat;
  /** Its 95 % interval; null where it cannot be had. */
  interval: Interval | null;
}

/** How often central intervals of the distributions hold the opinion score. */
export interface CentralCoverage {
  /** Probability in the interval: 0.5, 0.8 or 0.95. */
  central: number;
  /** Share of clips whose opinion score is in it, 0 to 1; null without clips. */
  share: number | null;
  /** 95 % interval of the share; null where it cannot be had. */
  interval: Interval | null;
}

/** How well spreads tell errors. */
export interface Calibration {
  /** All clips. */
  overall: CalibrationBin;
  /** Ten bins of equal counts, as nearly as can be, from the smallest spread to the largest; fewer for fewer clips. */
  bins: CalibrationBin[];
  /** Of the central 50, 80 and 95 %. */
  coverage: CentralCoverage[];
  /** How many groups the intervals rest on; clips where there are no groups. */
  numGroups: number;
  /** Whether there are fewer than 30 groups, so that the intervals are approximate. */
  isApproximate: boolean;
}

const NUM_BINS = 10;
const CENTRAL = [0.5, 0.8, 0.95] as const;

/**
 * Compares predicted spreads with errors. The error of a clip is that of its distribution's mean.
 *
 * Coverage is by the non-randomised probability integral transform (Czado, Gneiting and Held 2009): a clip whose answer has the
 * cumulative probabilities F₋ below it and F up to it counts in the central interval as the part of [F₋, F] that lies within. That is
 * the mean of the randomised transform over its random number: without error on average where the distributions are right, however
 * coarse they are (the middle of [F₋, F] is not), and the same each time. An opinion score between two answers belongs to the nearest
 * one, to the greater of two that are as near, as labels are rounded.
 * @param input - distributions, opinion scores, groups
 */
export function calibrate({ distributions, mos, groups }: CalibrationInput): Calibration {
  const n = mos.length;
  invariant(distributions.length === n, `${distributions.length} distributions for ${n} opinion scores`);
  const sorted = distributions.map(ascending);
  const moments = sorted.map(momentsOf);
  const bin = (clips: readonly number[]): CalibrationBin => {
    const [means, opinions] = [clips.map((i) => moments[i]!.mean), clips.map((i) => mos[i]!)];
    const blocks = blocksOf(clips.length, { groups: groups && clips.map((i) => groups[i]!) });
    const leftOut = leaveOneOut(rmse, means, opinions, blocks);
    const variance = clips.reduce((sum, i) => sum + moments[i]!.variance, 0) / Math.max(1, clips.length);
    return {
      n: clips.length,
      predicted: Math.sqrt(variance),
      rmse: rmse(means, opinions),
      interval: leftOut && intervalOf(rmse, leftOut.value, uncertaintyOf([leftOut])),
    };
  };
  const bySpread = [...moments.keys()].sort((a, b) => moments[a]!.variance - moments[b]!.variance || a - b);
  const numBins = Math.min(NUM_BINS, n);
  const edge = (k: number): number => Math.round((k * n) / numBins);
  const transforms = sorted.map((distribution, i) => transform(distribution, mos[i]!));
  const blocks = blocksOf(n, { groups });
  return {
    overall: bin(bySpread),
    bins: Array.from({ length: numBins }, (_, k) => bin(bySpread.slice(edge(k), edge(k + 1)))),
    coverage: CENTRAL.map((central): CentralCoverage => {
      const held = transforms.map(([from, to]) => partWithin(from, to, (1 - central) / 2, (1 + central) / 2));
      // A mean of numbers of at least zero is their mean absolute difference from zero.
      const leftOut = leaveOneOut(mae, held, new Float64Array(n), blocks);
      const found = leftOut && intervalOf(mean, leftOut.value, uncertaintyOf([leftOut]));
      const share = mean(held, mos);
      return {
        central,
        share: share.defined ? share.value : null,
        interval: found && { low: Math.max(0, found.low), high: Math.min(1, found.high) },
      };
    }),
    numGroups: blocks.numGroups,
    isApproximate: blocks.numGroups < FEWEST_GROUPS,
  };
}

/** Another function than `mae`: its interval is on the share itself, not on a logarithm. */
const mean: Statistic = (values) => mae(values, new Float64Array(values.length));

/** Answers from the smallest to the largest, with probabilities that sum to 1. */
function ascending({ values, probabilities }: DiscreteDistribution): DiscreteDistribution {
  const sum = probabilities.reduce((a, b) => a + b, 0);
  invariant(
    values.length === probabilities.length && probabilities.every((p) => p >= 0) && sum > 0 && Number.isFinite(sum),
    `${values.length} values and ${probabilities.length} probabilities that sum to ${sum}`,
  );
  const order = [...values.keys()].sort((a, b) => values[a]! - values[b]!);
  return { values: order.map((i) => values[i]!), probabilities: order.map((i) => probabilities[i]! / sum) };
}

function momentsOf({ values, probabilities }: DiscreteDistribution): { mean: number; variance: number } {
  const middle = values.reduce((sum, value, k) => sum + value * probabilities[k]!, 0);
  return {
    mean: middle,
    variance: values.reduce((sum, value, k) => sum + (value - middle) ** 2 * probabilities[k]!, 0),
  };
}

/** The cumulative probability below the answer that an opinion score belongs to, and up to it. */
function transform(
  { values, probabilities }: DiscreteDistribution,
  opinion: number,
): readonly [from: number, to: number] {
  let nearest = 0;
  for (let k = 1; k < values.length; k++) {
    if (Math.abs(values[k]! - opinion) <= Math.abs(values[nearest]! - opinion)) nearest = k;
  }
  let from = 0;
  for (let k = 0; k < nearest; k++) from += probabilities[k]!;
  return [from, from + probabilities[nearest]!];
}

/** The share of [from, to] that lies in [low, high]; of a point, whether it does. */
function partWithin(from: number, to: number, low: number, high: number): number {
  if (to - from < 1e-15) return from >= low && from <= high ? 1 : 0;
  return Math.max(0, Math.min(to, high) - Math.max(from, low)) / (to - from);
}
