// The size of a frame and the resizing to it, both as the reference processor does them, to the grey level.
import { UserError } from '../core/index.ts';
import type { Kernel } from './resize-simd.ts';
import { resizeVectors } from './resize-simd.ts';
import type { FrameOptions, FrameSize, RgbFrame } from './types.ts';

/**
 * The size that a frame gets: the sides multiples of `factor`, the area within bounds, the shape kept as well as that allows
 * (transformers 5.17, `smart_resize` of the Qwen2-VL processors, used for images and for each frame of a video).
 * @param height - rows of the source
 * @param width - columns of the source
 * @param factor - pixels that a side is a multiple of: patch size times merge size
 * @param minPixels - least area, in pixels
 * @param maxPixels - greatest area, in pixels; sides never fall below `factor`
 * @param name - what the error message calls the frame; default `frame`
 * @returns rows and columns
 * @throws UserError `unreadable-media` where one side is more than 200 times the other
 */
export function smartResize(
  height: number,
  width: number,
  factor: number,
  minPixels: number,
  maxPixels: number,
  name: string = 'frame',
): FrameSize {
  const ratio = Math.max(height, width) / Math.min(height, width);
  if (!(ratio <= 200)) {
    throw new UserError(
      'unreadable-media',
      `${name}: expected sides of which none is more than 200 times the other, got ${width}×${height}`,
    );
  }
  let h = roundHalfEven(height / factor) * factor;
  let w = roundHalfEven(width / factor) * factor;
  if (h * w > maxPixels) {
    const beta = Math.sqrt((height * width) / maxPixels);
    h = Math.max(factor, Math.floor(height / beta / factor) * factor);
    w = Math.max(factor, Math.floor(width / beta / factor) * factor);
  } else if (h * w < minPixels) {
    const beta = Math.sqrt(minPixels / (height * width));
    h = Math.ceil((height * beta) / factor) * factor;
    w = Math.ceil((width * beta) / factor) * factor;
  }
  return { height: h, width: w };
}

/** Python's `round`. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * Antialiased bicubic resizing of 8-bit pixels, bit for bit what the reference computes: a separable kernel (a = -0.5, horizontal
 * pass first, a clamp to 8 bits between the passes) whose weights are rounded to 22 bits behind the point by Pillow, which the PIL
 * image processor uses, and to 16 bits in all by torchvision's `resize` of a uint8 tensor on a CPU, which the video processor uses.
 * Of the same picture the two differ in less than 1% of the values, by one level, and here and there by two.
 * @param source - the picture
 * @param width - columns of the result
 * @param height - rows of the result
 * @param kind - whether the model takes it as an image (Pillow's weights) or as a frame of a video (torchvision's)
 * @param plain - whether to do without vector instructions, which make no difference but in time; default false
 * @returns the resized picture; the source itself where the size is the same
 */
export function resizeBicubic(
  source: RgbFrame,
  width: number,
  height: number,
  kind: 'image' | 'video',
  plain: boolean = false,
): RgbFrame {
  const across = width === source.width ? undefined : makeKernel(source.width, width, kind);
  const down = height === source.height ? undefined : makeKernel(source.height, height, kind);
  if (!across && !down) return source;
  const data = plain ? undefined : resizeVectors(source.data, source.width, source.height, across, down);
  if (data) return { width, height, data };
  const wide = across ? resizeRows(source, across) : source;
  return down ? resizeColumns(wide, down) : wide;
}

/**
 * Brings a frame to the model's size.
 * @param name - what an error message calls it
 * @param options - bounds and patches
 * @param kind - whether the model takes it as an image or as a frame of a video
 * @param shown - the size in which it is shown, where its pixels are not square; default its own
 * @returns the resized frame
 * @throws UserError `unreadable-media` where one side is more than 200 times the other
 */
export function shrink(
  frame: RgbFrame,
  name: string,
  options: Pick<FrameOptions, 'patchSize' | 'mergeSize' | 'minPixels' | 'maxPixels'>,
  kind: 'image' | 'video',
  shown: FrameSize = frame,
): RgbFrame {
  const factor = options.patchSize * options.mergeSize;
  const { minPixels, maxPixels } = options;
  const { width, height } = smartResize(shown.height, shown.width, factor, minPixels, maxPixels, name);
  return resizeBicubic(frame, width, height, kind);
}

