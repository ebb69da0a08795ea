// Parts of pictures.
import type { RgbFrame } from '../../src/video/index.ts';

/**
 * A square part of a picture.
 * @param picture - the picture
 * @param left - first column
 * @param top - first row
 * @param side - of the square, in pixels; it lies within the picture
 */
export function crop({ width, data }: RgbFrame, left: number, top: number, side: number): RgbFrame {
  const cut = new Uint8Array(side * side * 3);
  for (let y = 0; y < side; y++) {
    const from = ((top + y) * width + left) * 3;
    cut.set(data.subarray(from, from + side * 3), y * side * 3);
  }
  return { width: side, height: side, data: cut };
}
