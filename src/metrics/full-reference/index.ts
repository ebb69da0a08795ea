/**
 * How much a picture differs from the one it was made of: PSNR, SSIM, MS-SSIM, GMSD. Pure functions; of metrics.
 * @module metrics/full-reference
 */
export { gmsd } from './gmsd.ts';
export { multiScaleSsim } from './multi-scale-ssim.ts';
export type { Picture, PictureMetric } from './picture.ts';
export { meanOverFrames } from './picture.ts';
export { psnr } from './psnr.ts';
export type { SsimOptions } from './ssim.ts';
export { ssim } from './ssim.ts';
