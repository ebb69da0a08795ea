// Numbers that a picture's pixels give without an original: what pretraining asks for of every picture, the undistorted included.
import type { RgbFrame } from '../src/video/index.ts';

/** The statistics, each with the values that become 1 and 5; about the 2nd and 98th percentile over distorted photographs. */
export const statistics = {
  /** Mean luma, 0–255. */
  brightness: [30, 205],
  /** Standard deviation of luma, 0–128. */
  contrast: [15, 85],
  /** Hasler & Süsstrunk 2003: spread and mean of the opponent colours. */
  colourfulness: [2, 85],
  /** log2 of 1 + the mean absolute Laplacian. */
  sharpness: [0.8, 6.3],
  /** log2 of 1 + the noise deviation by Immerkær 1996, in grey levels. */
  noise: [0.4, 5.2],
  /** Mean step over the borders of 8×8 blocks over the mean step elsewhere. */
  blockiness: [0.9, 1.8],
  /** E|x| / √E x² of luma less its local mean over its local deviation (Mittal et al. 2012): 0.8 for a normal distribution. */
  naturalness: [0.6, 0.84],
  /** Correlation of such neighbours in a row. */
  smoothness: [-0.1, 0.85],
  /** Share of pixels whose luma is under 8 or over 247, as a square root. */
  clipping: [0, 0.8],
  /** Mean deviation of luma within 7×7 pixels, log2 of 1 + it. */
  texture: [0.8, 5.2],
} as const satisfies Record<string, readonly [number, number]>;

/** A name of {@link statistics}. */
export type Statistic = keyof typeof statistics;

/** The statistics of a picture on 1–5. */
export type Statistics = Record<Statistic, number>;

/** A value on 1–5: `from` becomes 1, `to` 5, what is beyond is cut off. */
export function onFive(value: number, from: number, to: number): number {
  return Math.min(5, Math.max(1, 1 + (4 * (value - from)) / (to - from)));
}

/**
 * Measures a picture.
 * @param picture - at least 8×8 pixels
 * @returns every statistic on 1–5
 */
export function pictureStatistics(picture: RgbFrame): Statistics {
  const raw = rawStatistics(picture);
  const entries = Object.entries(statistics).map(([name, [from, to]]) => [
    name,
    onFive(raw[name as Statistic], from, to),
  ]);
  return Object.fromEntries(entries) as Statistics;
}

/** The same in units of their own. */
function rawStatistics({ width, height, data }: RgbFrame): Statistics {
  const n = width * height;
  const luma = new Float32Array(n);
  let [sum, squares, clipped] = [0, 0, 0];
  const colour = { rg: 0, rg2: 0, yb: 0, yb2: 0 };
  for (let i = 0, p = 0; i < n; i++, p += 3) {
    const [r, g, b] = [data[p]!, data[p + 1]!, data[p + 2]!];
    const y = 0.299 * r + 0.587 * g + 0.114 * b;
    luma[i] = y;
    sum += y;
    squares += y * y;
    if (y < 8 || y > 247) clipped++;
    const [rg, yb] = [r - g, 0.5 * (r + g) - b];
    colour.rg += rg;
    colour.rg2 += rg * rg;
    colour.yb += yb;
    colour.yb2 += yb * yb;
  }
  const mean = sum / n;
  const variance = (total: number, square: number): number => Math.max(0, square / n - (total / n) ** 2);
  const spread = Math.sqrt(variance(colour.rg, colour.rg2) + variance(colour.yb, colour.yb2));
  const level = Math.hypot(colour.rg / n, colour.yb / n);
  return {
    brightness: mean,
    contrast: Math.sqrt(Math.max(0, squares / n - mean * mean)),
    colourfulness: spread + 0.3 * level,
    clipping: Math.sqrt(clipped / n),
    ...steps(luma, width, height),
    ...normalised(luma, width, height),
  };
}

