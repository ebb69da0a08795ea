// Correlations and errors of scores against opinion scores. An undefined one gives its reason, never NaN.
import { invariant } from '../core/index.ts';
import type { Numbers } from './order.ts';
import { ranks } from './order.ts';

/** A statistic: a number, or why there is none. */
export type Stat =
  | {
      /** It is defined. */
      defined: true;
      /** A finite number. */
      value: number;
    }
  | {
      /** It is not defined. */
      defined: false;
      /** Why, in a line. */
      reason: string;
    };

/**
 * A defined statistic.
 * @param value - a finite number
 */
export function defined(value: number): Stat {
  invariant(Number.isFinite(value), `a statistic came out as ${value}`);
  return { defined: true, value };
}

/**
 * An undefined statistic.
 * @param reason - why, in a line
 */
export function undefinedBecause(reason: string): Stat {
  return { defined: false, reason };
}

/**
 * Why a correlation of these numbers is undefined.
 * @param predictions - scores
 * @param mos - opinion scores, as many
 * @returns the reason; null when it is defined
 */
export function whyUndefined(predictions: Numbers, mos: Numbers): string | null {
  const problem = whyUnusable(predictions, mos, 2);
  if (problem !== null) return problem;
  if (isConstant(predictions)) return 'all predictions are equal';
  return isConstant(mos) ? 'all opinion scores are equal' : null;
}

/**
 * Why numbers cannot be compared at all.
 * @param predictions - scores
 * @param mos - opinion scores, as many
 * @param least - how many are needed
 */
export function whyUnusable(predictions: Numbers, mos: Numbers, least: number): string | null {
  invariant(predictions.length === mos.length, `${predictions.length} predictions for ${mos.length} opinion scores`);
  if (mos.length < least) return `${mos.length === 1 ? '1 clip is' : `${mos.length} clips are`} fewer than ${least}`;
  if (!allFinite(predictions)) return 'a prediction is not a finite number';
  return allFinite(mos) ? null : 'an opinion score is not a finite number';
}

function allFinite(values: Numbers): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}

function isConstant(values: Numbers): boolean {
  for (let i = 1; i < values.length; i++) if (values[i] !== values[0]) return false;
  return true;
}

/**
 * Pearson's linear correlation.
 * @param predictions - scores
 * @param mos - opinion scores, as many
 * @returns −1 to 1; undefined for fewer than two clips, equal or infinite numbers
 */
export function plcc(predictions: Numbers, mos: Numbers): Stat {
  const reason = whyUndefined(predictions, mos);
  return reason === null ? correlation(predictions, mos) : undefinedBecause(reason);
}

/**
 * Spearman's rank correlation: Pearson's of the ranks, ties sharing their mean rank.
 * @param predictions - scores
 * @param mos - opinion scores, as many
 * @returns −1 to 1; undefined for fewer than two clips, equal or infinite numbers
 */
export function srcc(predictions: Numbers, mos: Numbers): Stat {
  const reason = whyUndefined(predictions, mos);
  return reason === null ? correlation(ranks(predictions), ranks(mos)) : undefinedBecause(reason);
}

/**
 * Root mean squared error.
 * @param predictions - scores
 * @param mos - opinion scores, as many
 * @returns at least 0, in the unit of the scores; undefined without clips or for infinite numbers
 */
export function rmse(predictions: Numbers, mos: Numbers): Stat {
  return meanError(predictions, mos, (d) => d * d, Math.sqrt);
}

/**
 * The root mean squared error of the best constant score, which is the mean of the opinion scores: what a scorer that learned nothing
 * about these clips may reach, and so what an RMSE is to be compared with.
 * @param mos - opinion scores
 * @returns at least 0, in the unit of the scores; undefined without clips or for infinite numbers
 */
export function rmseOfMean(mos: Numbers): Stat {
  const problem = whyUnusable(mos, mos, 1);
  if (problem !== null) return undefinedBecause(problem);
  let sum = 0;
  for (let i = 0; i < mos.length; i++) sum += mos[i]!;
  return rmse(new Float64Array(mos.length).fill(sum / mos.length), mos);
}

/**
 * Mean absolute error.
 * @param predictions - scores
 * @param mos - opinion scores, as many
 * @returns at least 0, in the unit of the scores; undefined without clips or for infinite numbers
 */
export function mae(predictions: Numbers, mos: Numbers): Stat {
  return meanError(predictions, mos, Math.abs, (x) => x);
}

