// Monotone maps from scores to opinion scores, fitted before PLCC and RMSE as video quality studies do.
import type { Numbers } from './order.ts';
import { whyUndefined } from './statistics.ts';

/** A fitted map, or why there is none. */
export type Fit =
  | {
      /** It was fitted. */
      defined: true;
      /** From a score to the opinion score that it stands for. */
      map: (score: number) => number;
      /** Its parameters, of numbers with mean 0 and deviation 1. */
      parameters: number[];
    }
  | {
      /** It was not fitted. */
      defined: false;
      /** Why, in a line. */
      reason: string;
    };

/** A family of maps: its value and derivatives at a score. */
interface Family {
  value: (p: readonly number[], x: number) => number;
  gradient: (p: readonly number[], x: number) => number[];
  starts: (x: Summary, y: Summary, falls: boolean) => number[][];
}

interface Summary {
  min: number;
  max: number;
  mean: number;
  std: number;
}

const sigmoid = (t: number): number => 1 / (1 + Math.exp(-t));

/** β2 + (β1 − β2) / (1 + exp(−(x − β3) / |β4|)). */
const four: Family = {
  value: ([a, b, c, d], x) => b! + (a! - b!) * sigmoid((x - c!) / Math.abs(d!)),
  gradient: ([a, b, c, d], x) => {
    const w = Math.abs(d!);
    const s = sigmoid((x - c!) / w);
    const slope = (a! - b!) * s * (1 - s);
    return [s, 1 - s, -slope / w, (-slope * (x - c!) * Math.sign(d!)) / (w * w)];
  },
  starts: (x, y, falls) => {
    const [top, bottom] = falls ? [y.min, y.max] : [y.max, y.min];
    return [0.25, 0.5, 1, 2].map((width) => [top, bottom, x.mean, x.std * width]);
  },
};

/** β1 (½ − 1 / (1 + exp(β2 (x − β3)))) + β4 x + β5. */
const five: Family = {
  value: ([a, b, c, d, e], x) => a! * (0.5 - sigmoid(-b! * (x - c!))) + d! * x + e!,
  gradient: ([a, b, c], x) => {
    const s = sigmoid(-b! * (x - c!));
    const slope = a! * s * (1 - s);
    return [0.5 - s, slope * (x - c!), -slope * b!, x, 1];
  },
  starts: (x, y, falls) => {
    const sign = falls ? -1 : 1;
    const line = (sign * y.std) / x.std;
    return [
      [sign * (y.max - y.min), 1 / x.std, x.mean, 0, y.mean],
      [sign * (y.max - y.min), 4 / x.std, x.mean, 0, y.mean],
      [sign * 0.1 * (y.max - y.min), 1 / x.std, x.mean, line, y.mean - line * x.mean],
    ];
  },
};

/**
 * Fits the 4-parameter logistic of VQEG (FR-TV phase I): β2 + (β1 − β2) / (1 + exp(−(x − β3) / |β4|)).
 * @param predictions - scores
 * @param mos - opinion scores, as many
 */
export function fitLogistic4(predictions: Numbers, mos: Numbers): Fit {
  return fit(four, 4, predictions, mos);
}

/**
 * Fits the 5-parameter logistic of Sheikh et al. 2006: β1 (½ − 1 / (1 + exp(β2 (x − β3)))) + β4 x + β5.
 * @param predictions - scores
 * @param mos - opinion scores, as many
 */
export function fitLogistic5(predictions: Numbers, mos: Numbers): Fit {
  return fit(five, 5, predictions, mos);
}

