// How uncertain a statistic is: a jackknife over groups, the variance over seeds, and the interval that follows from them.
import { invariant } from '../core/index.ts';
import { krcc } from './kendall.ts';
import type { LeaveOneOut, Statistic } from './leave-out.ts';
import { challenge, mae, plcc, rmse, srcc } from './statistics.ts';
import { studentQuantile, studentTwoSided } from './student-t.ts';

/** An interval. */
export interface Interval {
  /** Lower end. */
  low: number;
  /** Upper end. */
  high: number;
}

/** Below so many groups the standard error is itself uncertain, and an interval is called approximate. */
export const FEWEST_GROUPS = 30;

/** A part of a variance. */
export interface VariancePart {
  /** Its size, in the square of the statistic's unit. */
  variance: number;
  /** Its degrees of freedom. */
  df: number;
}

/** How uncertain a mean over seeds is. */
export interface Uncertainty {
  /** Standard error, in the unit of the statistic; its square is the sum of the parts, less what both of them hold. */
  standardError: number;
  /** What other groups of clips would change: the jackknife over groups. */
  groups: VariancePart;
  /** What other seeds would change; null for one seed, which cannot tell. */
  seeds: VariancePart | null;
}

/**
 * The standard error of a mean over seeds. Groups of clips and seeds are two crossed random factors: the delete-one-group jackknife of
 * the mean over seeds (Efron and Stein 1981), plus the variance between seeds over their number. Each holds the interaction of both
 * once, which is taken off the latter, down to zero at most. Few seeds that happen to agree would leave too little: critical values
 * keep what was taken off ({@link criticalValue}). docs/statistics.md has how often the level is kept.
 * @param perSeed - the statistic, or a difference of two, for each seed, with the same blocks left out
 * @returns null for fewer than two blocks
 */
export function uncertaintyOf(perSeed: readonly LeaveOneOut[]): Uncertainty | null {
  return uncertaintyOfSum([perSeed]);
}

/**
 * The standard error of a sum over tables of different clips, whose groups are independent samples: the variances of their jackknives
 * add up, with the degrees of freedom of Satterthwaite (1946). Seeds are common to all tables.
 * @param tables - for each table as in {@link uncertaintyOf}, with the same seeds
 * @returns null where a table has fewer than two blocks
 */
export function uncertaintyOfSum(tables: readonly (readonly LeaveOneOut[])[]): Uncertainty | null {
  const S = tables[0]!.length;
  const parts = tables.map((perSeed) => {
    invariant(perSeed.length === S, `${perSeed.length} seeds, not ${S}`);
    return groupsPart(perSeed);
  });
  if (!parts.every((part) => part !== null)) return null;
  const groups = parts.length === 1 ? parts[0]! : addParts(parts);
  const values = Array.from({ length: S }, (_, s) => tables.reduce((sum, perSeed) => sum + perSeed[s]!.value, 0));
  const seeds = S === 1 ? null : { variance: meanSquare(values) / (S - 1), df: S - 1 };
  const both = tables.reduce((sum, perSeed, t) => sum + interaction(perSeed, parts[t]!), 0);
  const ofSeeds = seeds === null ? 0 : Math.max(0, seeds.variance - both);
  return { standardError: Math.sqrt(groups.variance + ofSeeds), groups, seeds };
}

/**
 * What the interaction of groups and seeds adds to the variance of a mean over seeds: both parts hold it. A seed's own jackknife holds
 * all of it, that of the mean over S seeds one S-th.
 */
function interaction(perSeed: readonly LeaveOneOut[], ofMean: VariancePart): number {
  const S = perSeed.length;
  if (S === 1) return 0;
  const ofOne = perSeed.reduce((sum, { without }) => sum + ((without.length - 1) * meanSquare(without)) / S, 0);
  return Math.max(0, ofOne - ofMean.variance) / (S - 1);
}

/** The jackknife over groups of a mean over seeds; null for fewer than two blocks. */
function groupsPart(perSeed: readonly LeaveOneOut[]): VariancePart | null {
  const S = perSeed.length;
  const G = perSeed[0]?.without.length ?? 0;
  invariant(
    perSeed.every(({ without }) => without.length === G),
    'all seeds leave out the same blocks',
  );
  if (G < 2) return null;
  const byBlock = new Float64Array(G);
  for (const { without } of perSeed) for (let g = 0; g < G; g++) byBlock[g]! += without[g]! / S;
  return { variance: (G - 1) * meanSquare(byBlock), df: G - 1 };
}

