// The structural similarity of two pictures.
import type { Picture, Plane } from './picture.ts';
import { checkPair, downsample, lumaOf } from './picture.ts';

/** Side of the window, in pixels. */
export const windowSide = 11;
const sigma = 1.5;
const [c1, c2] = [(0.01 * 255) ** 2, (0.03 * 255) ** 2];

/** How {@link ssim} compares. */
export interface SsimOptions {
  /**
   * Whether pictures are first made smaller:
   * - `none`, the default: they are compared as they are;
   * - `to-256`: both are averaged over and reduced by the factor max(1, round(shorter side / 256)), as the authors advise for
   *   pictures seen from the usual distance (their `ssim.m`).
   */
  downsampling?: 'none' | 'to-256';
}

/**
 * Structural similarity of luma (Wang, Bovik, Sheikh, Simoncelli 2004): an 11×11 Gaussian window of σ 1.5, K₁ = 0.01, K₂ = 0.03, the
 * mean over all windows that lie within the picture.
 * @param reference - a picture of at least 11×11 pixels, after downsampling
 * @param distorted - another of the same size
 * @param options - whether pictures are first made smaller
 * @returns −1 to 1; 1 for identical pictures
 * @throws UserError `bad-input` where the sizes differ or are too small
 */
export function ssim(reference: Picture, distorted: Picture, options: SsimOptions = {}): number {
  checkPair('ssim', reference, distorted, windowSide);
  const shorter = Math.min(reference.width, reference.height);
  const factor = options.downsampling === 'to-256' ? Math.max(1, Math.round(shorter / 256)) : 1;
  return similarity(downsample(lumaOf(reference), factor), downsample(lumaOf(distorted), factor)).ssim;
}

const half = (windowSide - 1) / 2;
/** Weights of the window's middle and of the pixels 1 … 5 from it. */
const weights = ((): readonly number[] => {
  const values = Array.from({ length: half + 1 }, (_, i) => Math.exp(-(i * i) / (2 * sigma * sigma)));
  const total = values.reduce((sum, value) => sum + 2 * value, -1);
  return values.map((value) => value / total);
})();

/**
 * Means of the similarity of two planes over all windows.
 * @param a - at least 11×11 values
 * @param b - as many
 * @returns `ssim`, and `structure`, its factor of contrast and structure without that of luminance
 */
export function similarity(a: Plane, b: Plane): { ssim: number; structure: number } {
  const { width, height } = a;
  const [outWidth, outHeight] = [width - 2 * half, height - 2 * half];
  const squares = new Float64Array(a.data.length);
  const products = new Float64Array(a.data.length);
  for (let i = 0; i < squares.length; i++) {
    const [x, y] = [a.data[i]!, b.data[i]!];
    squares[i] = x * x + y * y;
    products[i] = x * y;
  }
  const rows = [0, 1, 2, 3].map(() => new Float64Array(width));
  const means = [0, 1, 2, 3].map(() => new Float64Array(outWidth));
  const planes = [a.data, b.data, squares, products];
  const [meansA, meansB, meanSquares, meanProducts] = means as [Float64Array, Float64Array, Float64Array, Float64Array];
  let [sum, sumOfStructure] = [0, 0];
  for (let y = 0; y < outHeight; y++) {
    for (let m = 0; m < 4; m++) {
      convolve(planes[m]!, (y + half) * width, width, rows[m]!);
      convolve(rows[m]!, half, 1, means[m]!);
    }
    for (let x = 0; x < outWidth; x++) {
      const [ma, mb] = [meansA[x]!, meansB[x]!];
      const product = ma * mb;
      const energy = ma * ma + mb * mb;
      const covariance = meanProducts[x]! - product;
      const structure = (2 * covariance + c2) / (meanSquares[x]! - energy + c2);
      sumOfStructure += structure;
      sum += (structure * (2 * product + c1)) / (energy + c1);
    }
  }
  const count = outWidth * outHeight;
  return { ssim: sum / count, structure: sumOfStructure / count };
}

/** Weighs values of distance `step` around each of those from `start` on, as many as `out` takes. */
function convolve(input: Float64Array, start: number, step: number, out: Float64Array): void {
  const [w0, w1, w2, w3, w4, w5] = weights as [number, number, number, number, number, number];
  for (let x = 0; x < out.length; x++) {
    const p = start + x;
    out[x] =
      w0 * input[p]! +
      w1 * (input[p - step]! + input[p + step]!) +
      w2 * (input[p - 2 * step]! + input[p + 2 * step]!) +
      w3 * (input[p - 3 * step]! + input[p + 3 * step]!) +
      w4 * (input[p - 4 * step]! + input[p + 4 * step]!) +
      w5 * (input[p - 5 * step]! + input[p + 5 * step]!);
  }
}