/** Levenberg–Marquardt from several starts; the best end counts. */
function fit(family: Family, least: number, predictions: Numbers, mos: Numbers): Fit {
  const reason = whyUndefined(predictions, mos);
  if (reason !== null) return { defined: false, reason };
  if (mos.length < least) return { defined: false, reason: `${mos.length} clips are fewer than ${least} parameters` };
  // On standardised numbers, so that one set of starts and tolerances serves every scale.
  const [sx, sy] = [summary(predictions), summary(mos)];
  const x = Float64Array.from(predictions, (v) => (v - sx.mean) / sx.std);
  const y = Float64Array.from(mos, (v) => (v - sy.mean) / sy.std);
  let covariance = 0;
  for (let i = 0; i < x.length; i++) covariance += x[i]! * y[i]!;
  let best: { p: number[]; error: number } | null = null;
  for (const start of family.starts(summary(x), summary(y), covariance < 0)) {
    const end = levenbergMarquardt(family, start, x, y);
    if (Number.isFinite(end.error) && (best === null || end.error < best.error)) best = end;
  }
  if (best === null) return { defined: false, reason: 'the logistic could not be fitted' };
  const { p } = best;
  return {
    defined: true,
    map: (score) => sy.mean + sy.std * family.value(p, (score - sx.mean) / sx.std),
    parameters: p,
  };
}

function summary(values: Numbers): Summary {
  let [min, max, mean] = [Infinity, -Infinity, 0];
  for (let i = 0; i < values.length; i++) {
    min = Math.min(min, values[i]!);
    max = Math.max(max, values[i]!);
    mean += values[i]! / values.length;
  }
  let variance = 0;
  for (let i = 0; i < values.length; i++) variance += (values[i]! - mean) ** 2 / values.length;
  return { min, max, mean, std: Math.sqrt(variance) };
}

function levenbergMarquardt(
  family: Family,
  start: readonly number[],
  x: Float64Array,
  y: Float64Array,
): { p: number[]; error: number } {
  const errorOf = (p: readonly number[]): number => {
    let total = 0;
    for (let i = 0; i < x.length; i++) total += (y[i]! - family.value(p, x[i]!)) ** 2;
    return total;
  };
  let p = [...start];
  let error = errorOf(p);
  let damping = 1e-3;
  for (let iteration = 0; iteration < 200 && damping < 1e12; iteration++) {
    const k = p.length;
    const normal = Array.from({ length: k }, () => Array.from({ length: k + 1 }, () => 0));
    for (let i = 0; i < x.length; i++) {
      const gradient = family.gradient(p, x[i]!);
      const residual = y[i]! - family.value(p, x[i]!);
      for (let a = 0; a < k; a++) {
        for (let b = 0; b < k; b++) normal[a]![b]! += gradient[a]! * gradient[b]!;
        normal[a]![k]! += gradient[a]! * residual;
      }
    }
    let improved = false;
    while (damping < 1e12) {
      const step = solve(normal.map((row, a) => row.map((v, b) => (a === b ? v * (1 + damping) + 1e-12 : v))));
      const next = p.map((v, i) => v + step[i]!);
      const nextError = errorOf(next);
      if (nextError < error) {
        improved = error - nextError > 1e-12 * error;
        [p, error] = [next, nextError];
        damping = Math.max(damping / 10, 1e-12);
        break;
      }
      damping *= 10;
    }
    if (!improved) break;
  }
  return { p, error };
}

/** Gauss elimination with pivots of an augmented matrix. */
function solve(rows: number[][]): number[] {
  const n = rows.length;
  for (let c = 0; c < n; c++) {
    let pivot = c;
    for (let r = c + 1; r < n; r++) if (Math.abs(rows[r]![c]!) > Math.abs(rows[pivot]![c]!)) pivot = r;
    [rows[c], rows[pivot]] = [rows[pivot]!, rows[c]!];
    for (let r = c + 1; r < n; r++) {
      const factor = rows[r]![c]! / rows[c]![c]!;
      for (let k = c; k <= n; k++) rows[r]![k]! -= factor * rows[c]![k]!;
    }
  }
  const out = Array.from({ length: n }, () => 0);
  for (let r = n - 1; r >= 0; r--) {
    let value = rows[r]![n]!;
    for (let k = r + 1; k < n; k++) value -= rows[r]![k]! * out[k]!;
    out[r] = value / rows[r]![r]!;
  }
  return out;
}
