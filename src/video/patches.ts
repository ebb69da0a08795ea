// Resized frames to the vision tower's input: normalised, and cut into patches in the reference processor's order.
import { invariant } from '../core/index.ts';
import type { PatchGrid, VisionPatches } from '../model/index.ts';
import type { FrameOptions, RgbFrame } from './types.ts';

/** What of {@link FrameOptions} the cutting needs. */
export type PatchOptions = Pick<FrameOptions, 'patchSize' | 'mergeSize' | 'temporalPatchSize' | 'mean' | 'std'>;

/**
 * Normalises frames and cuts them into patches as the Qwen2-VL processors of transformers 5.17 do. Patches run over time, then
 * over merged patches row by row, then over the patches of each; the values of one over channel, time, row, column.
 * Frames beyond a multiple of `temporalPatchSize` (a still is one frame) are made up by repeating the last one.
 * @param kind - whether the frames are a picture or a video
 * @param frames - frames of one size, whose sides are multiples of `patchSize * mergeSize`; a picture is one frame
 * @param options - sizes, mean and standard deviation
 * @returns grid and values
 */
export function cutPatches(kind: 'image' | 'video', frames: readonly RgbFrame[], options: PatchOptions): VisionPatches {
  const { patchSize, mergeSize, temporalPatchSize } = options;
  const { width, height } = frames[0]!;
  const block = patchSize * mergeSize;
  const grid = patchGrid(frames, options);
  const tables = [0, 1, 2].map((channel) => normalisation(kind, options.mean[channel]!, options.std[channel]!));
  const area = patchSize * patchSize;
  const pixels = new Float32Array(grid.t * grid.h * grid.w * 3 * temporalPatchSize * area);
  let o = 0;
  for (let t = 0; t < grid.t; t++) {
    for (let top = 0; top < height; top += block) {
      for (let left = 0; left < width; left += block) {
        for (let patch = 0; patch < mergeSize * mergeSize; patch++) {
          const y0 = top + Math.floor(patch / mergeSize) * patchSize;
          const x0 = left + (patch % mergeSize) * patchSize;
          for (let channel = 0; channel < 3; channel++) {
            const table = tables[channel]!;
            for (let s = 0; s < temporalPatchSize; s++) {
              const { data } = frames[Math.min(t * temporalPatchSize + s, frames.length - 1)]!;
              for (let y = y0; y < y0 + patchSize; y++) {
                let p = (y * width + x0) * 3 + channel;
                for (let x = 0; x < patchSize; x++, p += 3) pixels[o++] = table[data[p]!]!;
              }
            }
          }
        }
      }
    }
  }
  return { grid, pixels };
}

/**
 * How many patches frames have.
 * @param frames - frames of one size, whose sides are multiples of `patchSize * mergeSize`
 * @param options - sizes
 */
export function patchGrid(
  frames: readonly Pick<RgbFrame, 'width' | 'height'>[],
  { patchSize, mergeSize, temporalPatchSize }: Pick<PatchOptions, 'patchSize' | 'mergeSize' | 'temporalPatchSize'>,
): PatchGrid {
  const { width, height } = frames[0]!;
  const block = patchSize * mergeSize;
  invariant(width % block === 0 && height % block === 0, `${width}×${height} is no multiple of ${block}`);
  return { t: Math.ceil(frames.length / temporalPatchSize), h: height / patchSize, w: width / patchSize };
}

/**
 * The 256 normalised values of a channel, in the float32 steps of the reference: (v/255 - mean) / std of the PIL image processor,
 * (v - mean·255) / (std·255) of the video processor.
 */
function normalisation(kind: 'image' | 'video', mean: number, std: number): Float32Array {
  if (kind === 'image') {
    const [shift, scale] = [Math.fround(mean), Math.fround(std)];
    const values = Float32Array.from({ length: 256 }, (_, value) => value * (1 / 255));
    return values.map((value) => Math.fround(value - shift) / scale);
  }
  const shift = Math.fround(Math.fround(mean) * 255);
  const scale = Math.fround(Math.fround(std) * 255);
  return Float32Array.from({ length: 256 }, (_, value) => Math.fround(Math.fround(value - shift) / scale));
}
