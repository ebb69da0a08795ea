// The filters that the tower begins with: cosines of the 8×8 blocks that codecs work in, each as loud as the others.
import { invariant } from '../src/core/index.ts';
import type { QwenVisionConfig } from './family.ts';
import { bt601 } from './fine-statistics.ts';

/** Side of a block. */
const BLOCK = 8;
/** Of a block's filters, one in so many is of each colour difference; the rest are of luma. */
const COLOUR = 9;
/**
 * Luma and both differences of colour, with the deviations, in levels, that a block's cosines are taken to have in photographs: of the
 * mean (twice what it is for luma, so that it does not drown the rest), and of the first frequency. They were set by eye.
 */
const channels = [
  { weights: bt601.luma, atZero: 900, atOne: 150 },
  { weights: bt601.blue, atZero: 100, atOne: 25 },
  { weights: bt601.red, atZero: 100, atOne: 25 },
] as const;
/** By which power of the frequency deviations fall. */
const FALL = 1.8;
/** Of an answer. */
const DEVIATION = 0.5;

/**
 * Filters of the patches' embedding in place of random ones. In photographs a cosine of a high frequency answers a hundredth of what one
 * of a low frequency does, and faults are in those: here each is made as loud as the others, by the fall of their deviations with
 * frequency.
 * @param vision - patches of a multiple of 8 pixels; as many filters for each of their blocks
 * @param std - of the processor, by which pixels from 0 to 1 are divided
 * @returns [filters, 3, frames, side, side]
 */
export function firstFilters(vision: QwenVisionConfig, std: readonly number[]): Float32Array {
  const { hiddenSize, patchSize: side, temporalPatchSize: frames } = vision;
  const blocks = (side / BLOCK) ** 2;
  const each = hiddenSize / blocks;
  invariant(Number.isInteger(blocks) && Number.isInteger(each), 'patches are not made of blocks');
  const order = Array.from({ length: BLOCK * BLOCK }, (_, i) => ({ u: i % BLOCK, v: Math.floor(i / BLOCK) }));
  order.sort((a, b) => a.u + a.v - b.u - b.v || a.u - b.u);
  const ofColour = Math.floor(each / COLOUR);
  invariant(each - 2 * ofColour <= order.length, 'more filters than a block has cosines');
  const counts = [each - 2 * ofColour, ofColour, ofColour];
  const out = new Float32Array(hiddenSize * 3 * frames * side * side);
  let filter = 0;
  for (let block = 0; block < blocks; block++) {
    const top = BLOCK * Math.floor(block / (side / BLOCK));
    const left = BLOCK * (block % (side / BLOCK));
    for (const [which, { weights, atZero, atOne }] of channels.entries()) {
      for (const { u, v } of order.slice(0, counts[which])) {
        const square = u * u + v * v;
        const gain = (DEVIATION * 255) / frames / (square === 0 ? atZero : atOne / square ** (FALL / 2));
        for (const [colour, weight] of weights.entries()) {
          for (let t = 0; t < frames; t++) {
            const from = ((filter * 3 + colour) * frames + t) * side * side;
            for (let y = 0; y < BLOCK; y++) {
              for (let x = 0; x < BLOCK; x++) {
                out[from + (top + y) * side + left + x] = gain * weight * std[colour]! * cosine(u, x) * cosine(v, y);
              }
            }
          }
        }
        filter++;
      }
    }
  }
  return out;
}

/** Orthonormal cosines (DCT-II). */
function cosine(frequency: number, at: number): number {
  const scale = frequency === 0 ? Math.sqrt(1 / BLOCK) : Math.sqrt(2 / BLOCK);
  return scale * Math.cos((Math.PI * frequency * (2 * at + 1)) / (2 * BLOCK));
}
