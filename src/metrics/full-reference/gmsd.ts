// The gradient magnitude similarity deviation of two pictures.
import type { Picture, Plane } from './picture.ts';
import { checkPair, lumaOf } from './picture.ts';

const c = 170;

/**
 * Gradient magnitude similarity deviation of luma (Xue, Zhang, Mou, Bovik 2014), as the authors' `GMSD.m` computes it: means of 2×2
 * pixels, Prewitt gradients of a third, c = 170, values beyond the edges zero, the standard deviation (with n − 1) of the map.
 * @param reference - a picture of at least 3×3 pixels
 * @param distorted - another of the same size
 * @returns 0 for identical pictures, greater for worse ones; rarely above 0.4
 * @throws UserError `bad-input` where the sizes differ or are too small
 */
export function gmsd(reference: Picture, distorted: Picture): number {
  checkPair('gmsd', reference, distorted, 3);
  const a = gradients(halve(lumaOf(reference)));
  const b = gradients(halve(lumaOf(distorted)));
  const map = a.map((x, i) => (2 * x * b[i]! + c) / (x * x + b[i]! ** 2 + c));
  const mean = map.reduce((sum, value) => sum + value, 0) / map.length;
  return Math.sqrt(map.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (map.length - 1));
}

/** Means of 2×2 values; beyond the right and lower edge they are 0. */
function halve(plane: Plane): Plane {
  const [width, height] = [Math.ceil(plane.width / 2), Math.ceil(plane.height / 2)];
  const data = new Float64Array(width * height);
  for (let y = 0; y < plane.height; y++) {
    const [from, to] = [y * plane.width, (y >> 1) * width];
    for (let x = 0; x < plane.width; x++) data[to + (x >> 1)]! += plane.data[from + x]! / 4;
  }
  return { width, height, data };
}

/** Magnitudes of Prewitt gradients, [height, width]. */
function gradients({ width, height, data }: Plane): Float64Array {
  const stride = width + 2;
  const padded = new Float64Array(stride * (height + 2));
  for (let y = 0; y < height; y++) padded.set(data.subarray(y * width, (y + 1) * width), (y + 1) * stride + 1);
  const magnitudes = new Float64Array(width * height);
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < width; x++, o++) {
      const p = y * stride + x; // the upper left of the nine
      const [a, b, c] = [padded[p]!, padded[p + 1]!, padded[p + 2]!];
      const [d, f] = [padded[p + stride]!, padded[p + stride + 2]!];
      const [g, h, i] = [padded[p + 2 * stride]!, padded[p + 2 * stride + 1]!, padded[p + 2 * stride + 2]!];
      const across = (c + f + i - a - d - g) / 3;
      const down = (g + h + i - a - b - c) / 3;
      magnitudes[o] = Math.sqrt(across * across + down * down);
    }
  }
  return magnitudes;
}