function meanError(a: Numbers, b: Numbers, cost: (d: number) => number, finish: (mean: number) => number): Stat {
  const reason = whyUnusable(a, b, 1);
  if (reason !== null) return undefinedBecause(reason);
  let total = 0;
  for (let i = 0; i < a.length; i++) total += cost(a[i]! - b[i]!);
  const value = finish(total / a.length);
  return Number.isFinite(value) ? defined(value) : undefinedBecause('the numbers are too large to square');
}

/** Terms of a sum that are added one after another. */
const SUMMED_AT_ONCE = 1024;

/** Pearson's correlation of numbers known to be finite and not all equal. */
function correlation(x: Numbers, y: Numbers): Stat {
  const [a, b] = [centreOf(x), centreOf(y)];
  if (a === null || b === null) return undefinedBecause('the numbers differ by less than rounding');
  const { scale: scaleX, mean: meanX, rest: restX } = a;
  const { scale: scaleY, mean: meanY, rest: restY } = b;
  let [xy, xx, yy] = [0, 0, 0];
  // Sums of parts, and then of these: one after another, a million terms round to 3e-12.
  for (let start = 0; start < x.length; start += SUMMED_AT_ONCE) {
    const end = Math.min(x.length, start + SUMMED_AT_ONCE);
    let [partXY, partXX, partYY] = [0, 0, 0];
    for (let i = start; i < end; i++) {
      const dx = x[i]! * scaleX - meanX - restX;
      const dy = y[i]! * scaleY - meanY - restY;
      partXY += dx * dy;
      partXX += dx * dx;
      partYY += dy * dy;
    }
    xy += partXY;
    xx += partXX;
    yy += partYY;
  }
  return defined(Math.max(-1, Math.min(1, xy / Math.sqrt(xx * yy))));
}

/** How numbers v are made safe to square: as v · scale − mean − rest. */
interface Centre {
  /** A power of two by which the largest becomes 1 to 2. */
  scale: number;
  /** Mean of the scaled numbers, as far as rounding lets it be found at once. */
  mean: number;
  /** Mean of what is left: it mends the rounding of the first, which matters where all values are far from zero. */
  rest: number;
  /** Largest of what is left then, above 1e-15. */
  spread: number;
}

/** The centre of finite numbers; null when they differ by no more than rounding (1e-15 of the largest). */
function centreOf(values: Numbers): Centre | null {
  const n = values.length;
  let top = 0;
  for (let i = 0; i < n; i++) {
    const size = Math.abs(values[i]!);
    if (size > top) top = size;
  }
  // A power of two, so that scaling rounds nothing; clamped, so that the smallest numbers do not make it infinite.
  const scale = 2 ** -Math.max(-1000, Math.floor(Math.log2(top)));
  let mean = 0;
  for (let i = 0; i < n; i++) mean += values[i]! * scale;
  mean /= n;
  let rest = 0;
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < n; i++) {
    const left = values[i]! * scale - mean;
    rest += left;
    if (left < low) low = left;
    if (left > high) high = left;
  }
  rest /= n;
  const spread = Math.max(high - rest, rest - low);
  return spread > 1e-15 * top * scale ? { scale, mean, rest, spread } : null;
}

/**
 * Values minus their mean, divided by the largest of them: a correlation's input, safe to square.
 * @param values - finite numbers
 * @returns numbers of -1 to 1 with mean 0; null when the values differ by no more than rounding (1e-15 of the largest)
 */
export function centred(values: Numbers): Float64Array | null {
  const centre = centreOf(values);
  if (centre === null) return null;
  const { scale, mean, rest, spread } = centre;
  const out = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = (values[i]! * scale - mean - rest) / spread;
  return out;
}

/**
 * The score of the VQualA 2025 challenge: the mean of Spearman's and Pearson's correlation of the raw scores.
 * @param rank - SRCC
 * @param linear - PLCC
 * @returns (SRCC + PLCC) / 2, of -1 to 1; undefined where either is, with its reason
 */
export function challengeScore(rank: Stat, linear: Stat): Stat {
  if (!rank.defined) return rank;
  if (!linear.defined) return linear;
  return { defined: true, value: (rank.value + linear.value) / 2 };
}

/**
 * The challenge score straight from the numbers, for `contrast` and others that take a statistic.
 * @param predictions - scores
 * @param mos - opinion scores, as many
 * @returns see {@link challengeScore}
 */
export function challenge(predictions: Numbers, mos: Numbers): Stat {
  return challengeScore(srcc(predictions, mos), plcc(predictions, mos));
}