function addParts(parts: readonly VariancePart[]): VariancePart {
  const variance = parts.reduce((sum, part) => sum + part.variance, 0);
  if (variance === 0) return { variance, df: Math.min(...parts.map(({ df }) => df)) };
  return { variance, df: variance ** 2 / parts.reduce((sum, part) => sum + part.variance ** 2 / part.df, 0) };
}

/**
 * How many standard errors from zero a value must lie for a two-sided p-value. Of one part, the quantile of Student's t; of two, the
 * mean of both quantiles weighted by the parts (Cochran and Cox 1950), which keeps the level where one of them has few degrees of
 * freedom. The part of the seeds counts with its interaction with groups.
 * @param uncertainty - with a standard error above zero
 * @param p - above 0, at most 1
 */
export function criticalValue({ groups, seeds }: Uncertainty, p: number): number {
  if (seeds === null || seeds.variance === 0) return studentQuantile(p, groups.df);
  const weight = seeds.variance / (groups.variance + seeds.variance);
  return weight * studentQuantile(p, seeds.df) + (1 - weight) * studentQuantile(p, groups.df);
}

/** Smaller p-values are not told apart. */
const LEAST_P = 1e-12;

/**
 * The two-sided p-value of a value, as {@link criticalValue} has it.
 * @param value - in the unit of the statistic
 * @param uncertainty - how uncertain it is
 * @returns 1e-12 to 1; null where nothing is uncertain but the value is not zero
 */
export function twoSidedP(value: number, uncertainty: Uncertainty): number | null {
  const { standardError, groups, seeds } = uncertainty;
  if (value === 0) return 1;
  if (standardError === 0) return null;
  const t = Math.abs(value) / standardError;
  if (seeds === null || seeds.variance === 0) return Math.max(LEAST_P, studentTwoSided(t, groups.df));
  // Between the p-values of either part alone.
  let [low, high] = [groups.df, seeds.df]
    .map((df) => Math.log(Math.max(LEAST_P, studentTwoSided(t, df))))
    .sort((a, b) => a - b) as [number, number];
  while (high - low > 1e-9) {
    const middle = (low + high) / 2;
    if (criticalValue(uncertainty, Math.exp(middle)) > t) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}

/** The scale on which a statistic is nearly normal, by its derivative, its map and the way back. */
interface Scale {
  slope: (value: number) => number;
  to: (value: number) => number;
  from: (value: number) => number;
}

/** Fisher's z (1915); it turns ±1 into infinity. */
const fisher: Scale = { slope: (v) => 1 / (1 - v * v), to: Math.atanh, from: Math.tanh };
const logarithm: Scale = { slope: (v) => 1 / v, to: Math.log, from: Math.exp };
const raw: Scale = { slope: () => 1, to: (v) => v, from: (v) => v };

const scales = new Map<Statistic, Scale>([
  [srcc, fisher],
  [plcc, fisher],
  [krcc, fisher],
  [challenge, fisher],
  [rmse, logarithm],
  [mae, logarithm],
]);

/**
 * The 95 % interval of a statistic: of correlations on Fisher's z, of errors on the logarithm, of others as they are, with Student's
 * t. The standard error is carried over by the derivative of the map.
 * @param statistic - which it is
 * @param value - its value
 * @param uncertainty - how uncertain it is
 * @returns null where it is unknown, and where no group changes anything, as with a correlation of ±1, an error of 0 or a share of 1:
 *   then nothing can be said
 */
export function intervalOf(statistic: Statistic, value: number, uncertainty: Uncertainty | null): Interval | null {
  if (uncertainty === null || uncertainty.standardError === 0) return null;
  const { slope, to, from } = scales.get(statistic) ?? raw;
  const [middle, reach] = [to(value), reachOf(uncertainty) * slope(value)];
  if (!Number.isFinite(middle) || !Number.isFinite(reach)) return null;
  return { low: from(middle - reach), high: from(middle + reach) };
}

/** Half an interval of 95 %. */
export function reachOf(uncertainty: Uncertainty): number {
  return uncertainty.standardError === 0 ? 0 : criticalValue(uncertainty, 0.05) * uncertainty.standardError;
}

/** The mean squared distance from the mean. */
function meanSquare(values: ArrayLike<number>): number {
  let mean = 0;
  for (let i = 0; i < values.length; i++) mean += values[i]! / values.length;
  let total = 0;
  for (let i = 0; i < values.length; i++) total += (values[i]! - mean) ** 2 / values.length;
  return total;
}