/** Pillow's `precompute_coeffs` and `normalize_coeffs_8bpc`; PyTorch's `_compute_index_ranges_int16_weights`. */
function makeKernel(from: number, to: number, kind: 'image' | 'video'): Kernel {
  const scale = from / to;
  const shrink = scale >= 1 ? scale : 1;
  const support = 2 * shrink;
  const inverse = 1 / shrink;
  const size = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Float64Array(to * size);
  let greatest = 0;
  for (let i = 0; i < to; i++) {
    const center = scale * (i + 0.5);
    const low = Math.max(0, Math.trunc(center - support + 0.5));
    const taps = Math.max(0, Math.min(size, Math.min(from, Math.trunc(center + support + 0.5)) - low));
    let total = 0;
    for (let j = 0; j < taps; j++) {
      const weight = cubic((j + low - center + 0.5) * inverse);
      weights[i * size + j] = weight;
      total += weight;
    }
    for (let j = 0; j < taps; j++) {
      if (total !== 0) weights[i * size + j]! /= total;
      greatest = Math.max(greatest, weights[i * size + j]!);
    }
    first[i] = low;
    count[i] = taps;
  }
  let bits = kind === 'image' ? 22 : 0;
  while (bits < 22 && Math.trunc(0.5 + greatest * 2 ** (bits + 1)) < 32768) bits++;
  const taps = Int32Array.from(weights, (weight) => Math.trunc(weight * 2 ** bits + (weight < 0 ? -0.5 : 0.5)));
  return { size, first, count, taps, bits };
}

/** Keys' cubic with a = -0.5. */
function cubic(x: number): number {
  const a = -0.5;
  x = Math.abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

function resizeRows(source: RgbFrame, { size, first, count, taps, bits }: Kernel): RgbFrame {
  const width = first.length;
  const half = 1 << (bits - 1);
  const input = source.data;
  const data = new Uint8ClampedArray(width * source.height * 3);
  let o = 0;
  for (let y = 0; y < source.height; y++) {
    const row = y * source.width * 3;
    for (let x = 0; x < width; x++) {
      let r = half;
      let g = half;
      let b = half;
      let p = row + first[x]! * 3;
      const end = x * size + count[x]!;
      for (let k = x * size; k < end; k++, p += 3) {
        const tap = taps[k]!;
        r = (r + Math.imul(input[p]!, tap)) | 0;
        g = (g + Math.imul(input[p + 1]!, tap)) | 0;
        b = (b + Math.imul(input[p + 2]!, tap)) | 0;
      }
      data[o++] = r >> bits;
      data[o++] = g >> bits;
      data[o++] = b >> bits;
    }
  }
  return { width, height: source.height, data: new Uint8Array(data.buffer) };
}

function resizeColumns(source: RgbFrame, { size, first, count, taps, bits }: Kernel): RgbFrame {
  const height = first.length;
  const half = 1 << (bits - 1);
  const input = source.data;
  const stride = source.width * 3;
  const data = new Uint8ClampedArray(stride * height);
  const sums = new Int32Array(stride);
  for (let y = 0; y < height; y++) {
    sums.fill(half);
    // Four rows at a time, since loading and storing the sums costs more than multiplying; a tap beyond `count` is 0.
    for (let j = 0; j < count[y]!; j += 4) {
      const k = y * size + j;
      const left = count[y]! - j;
      const [t0, t1, t2, t3] = [
        taps[k]!,
        left > 1 ? taps[k + 1]! : 0,
        left > 2 ? taps[k + 2]! : 0,
        left > 3 ? taps[k + 3]! : 0,
      ];
      const r0 = (first[y]! + j) * stride;
      const r1 = left > 1 ? r0 + stride : r0;
      const r2 = left > 2 ? r1 + stride : r0;
      const r3 = left > 3 ? r2 + stride : r0;
      for (let x = 0; x < stride; x++) {
        sums[x] =
          (sums[x]! +
            Math.imul(input[r0 + x]!, t0) +
            Math.imul(input[r1 + x]!, t1) +
            Math.imul(input[r2 + x]!, t2) +
            Math.imul(input[r3 + x]!, t3)) |
          0;
      }
    }
    const out = y * stride;
    for (let x = 0; x < stride; x++) data[out + x] = sums[x]! >> bits;
  }
  return { width: source.width, height, data: new Uint8Array(data.buffer) };
}
