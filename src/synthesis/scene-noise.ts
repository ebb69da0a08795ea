// Smooth noise of several octaves, the texture of generated scenes.
import type { RandomStream } from '../core/index.ts';
import { mix32 } from '../core/index.ts';
import { resizeBicubic } from '../video/index.ts';

/** Three fields of noise of mean about 0 and standard deviation 1, [height, width, 3]: rough, fine, and smooth for colours. */
export type NoiseFields = Float32Array;

/** Cells of an octave in pixels, and its standard deviation in each field before they are made 1. */
const octaves = [
  { cell: 128, shares: [1, 0, 1] },
  { cell: 64, shares: [1, 0, 0.8] },
  { cell: 32, shares: [1, 0, 0.5] },
  { cell: 16, shares: [0.9, 0.2, 0.2] },
  { cell: 8, shares: [0.8, 0.6, 0] },
  { cell: 4, shares: [0.6, 1, 0] },
  { cell: 2, shares: [0.4, 1, 0] },
] as const;

/**
 * Draws the fields: each octave is even noise on a grid, resized by bicubic.
 * @param width - columns
 * @param height - rows
 * @param stream - gives each octave a key
 * @returns the fields
 */
export function noiseFields(width: number, height: number, stream: RandomStream): NoiseFields {
  const fields = new Float32Array(width * height * 3);
  for (const { cell, shares } of octaves) {
    const key = stream.uint32();
    const [columns, rows] = [Math.ceil(width / cell) + 1, Math.ceil(height / cell) + 1];
    const grid = new Uint8Array(columns * rows * 3);
    for (let i = 0; i < grid.length; i++) grid[i] = mix32(mix32(i) ^ key) >>> 24;
    const { data } = resizeBicubic({ width: columns, height: rows, data: grid }, width, height, 'video');
    const [a, b, c] = shares;
    for (let i = 0; i < data.length; i += 3) {
      fields[i]! += a * (data[i]! - 127.5);
      fields[i + 1]! += b * (data[i + 1]! - 127.5);
      fields[i + 2]! += c * (data[i + 2]! - 127.5);
    }
  }
  for (let c = 0; c < 3; c++) {
    // Even noise of 0–255 has a standard deviation of 73.6, of which bicubic leaves about two thirds.
    const scale = 1 / (50 * Math.hypot(...octaves.map(({ shares }) => shares[c]!)));
    for (let i = c; i < fields.length; i += 3) fields[i]! *= scale;
  }
  return fields;
}
