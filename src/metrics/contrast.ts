// Differences between two predictors of the same clips: their intervals and p-values, alone and several at once.
import { invariant } from '../core/index.ts';
import type { GroupOptions } from './blocks.ts';
import { blocksOf } from './blocks.ts';
import type { LeaveOneOut, Statistic } from './leave-out.ts';
import { leaveOneOut } from './leave-out.ts';
import type { Numbers } from './order.ts';
import type { Stat } from './statistics.ts';
import { defined, undefinedBecause } from './statistics.ts';
import type { Interval, Uncertainty } from './uncertainty.ts';
import { reachOf, twoSidedP, uncertaintyOfSum } from './uncertainty.ts';

/** Two predictors on the same clips. */
export interface Contrast {
  /** Mean over seeds of the first's statistic minus the second's. */
  difference: Stat;
  /** 95 % interval of the difference; null where it cannot be had. */
  interval: Interval | null;
  /** Standard error and its parts; null where it cannot be had. */
  uncertainty: Uncertainty | null;
  /** Two-sided p-value of no difference; null where it cannot be had. */
  p: number | null;
  /** The smallest difference that would have been found ({@link detectableDifference}); null where it cannot be had. */
  detectable: number | null;
}

/**
 * Compares two predictors on the same clips under one statistic: the difference of each seed, by the jackknife of the difference over
 * groups and the variance over seeds (`uncertaintyOf`), with Student's t. Differences are not mapped to another scale: about zero
 * there is nothing to straighten (the table of coverage in docs/statistics.md).
 * @param first - scores of the one, an array for each seed
 * @param second - scores of the other, as many: seed k is compared with seed k
 * @param mos - opinion scores, as many as each array has scores
 * @param statistic - such as `srcc`
 * @param options - groups
 */
export function contrast(
  first: readonly Numbers[],
  second: readonly Numbers[],
  mos: Numbers,
  statistic: Statistic,
  options: GroupOptions = {},
): Contrast {
  invariant(first.length === second.length && first.length > 0, `${first.length} and ${second.length} seeds`);
  const blocks = blocksOf(mos.length, options);
  const leftOut = (seeds: readonly Numbers[]): (LeaveOneOut | null)[] =>
    seeds.map((scores) => leaveOneOut(statistic, scores, mos, blocks));
  const [a, b] = [meanStat(first, mos, statistic), meanStat(second, mos, statistic)];
  if (!a.defined) return nothing(`first: ${a.reason}`);
  if (!b.defined) return nothing(`second: ${b.reason}`);
  return contrastOf(a.value - b.value, [
    { weight: 1, leftOut: leftOut(first) },
    { weight: -1, leftOut: leftOut(second) },
  ]);
}

/** A contrast without a difference. */
export function nothing(reason: string): Contrast {
  return { difference: undefinedBecause(reason), interval: null, uncertainty: null, p: null, detectable: null };
}

/** An arm of a contrast. */
export interface WeightedArm {
  /** How much it counts; all weights of a contrast add up to zero. */
  weight: number;
  /** Its statistic for each seed, with each block left out; null where it cannot be had. */
  leftOut: readonly (LeaveOneOut | null)[];
  /** The number of its table: arms of one table have the same clips. Default 0. */
  table?: number;
}

/**
 * The contrast of a known difference.
 * @param arms - at least two, with the same seeds; those of a table with the same blocks
 */
export function contrastOf(difference: number, arms: readonly WeightedArm[]): Contrast {
  const tables = [...new Set(arms.map(({ table = 0 }) => table))];
  const sums = tables.map((of) => sumOf(arms.filter(({ table = 0 }) => table === of)));
  const uncertainty = sums.every((sum) => sum !== null) ? uncertaintyOfSum(sums) : null;
  const value = defined(difference);
  if (uncertainty === null) return { difference: value, interval: null, uncertainty, p: null, detectable: null };
  // A difference that no group and no seed changes: how uncertain it is cannot be said.
  if (uncertainty.standardError === 0 && difference !== 0) {
    return { difference: value, interval: null, uncertainty, p: null, detectable: null };
  }
  const reach = reachOf(uncertainty);
  return {
    difference: value,
    interval: { low: difference - reach, high: difference + reach },
    uncertainty,
    p: twoSidedP(difference, uncertainty),
    detectable: detectableDifference(uncertainty.standardError),
  };
}

/** The weighted sum of the arms of a table, for each seed. */
function sumOf(arms: readonly WeightedArm[]): LeaveOneOut[] | null {
  const perSeed = arms[0]!.leftOut.map((_, seed): LeaveOneOut | null => {
    const all = arms.flatMap(({ leftOut }) => leftOut[seed] ?? []);
    if (all.length < arms.length) return null;
    const sum = (of: (one: LeaveOneOut) => number): number =>
      all.reduce((total, one, i) => total + arms[i]!.weight * of(one), 0);
    return {
      value: sum(({ value }) => value),
      without: all[0]!.without.map((_, g) => sum(({ without }) => without[g]!)),
    };
  });
  return perSeed.every((sum) => sum !== null) ? perSeed : null;
}

/**
 * The mean of a statistic over seeds.
 * @param seeds - scores, an array for each seed
 * @param mos - opinion scores
 * @param statistic - such as `srcc`
 */
export function meanStat(seeds: readonly Numbers[], mos: Numbers, statistic: Statistic): Stat {
  let total = 0;
  for (const scores of seeds) {
    const stat = statistic(scores, mos);
    if (!stat.defined) return stat;
    total += stat.value;
  }
  return defined(total / seeds.length);
}

/**
 * p-values of a family of planned contrasts, adjusted so that any of them is below 0.05 by chance in at most 5 % of families
 * (Holm 1979).
 * @param p - p-values; null for one that cannot be had, which counts as planned all the same
 * @returns adjusted ones in the same order, 0 to 1, never below the given ones
 */
export function holm(p: readonly (number | null)[]): (number | null)[] {
  const order = p.flatMap((value, i) => (value === null ? [] : [{ value, i }])).sort((a, b) => a.value - b.value);
  const adjusted: (number | null)[] = p.map(() => null);
  let least = 0;
  order.forEach(({ value, i }, rank) => {
    least = Math.max(least, Math.min(1, (p.length - rank) * value));
    adjusted[i] = least;
  });
  return adjusted;
}

/**
 * The smallest difference that would have been found in four of five studies like this one: 2.8 standard errors, the 1.96 of a 5 %
 * test and the 0.84 of a power of 80 %. With few seeds or groups it is larger, since Student's t is.
 * @param standardError - of the difference, at least 0
 */
export function detectableDifference(standardError: number): number {
  return 2.8 * standardError;
}
