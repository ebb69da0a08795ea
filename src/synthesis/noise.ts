// Noise: of each value, of colour only, and of single pixels. A value of it is a hash of a frame's key and a place.
import type { RandomStream } from '../core/index.ts';
import { mix32 } from '../core/index.ts';
import type { RgbFrame } from '../video/index.ts';

const tableBits = 14;
let table: Float32Array | undefined;

/** Quantiles of the standard normal distribution at the middles of 2^14 equal parts, scaled to a variance of exactly 1. */
function normalTable(): Float32Array {
  if (table) return table;
  const size = 2 ** tableBits;
  const values = Float64Array.from({ length: size }, (_, i) => normalQuantile((i + 0.5) / size));
  const scale = Math.sqrt(size / values.reduce((sum, v) => sum + v * v, 0));
  table = Float32Array.from(values, (v) => v * scale);
  return table;
}

/** Acklam's rational approximation: relative error below 1.2e-9. */
function normalQuantile(p: number): number {
  const horner = (coefficients: readonly number[], x: number): number =>
    coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0);
  const tail = (p: number): number => {
    const q = Math.sqrt(-2 * Math.log(p));
    const numerator = horner(
      [
        -7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734, 4.374664141464968,
        2.938163982698783,
      ],
      q,
    );
    return numerator / horner([7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1], q);
  };
  if (p < 0.02425) return tail(p);
  if (p > 1 - 0.02425) return -tail(1 - p);
  const q = p - 0.5;
  const r = q * q;
  const numerator = horner(
    [
      -3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.38357751867269e2, -3.066479806614716e1,
      2.506628277459239,
    ],
    r,
  );
  const denominator = horner(
    [-5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1, 1],
    r,
  );
  return (numerator * q) / denominator;
}

/**
 * Independent normal noise of every value.
 * @param frames - a clip
 * @param sigma - standard deviation, in grey levels
 * @param stream - gives each frame a key
 * @returns noisy frames
 */
export function gaussianNoise(frames: readonly RgbFrame[], sigma: number, stream: RandomStream): RgbFrame[] {
  const scaled = normalTable().map((v) => v * sigma);
  const mask = 2 ** tableBits - 1;
  return frames.map(({ width, height, data }) => {
    const key = stream.uint32();
    const noisy = new Uint8ClampedArray(data.length);
    for (let i = 0; i < data.length; i += 2) {
      const hash = mix32(mix32(i >>> 1) ^ key);
      noisy[i] = data[i]! + scaled[hash & mask]!;
      noisy[i + 1] = data[i + 1]! + scaled[(hash >>> tableBits) & mask]!; // beyond the end of an odd length nothing is written
    }
    return { width, height, data: new Uint8Array(noisy.buffer) };
  });
}

/**
 * Normal noise of colour in blots of 2×2 pixels, the luma kept but for clipping.
 * @param frames - a clip
 * @param sigma - standard deviation of each of Cb and Cr (BT.601, full range), in levels
 * @param stream - gives each frame a key
 * @returns noisy frames
 */
export function chromaNoise(frames: readonly RgbFrame[], sigma: number, stream: RandomStream): RgbFrame[] {
  const scaled = normalTable().map((v) => v * sigma);
  const mask = 2 ** tableBits - 1;
  return frames.map(({ width, height, data }) => {
    const key = stream.uint32();
    const noisy = new Uint8ClampedArray(data.length);
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i += 3) {
        const hash = mix32(mix32((y >> 1) * width + (x >> 1)) ^ key);
        const cb = scaled[hash & mask]!;
        const cr = scaled[(hash >>> tableBits) & mask]!;
        noisy[i] = data[i]! + 1.402 * cr;
        noisy[i + 1] = data[i + 1]! - 0.344136 * cb - 0.714136 * cr;
        noisy[i + 2] = data[i + 2]! + 1.772 * cb;
      }
    }
    return { width, height, data: new Uint8Array(noisy.buffer) };
  });
}

/**
 * Single pixels that are black or white.
 * @param frames - a clip
 * @param share - probability of a pixel, 0–1
 * @param stream - gives each frame a key
 * @returns noisy frames
 */
export function impulseNoise(frames: readonly RgbFrame[], share: number, stream: RandomStream): RgbFrame[] {
  return frames.map(({ width, height, data }) => {
    const key = stream.uint32();
    const noisy = data.slice();
    const threshold = share * 2 ** 32;
    for (let pixel = 0; pixel < width * height; pixel++) {
      const hash = mix32(mix32(pixel) ^ key);
      if (hash < threshold) noisy.fill((hash & 1) * 255, pixel * 3, pixel * 3 + 3);
    }
    return { width, height, data: noisy };
  });
}
