// Correlations and errors of scores against opinion scores. An undefined one gives its reason, never NaN.
import { invariant } from '../core/index.ts';

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

/** Numbers to compare. */
export type Numbers = readonly number[] | Float64Array;

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

/** Pearson's correlation in two passes. Numbers are divided by their largest first, so that no square over- or underflows. */
function correlation(x: Numbers, y: Numbers): Stat {
  const [a, b] = [centred(x), centred(y)];
  if (a === null || b === null) return undefinedBecause('the numbers differ by less than rounding');
  let xy = 0;
  let xx = 0;
  let yy = 0;
  for (let i = 0; i < a.length; i++) {
    xy += a[i]! * b[i]!;
    xx += a[i]! * a[i]!;
    yy += b[i]! * b[i]!;
  }
  return defined(Math.max(-1, Math.min(1, xy / (Math.sqrt(xx) * Math.sqrt(yy)))));
}

/** Values minus their mean, divided by the largest of them; null when nothing but rounding is left. */
function centred(values: Numbers): Float64Array | null {
  let top = 0;
  for (let i = 0; i < values.length; i++) top = Math.max(top, Math.abs(values[i]!));
  let mean = 0;
  for (let i = 0; i < values.length; i++) mean += values[i]! / top / values.length;
  const out = new Float64Array(values.length);
  let spread = 0;
  for (let i = 0; i < values.length; i++) {
    out[i] = values[i]! / top - mean;
    spread = Math.max(spread, Math.abs(out[i]!));
  }
  if (!(spread > 1e-15)) return null;
  for (let i = 0; i < out.length; i++) out[i]! /= spread;
  return out;
}

/**
 * Ranks from 1, ties sharing their mean rank.
 * @param values - finite numbers
 */
export function ranks(values: Numbers): Float64Array {
  const order = orderOf(values);
  const out = new Float64Array(values.length);
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let i = start; i < end; i++) out[order[i]!] = (start + 1 + end) / 2;
    start = end;
  }
  return out;
}

/** Below so many numbers, sorting by comparison beats the fixed cost of counting. */
const FEW = 4096;

/**
 * The order that sorts numbers: positions of the smallest to the largest, equal ones in their own order.
 * @param values - finite numbers
 */
export function orderOf(values: Numbers): Uint32Array {
  const n = values.length;
  let order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  if (n < FEW) return order.sort((a, b) => values[a]! - values[b]! || a - b);
  // Radix sort by 16 bits at a time. As integers, bit patterns of doubles rise with the number once the sign is turned.
  const bits = new Uint16Array(4 * n);
  const doubles = new Float64Array(bits.buffer);
  for (let i = 0; i < n; i++) doubles[i] = values[i]! + 0; // −0 + 0 is 0
  for (let i = 0; i < n; i++) {
    const top = bits[4 * i + 3]!;
    if (top < 0x8000) bits[4 * i + 3] = top | 0x8000;
    else for (let k = 0; k < 4; k++) bits[4 * i + k] = ~bits[4 * i + k]!;
  }
  let next = new Uint32Array(n);
  for (let digit = 0; digit < 4; digit++) {
    const starts = new Uint32Array(65_537);
    for (let i = 0; i < n; i++) starts[bits[4 * i + digit]! + 1]!++;
    for (let d = 1; d <= 65_536; d++) starts[d]! += starts[d - 1]!;
    for (let i = 0; i < n; i++) {
      const item = order[i]!;
      next[starts[bits[4 * item + digit]!]!++] = item;
    }
    [order, next] = [next, order];
  }
  return order;
}
