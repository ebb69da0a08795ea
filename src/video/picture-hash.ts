// Near-equal pictures by a perceptual hash: the same clip under two names, re-encoded or resized.
import { resizeBicubic } from './resize.ts';
import type { RgbFrame } from './types.ts';

/**
 * The difference hash of a picture: of its luma at 9×8 pixels, a bit for each pair of neighbours in a row, 1 where it brightens.
 * @param frame - the picture
 * @returns 64 bits, the first pair in the highest
 */
export function pictureHash(frame: RgbFrame): bigint {
  const { data } = resizeBicubic(frame, 9, 8, 'image');
  const luma = (i: number): number => 299 * data[i * 3]! + 587 * data[i * 3 + 1]! + 114 * data[i * 3 + 2]!;
  let hash = 0n;
  for (let y = 0; y < 8; y++) {
    for (let x = 0; x < 8; x++) hash = (hash << 1n) | (luma(y * 9 + x + 1) > luma(y * 9 + x) ? 1n : 0n);
  }
  return hash;
}

/** Two pictures that look alike. */
export interface NearDuplicate {
  /** Index of the one. */
  a: number;
  /** Index of the other, above `a`. */
  b: number;
  /** Bits in which their hashes differ. */
  distance: number;
}

/**
 * All pairs of hashes that differ in at most so many bits.
 * @param hashes - 64-bit hashes, one a picture
 * @param maxDistance - greatest number of differing bits, 0–64; 4 finds re-encoded copies with few false alarms
 * @returns the pairs, ordered by `a`, then `b`
 */
export function nearDuplicates(hashes: readonly bigint[], maxDistance: number): NearDuplicate[] {
  const high = Int32Array.from(hashes, (hash) => Number(BigInt.asIntN(32, hash >> 32n)));
  const low = Int32Array.from(hashes, (hash) => Number(BigInt.asIntN(32, hash)));
  const pairs: NearDuplicate[] = [];
  for (let a = 0; a < hashes.length; a++) {
    for (let b = a + 1; b < hashes.length; b++) {
      const distance = bitCount(high[a]! ^ high[b]!) + bitCount(low[a]! ^ low[b]!);
      if (distance <= maxDistance) pairs.push({ a, b, distance });
    }
  }
  return pairs;
}

function bitCount(x: number): number {
  x -= (x >>> 1) & 0x55555555;
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
