// Pictures by formula (test/reference/golden-frames.py has the same), the options that most tests use, a reader and a folder for a test file.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { FrameOptions, RgbFrame } from '../../src/video/index.ts';

export function picture(height: number, width: number, phase: number = 0): RgbFrame {
  const data = new Uint8Array(height * width * 3);
  let o = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        const ramp = (x * 7 + y * 13 + c * 29 + phase * 31) & 255;
        const noise = Number(((BigInt((x + 1) * (y + 3) * (c + 5) + phase) * 2654435761n) >> 7n) & 255n);
        const checked = ((x >> 3) + (y >> 3)) % 2 === 0;
        data[o++] = checked ? ramp : noise > 127 ? 255 : noise;
      }
    }
  }
  return { width, height, data };
}

export function sha256(data: Uint8Array | Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');
}

export function golden(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`golden/${name}.json`, import.meta.url), 'utf8'));
}

/** Sizes that leave a 28-multiple picture as it is. */
export const options: FrameOptions = {
  pick: 'middle',
  count: 1,
  as: 'video',
  minPixels: 784,
  maxPixels: 2 ** 24,
  seed: 1,
  patchSize: 14,
  mergeSize: 2,
  temporalPatchSize: 2,
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
};

export const sharedData: string = fileURLToPath(new URL('../../../shared/data', import.meta.url));