function steps(
  luma: Float32Array,
  width: number,
  height: number,
): Pick<Statistics, 'sharpness' | 'noise' | 'blockiness'> {
  let [laplacian, noise, inner] = [0, 0, 0];
  const border = { step: 0, steps: 0, else: 0, elses: 0 };
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const i = y * width + x;
      const [c, l, r, u, d] = [luma[i]!, luma[i - 1]!, luma[i + 1]!, luma[i - width]!, luma[i + width]!];
      const corners = luma[i - width - 1]! + luma[i - width + 1]! + luma[i + width - 1]! + luma[i + width + 1]!;
      laplacian += Math.abs(4 * c - l - r - u - d);
      noise += Math.abs(4 * c - 2 * (l + r + u + d) + corners);
      inner++;
      const [across, down] = [Math.abs(r - c), Math.abs(d - c)];
      if (x % 8 === 7) {
        border.step += across;
        border.steps++;
      } else {
        border.else += across;
        border.elses++;
      }
      if (y % 8 === 7) {
        border.step += down;
        border.steps++;
      } else {
        border.else += down;
        border.elses++;
      }
    }
  }
  const sigma = (Math.sqrt(Math.PI / 2) * noise) / (6 * inner);
  return {
    sharpness: Math.log2(1 + laplacian / inner),
    noise: Math.log2(1 + sigma),
    blockiness: (border.step / border.steps + 0.1) / (border.else / border.elses + 0.1),
  };
}

/** Weights of a Gaussian of deviation 7/6 over 7 pixels, as BRISQUE's. */
const window = (() => {
  const weights = Array.from({ length: 7 }, (_, i) => Math.exp(-((i - 3) ** 2) / (2 * (7 / 6) ** 2)));
  const total = weights.reduce((a, b) => a + b);
  return Float32Array.from(weights, (weight) => weight / total);
})();

/** The local mean of a picture, its edges repeated. */
function blurred(values: Float32Array, width: number, height: number): Float32Array {
  const rows = new Float32Array(values.length);
  const out = new Float32Array(values.length);
  const at = (i: number, most: number): number => (i < 0 ? 0 : i >= most ? most - 1 : i);
  for (let y = 0; y < height; y++) {
    const row = y * width;
    for (let x = 0; x < width; x++) {
      let total = 0;
      if (x >= 3 && x < width - 3) for (let k = 0; k < 7; k++) total += window[k]! * values[row + x + k - 3]!;
      else for (let k = 0; k < 7; k++) total += window[k]! * values[row + at(x + k - 3, width)]!;
      rows[row + x] = total;
    }
  }
  for (let y = 0; y < height; y++) {
    for (let k = 0; k < 7; k++) {
      const from = at(y + k - 3, height) * width;
      const weight = window[k]!;
      for (let x = 0; x < width; x++) out[y * width + x]! += weight * rows[from + x]!;
    }
  }
  return out;
}

function normalised(
  luma: Float32Array,
  width: number,
  height: number,
): Pick<Statistics, 'naturalness' | 'smoothness' | 'texture'> {
  const mean = blurred(luma, width, height);
  const square = blurred(
    luma.map((y) => y * y),
    width,
    height,
  );
  let [deviations, absolute, squares, products, pairs] = [0, 0, 0, 0, 0];
  let before = 0;
  for (let i = 0; i < luma.length; i++) {
    const deviation = Math.sqrt(Math.max(0, square[i]! - mean[i]! * mean[i]!));
    deviations += deviation;
    const x = (luma[i]! - mean[i]!) / (deviation + 1);
    absolute += Math.abs(x);
    squares += x * x;
    if (i % width > 0) {
      products += x * before;
      pairs++;
    }
    before = x;
  }
  const n = luma.length;
  const power = squares / n + 1e-9;
  return {
    naturalness: absolute / n / Math.sqrt(power),
    smoothness: products / pairs / power,
    texture: Math.log2(1 + deviations / n),
  };
}
