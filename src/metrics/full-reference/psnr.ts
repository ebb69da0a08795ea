// The peak signal-to-noise ratio.
import type { Picture } from './picture.ts';
import { checkPair } from './picture.ts';

/**
 * Peak signal-to-noise ratio over all values of red, green and blue: 10·log₁₀(255² / mean squared error).
 * @param reference - a picture
 * @param distorted - another of the same size
 * @returns decibels, from 0 for black against white; Infinity where the pictures are identical
 * @throws UserError `bad-input` where the sizes differ
 */
export function psnr(reference: Picture, distorted: Picture): number {
  checkPair('psnr', reference, distorted, 1);
  const [a, b] = [reference.data, distorted.data];
  let sum = 0; // exact: whole numbers below 2^53
  for (let i = 0; i < a.length; i++) {
    const difference = a[i]! - b[i]!;
    sum += difference * difference;
  }
  return 10 * Math.log10((255 ** 2 * a.length) / sum);
}
