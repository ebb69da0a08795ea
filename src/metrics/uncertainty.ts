// How uncertain a statistic is: a jackknife over groups, the variance over seeds, and the interval that follows from them.
import { invariant } from '../core/index.ts';
import { krcc } from './kendall.ts';
import type { LeaveOneOut, Statistic } from './leave-out.ts';
import { challenge, mae, plcc, rmse, srcc } from './statistics.ts';
import { studentT975 } from './student-t.ts';

/** An interval. */
export interface Interval {
  /** Lower end. */
  low: number;
  /** Upper end. */
  high: number;
}

/** Below so many groups the standard error is itself uncertain, and an interval is called approximate. */
export const FEWEST_GROUPS = 30;

/** The standard error of a mean over seeds. */
export interface Uncertainty {
  /** Standard error, in the unit of the statistic. */
  standardError: number;
  /** Degrees of freedom of Student's t; at least 1, not always whole. */
  df: number;
  /** The share of the variance that other groups would change: their jackknife. */
  groupVariance: number;
  /** The share of the variance that other seeds would change, over the number of seeds; null for one seed, which cannot tell. */
  seedVariance: number | null;
}

/**
 * The standard error of a mean over seeds. Groups of clips and seeds are two crossed random factors. The delete-one-group jackknife
 * of the mean over seeds (Efron and Stein 1981) and the variance between seeds over their number each hold the interaction of both
 * once, so it is taken off once; degrees of freedom after Satterthwaite (1946). A part that comes out below the interaction counts as
 * none.
 * @param perSeed - the statistic, or a difference of two, for each seed, with the same blocks left out
 * @returns null for fewer than two blocks
 */
export function uncertaintyOf(perSeed: readonly LeaveOneOut[]): Uncertainty | null {
  const S = perSeed.length;
  const G = perSeed[0]?.without.length ?? 0;
  invariant(
    perSeed.every(({ without }) => without.length === G),
    'all seeds leave out the same blocks',
  );
  if (G < 2) return null;
  const byBlock = new Float64Array(G);
  for (const { without } of perSeed) for (let g = 0; g < G; g++) byBlock[g]! += without[g]! / S;
  const middle = mean(byBlock);
  const groupVariance = ((G - 1) / G) * sum(byBlock, (v) => (v - middle) ** 2);
  if (S === 1) return { standardError: Math.sqrt(groupVariance), df: G - 1, groupVariance, seedVariance: null };

  const values = perSeed.map(({ value }) => value);
  const centre = mean(values);
  const seedVariance = sum(values, (v) => (v - centre) ** 2) / (S - 1) / S;
  let squares = 0;
  for (const { without } of perSeed) {
    const own = mean(without);
    for (let g = 0; g < G; g++) squares += (without[g]! - byBlock[g]! - own + middle) ** 2;
  }
  const interaction = ((G - 1) / G) * (squares / (S - 1) / S);
  const parts = { groupVariance, seedVariance };
  if (seedVariance <= interaction) return { standardError: Math.sqrt(groupVariance), df: G - 1, ...parts };
  if (groupVariance <= interaction) return { standardError: Math.sqrt(seedVariance), df: S - 1, ...parts };
  const variance = groupVariance + seedVariance - interaction;
  const df =
    variance ** 2 /
    (groupVariance ** 2 / (G - 1) + seedVariance ** 2 / (S - 1) + interaction ** 2 / ((G - 1) * (S - 1)));
  return { standardError: Math.sqrt(variance), df: Math.max(df, Math.min(G, S) - 1), ...parts };
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
 * @returns null where it is unknown, and for a correlation of ±1 or an error of 0, from which nothing can be said
 */
export function intervalOf(statistic: Statistic, value: number, uncertainty: Uncertainty | null): Interval | null {
  if (uncertainty === null) return null;
  const { slope, to, from } = scales.get(statistic) ?? raw;
  const [middle, reach] = [to(value), studentT975(uncertainty.df) * uncertainty.standardError * slope(value)];
  if (!Number.isFinite(middle) || !Number.isFinite(reach)) return null;
  return { low: from(middle - reach), high: from(middle + reach) };
}

function sum(values: ArrayLike<number>, of: (value: number) => number): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += of(values[i]!);
  return total;
}

const mean = (values: ArrayLike<number>): number => sum(values, (v) => v) / values.length;
