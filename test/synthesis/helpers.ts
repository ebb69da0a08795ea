// Pictures to distort, and what tests ask of the results.
import { createHash } from 'node:crypto';
import { randomStream } from '../../src/core/index.ts';
import type { RgbFrame } from '../../src/video/index.ts';
import { generatedScene } from '../../src/synthesis/index.ts';

export function scene(seed: number, width: number = 96, height: number = 80): RgbFrame {
  return generatedScene({ width, height, stream: randomStream(seed) });
}

export function digest(frames: readonly RgbFrame[]): string {
  const hash = createHash('sha256');
  for (const { width, height, data } of frames) hash.update(`${width}×${height}`).update(data);
  return hash.digest('hex');
}

export function flat(value: number, width: number = 24, height: number = 20): RgbFrame {
  return { width, height, data: new Uint8Array(width * height * 3).fill(value) };
}

/** Frame k is flat, of a grey that tells k. */
export function counted(numFrames: number): RgbFrame[] {
  return Array.from({ length: numFrames }, (_, k) => flat(20 + 10 * k));
}

/** Which frames of {@link counted} are shown. */
export function shown(frames: readonly RgbFrame[]): number[] {
  return frames.map(({ data }) => (data[0]! - 20) / 10);
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}
