// Turning frames upright, as a video's display matrix tells.
import type { RgbFrame } from './types.ts';

/** A turn or mirroring: where a source pixel (x, y) goes, x' = xx·x + xy·y, y' = yx·x + yy·y, up to a shift. */
export interface Orientation {
  /** -1, 0 or 1. */
  xx: number;
  /** -1, 0 or 1. */
  xy: number;
  /** -1, 0 or 1. */
  yx: number;
  /** -1, 0 or 1. */
  yy: number;
}

/**
 * Reads FFmpeg's display matrix: nine 32-bit integers [a b u; c d v; x y w] for x' = a·x + c·y, y' = b·x + d·y, in 16.16.
 * @param matrix - the side data
 * @returns the orientation; undefined where it is the identity, null where it is no multiple of 90°
 */
export function readDisplayMatrix(matrix: Buffer): Orientation | null | undefined {
  if (matrix.length < 36) return undefined;
  const at = (i: number): number => matrix.readInt32LE(i * 4);
  const [a, b, c, d] = [at(0), at(1), at(3), at(4)];
  const straight = b === 0 && c === 0 && a !== 0 && d !== 0;
  const turned = a === 0 && d === 0 && b !== 0 && c !== 0;
  if (a === 0 && b === 0 && c === 0 && d === 0) return undefined;
  if (!straight && !turned) return null;
  if (straight && a > 0 && d > 0) return undefined;
  return { xx: Math.sign(a), xy: Math.sign(c), yx: Math.sign(b), yy: Math.sign(d) };
}

/**
 * Turns a frame.
 * @returns a new frame
 */
export function orient(frame: RgbFrame, orientation: Orientation): RgbFrame {
  const { xx, xy, yx, yy } = orientation;
  const [width, height] = xx === 0 ? [frame.height, frame.width] : [frame.width, frame.height];
  const x0 = xx + xy < 0 ? width - 1 : 0;
  const y0 = yx + yy < 0 ? height - 1 : 0;
  const data = new Uint8Array(frame.data.length);
  let p = 0;
  for (let y = 0; y < frame.height; y++) {
    for (let x = 0; x < frame.width; x++) {
      const o = ((y0 + yx * x + yy * y) * width + x0 + xx * x + xy * y) * 3;
      data[o] = frame.data[p++]!;
      data[o + 1] = frame.data[p++]!;
      data[o + 2] = frame.data[p++]!;
    }
  }
  return { width, height, data };
}
