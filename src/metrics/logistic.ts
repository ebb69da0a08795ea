// Maps from scores to opinion scores, fitted before PLCC and RMSE as many video quality studies do.
import type { Curve } from './levenberg-marquardt.ts';
import { leastSquares } from './levenberg-marquardt.ts';
import type { Numbers } from './order.ts';
import { whyUndefined } from './statistics.ts';

/** A fitted map, or why there is none. */
export type Fit =
  | {
      /** It was fitted. */
      defined: true;
      /** From a score to the opinion score that it stands for. */
      map: (score: number) => number;
      /** β1, β2, … of the formula, for scores and opinion scores as given. */
      parameters: number[];
    }
  | {
      /** It was not fitted. */
      defined: false;
      /** Why, in a line. */
      reason: string;
    };

const sigmoid = (t: number): number => 1 / (1 + Math.exp(-t));

/** β2 + (β1 − β2) / (1 + exp(−(x − β3) / |β4|)). */
const four: Curve = {
  numParameters: 4,
  linear: [0, 1],
  value: (p, x) => p[1]! + (p[0]! - p[1]!) * sigmoid((x - p[2]!) / Math.abs(p[3]!)),
  gradient: (p, x, out) => {
    const t = (x - p[2]!) / Math.abs(p[3]!);
    const s = sigmoid(t);
    const slope = (p[0]! - p[1]!) * s * (1 - s);
    out[0] = s;
    out[1] = 1 - s;
    out[2] = -slope / Math.abs(p[3]!);
    out[3] = (-slope * t) / p[3]!;
  },
};

/** β1 (½ − 1 / (1 + exp(β2 (x − β3)))) + β4 x + β5. */
const five: Curve = {
  numParameters: 5,
  linear: [0, 3, 4],
  value: (p, x) => p[0]! * (sigmoid(p[1]! * (x - p[2]!)) - 0.5) + p[3]! * x + p[4]!,
  gradient: (p, x, out) => {
    const s = sigmoid(p[1]! * (x - p[2]!));
    const slope = p[0]! * s * (1 - s);
    out[0] = s - 0.5;
    out[1] = slope * (x - p[2]!);
    out[2] = -slope * p[1]!;
    out[3] = x;
    out[4] = 1;
  },
};

/** Where the bend of a standardised curve may be, and how wide. */
const bends = [-1, 0, 1].flatMap((middle) => [0.2, 0.6, 2].map((width) => ({ middle, width })));

/**
 * Fits the 4-parameter logistic of VQEG (FR-TV phase I, 2000; the form of BVQA's and pyiqa's evaluation code):
 * β2 + (β1 − β2) / (1 + exp(−(x − β3) / |β4|)). It rises or falls, whichever fits better: where β1 < β2 it turns the sign of a
 * correlation.
 * @param predictions - scores
 * @param mos - opinion scores, as many
 * @returns the map with the least squared error; a reason for four clips or fewer, for equal and for infinite numbers
 */
export function fitLogistic4(predictions: Numbers, mos: Numbers): Fit {
  const starts = bends.map(({ middle, width }) => [0, 0, middle, width]);
  return fit(four, starts, predictions, mos, ([b1, b2, b3, b4], x, y) => [
    y.mean + y.std * b1!,
    y.mean + y.std * b2!,
    x.mean + x.std * b3!,
    x.std * Math.abs(b4!),
  ]);
}

/**
 * Fits the 5-parameter logistic of Sheikh, Sabir and Bovik (2006): β1 (½ − 1 / (1 + exp(β2 (x − β3)))) + β4 x + β5, with β2 of at
 * least 0 (the other sign is the same curve with −β1). Its linear part lets it bend back, so it need not be monotone.
 * @param predictions - scores
 * @param mos - opinion scores, as many
 * @returns the map with the least squared error; a reason for five clips or fewer, for equal and for infinite numbers
 */
export function fitLogistic5(predictions: Numbers, mos: Numbers): Fit {
  const starts = bends.map(({ middle, width }) => [0, 1 / width, middle, 0, 0]);
  return fit(five, starts, predictions, mos, ([b1, b2, b3, b4, b5], x, y) => {
    const slope = (y.std * b4!) / x.std;
    return [
      y.std * b1! * (b2! < 0 ? -1 : 1),
      Math.abs(b2!) / x.std,
      x.mean + x.std * b3!,
      slope,
      y.mean + y.std * b5! - slope * x.mean,
    ];
  });
}

function fit(
  curve: Curve,
  starts: readonly number[][],
  predictions: Numbers,
  mos: Numbers,
  inGivenUnits: (p: Float64Array, x: Moments, y: Moments) => number[],
): Fit {
  const reason = whyUndefined(predictions, mos);
  if (reason !== null) return { defined: false, reason };
  if (mos.length <= curve.numParameters) {
    return { defined: false, reason: `${mos.length} clips are too few to fit ${curve.numParameters} parameters` };
  }
  // On standardised numbers, so that one set of starts and tolerances serves every scale.
  const [ofX, ofY] = [moments(predictions), moments(mos)];
  if (ofX === null || ofY === null) return { defined: false, reason: 'the numbers are too large or too close to fit' };
  const x = Float64Array.from(predictions, (v) => (v - ofX.mean) / ofX.std);
  const y = Float64Array.from(mos, (v) => (v - ofY.mean) / ofY.std);
  const p = leastSquares(curve, starts, x, y);
  if (p === null) return { defined: false, reason: 'the logistic map could not be fitted' };
  return {
    defined: true,
    map: (score) => ofY.mean + ofY.std * curve.value(p, (score - ofX.mean) / ofX.std),
    parameters: inGivenUnits(p, ofX, ofY),
  };
}

interface Moments {
  mean: number;
  std: number;
}

/** Mean and deviation; null where the deviation is no number to divide by. */
function moments(values: Numbers): Moments | null {
  let mean = 0;
  for (let i = 0; i < values.length; i++) mean += values[i]! / values.length;
  let variance = 0;
  for (let i = 0; i < values.length; i++) variance += (values[i]! - mean) ** 2 / values.length;
  const std = Math.sqrt(variance);
  return std > 1e-14 * Math.abs(mean) && std > 1e-150 && std < 1e150 ? { mean, std } : null;
}
