// The structural similarity of two pictures over several scales.
import type { Picture } from './picture.ts';
import { checkPair, downsample, lumaOf } from './picture.ts';
import { similarity, windowSide } from './ssim.ts';

/** Weights of the scales, the finest first. */
const weights = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333] as const;

/**
 * Multi-scale structural similarity of luma (Wang, Simoncelli, Bovik 2003): contrast and structure at five scales, each of half the
 * resolution of the one before (means of 2×2 pixels), and luminance at the last, in powers that were fitted to judgements. Pictures
 * too small for all five are compared at as many as leave sides of 11 pixels at the last, with weights scaled to add up to 1, so
 * that identical pictures have 1 at any size. A scale whose mean structure is negative counts as 0.
 * @param reference - a picture of at least 11×11 pixels (161×161 for five scales)
 * @param distorted - another of the same size
 * @returns 0 to 1; 1 for identical pictures
 * @throws UserError `bad-input` where the sizes differ or are too small
 */
export function multiScaleSsim(reference: Picture, distorted: Picture): number {
  checkPair('multi-scale ssim', reference, distorted, windowSide);
  let [a, b] = [lumaOf(reference), lumaOf(distorted)];
  const used: number[] = [];
  const values: number[] = [];
  for (const [scale, weight] of weights.entries()) {
    const { ssim, structure } = similarity(a, b);
    used.push(weight);
    const ended = scale === weights.length - 1 || Math.ceil(Math.min(a.width, a.height) / 2) < windowSide;
    values.push(ended ? ssim : structure);
    if (ended) break;
    [a, b] = [downsample(a, 2), downsample(b, 2)];
  }
  const total = used.reduce((sum, weight) => sum + weight, 0);
  return values.reduce((product, value, scale) => product * Math.max(0, value) ** (used[scale]! / total), 1);
}
