// Faults of resolution: too few pixels, blocks, too much sharpening.
import { resizeBicubic } from '../video/index.ts';
import type { RgbFrame } from '../video/index.ts';
import { gaussianBlur } from './blur.ts';

/**
 * Resizes down and up again, both antialiased bicubic.
 * @param frames - a clip
 * @param factor - by which each side is divided, at least 1; sides do not fall below one pixel
 * @returns new frames
 */
export function downscale(frames: readonly RgbFrame[], factor: number): RgbFrame[] {
  return frames.map((frame) => {
    const { width, height, data } = frame;
    const [toWidth, toHeight] = [width, height].map((side) => Math.max(1, Math.round(side / factor))) as [
      number,
      number,
    ];
    if (toWidth === width && toHeight === height) return { width, height, data: data.slice() };
    return resizeBicubic(resizeBicubic(frame, toWidth, toHeight, 'video'), width, height, 'video');
  });
}

/**
 * Makes blocks of one colour each, the mean of their pixels.
 * @param frames - a clip
 * @param side - mean side of a block in pixels, at least 1; blocks are of whole pixels, so that some are a pixel longer than others
 * @returns new frames
 */
export function pixelate(frames: readonly RgbFrame[], side: number): RgbFrame[] {
  return frames.map((frame) => {
    const { width, height, data } = frame;
    const columns = edges(width, side);
    const rows = edges(height, side);
    const blocks = new Uint8Array(data.length);
    for (let j = 0; j + 1 < rows.length; j++) {
      const [top, bottom] = [rows[j]!, rows[j + 1]!];
      const first = top * width * 3;
      for (let i = 0; i + 1 < columns.length; i++) {
        const [left, right] = [columns[i]! * 3, columns[i + 1]! * 3];
        let [r, g, b] = [0, 0, 0];
        for (let y = top; y < bottom; y++) {
          for (let p = y * width * 3 + left; p < y * width * 3 + right; p += 3) {
            r += data[p]!;
            g += data[p + 1]!;
            b += data[p + 2]!;
          }
        }
        const area = ((bottom - top) * (right - left)) / 3;
        [r, g, b] = [Math.round(r / area), Math.round(g / area), Math.round(b / area)];
        for (let p = first + left; p < first + right; p += 3) {
          blocks[p] = r;
          blocks[p + 1] = g;
          blocks[p + 2] = b;
        }
      }
      for (let y = top + 1; y < bottom; y++) blocks.copyWithin(y * width * 3, first, first + width * 3);
    }
    return { width, height, data: blocks };
  });
}

/** Where the blocks of an axis start, and its end. */
function edges(length: number, side: number): number[] {
  const count = Math.max(1, Math.round(length / side));
  return Array.from({ length: count + 1 }, (_, i) => Math.round((i * length) / count));
}

/**
 * Sharpens by an unsharp mask, which draws halos along edges.
 * @param frames - a clip
 * @param amount - by which the difference from the blurred picture is multiplied before it is added
 * @param sigma - standard deviation of the blur, in pixels
 * @returns new frames
 */
export function sharpen(frames: readonly RgbFrame[], amount: number, sigma: number): RgbFrame[] {
  const blurred = gaussianBlur(frames, sigma);
  return frames.map(({ width, height, data }, k) => {
    const smooth = blurred[k]!.data;
    const sharp = new Uint8ClampedArray(data.length);
    for (let i = 0; i < data.length; i++) sharp[i] = data[i]! + amount * (data[i]! - smooth[i]!);
    return { width, height, data: new Uint8Array(sharp.buffer) };
  });
}
