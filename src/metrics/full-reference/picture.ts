// What full-reference metrics compare: pictures of one size, their luma, and clips of them.
import { UserError } from '../../core/index.ts';

/** A picture of 8-bit RGB. */
export interface Picture {
  /** Columns. */
  width: number;
  /** Rows. */
  height: number;
  /** Values, [height, width, 3]. */
  data: Uint8Array;
}

/** Compares a picture with another of the same size. */
export type PictureMetric = (reference: Picture, distorted: Picture) => number;

/** One channel of a picture. */
export interface Plane {
  /** Columns. */
  width: number;
  /** Rows. */
  height: number;
  /** Values, [height, width]. */
  data: Float64Array;
}

/**
 * Refuses two pictures that cannot be compared.
 * @param name - of the metric, for the message
 * @param a - a picture
 * @param b - the other
 * @param leastSide - pixels that each side must have at least
 * @throws UserError `bad-input` where the sizes differ or are too small, or the data do not fill them
 */
export function checkPair(name: string, a: Picture, b: Picture, leastSide: number): void {
  if (a.width !== b.width || a.height !== b.height) {
    const got = `${a.width}×${a.height} and ${b.width}×${b.height}`;
    throw new UserError('bad-input', `${name}: expected two pictures of one size, got ${got}`);
  }
  if (!(Math.min(a.width, a.height) >= leastSide)) {
    const got = `${a.width}×${a.height}`;
    throw new UserError(
      'bad-input',
      `${name}: expected pictures of at least ${leastSide}×${leastSide} pixels, got ${got}`,
    );
  }
  for (const { width, height, data } of [a, b]) {
    if (data.length === width * height * 3) continue;
    const expected = `${width * height * 3} values of RGB for ${width}×${height} pixels`;
    throw new UserError('bad-input', `${name}: expected ${expected}, got ${data.length}`);
  }
}

/**
 * The luma of a picture (BT.601), not rounded.
 * @returns 0.299·R + 0.587·G + 0.114·B, 0–255
 */
export function lumaOf({ width, height, data }: Picture): Plane {
  const luma = new Float64Array(width * height);
  for (let i = 0, p = 0; i < luma.length; i++, p += 3) {
    luma[i] = 0.299 * data[p]! + 0.587 * data[p + 1]! + 0.114 * data[p + 2]!;
  }
  return { width, height, data: luma };
}

/**
 * Means of f×f pixels around every f-th, as `imfilter(…, 'symmetric')` and `(1:f:end)` of the authors' programs: for an even f the
 * block starts ⌊(f − 1)/2⌋ before its pixel; pixels beyond an edge mirror those before it.
 * @param f - a whole number of at least 1
 * @returns ⌈height/f⌉ × ⌈width/f⌉ means
 */
export function downsample(plane: Plane, f: number): Plane {
  if (f === 1) return plane;
  const [width, height] = [Math.ceil(plane.width / f), Math.ceil(plane.height / f)];
  const data = new Float64Array(width * height);
  const columns = mirrored(width, plane.width, f);
  const rows = mirrored(height, plane.height, f);
  for (let y = 0; y < height; y++) {
    for (let j = 0; j < f; j++) {
      const row = rows[y * f + j]! * plane.width;
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let i = x * f; i < (x + 1) * f; i++) sum += plane.data[row + columns[i]!]!;
        data[y * width + x]! += sum;
      }
    }
  }
  for (let i = 0; i < data.length; i++) data[i]! /= f * f;
  return { width, height, data };
}

/** For each of `count` blocks of f, the indices it is the mean of. */
function mirrored(count: number, length: number, f: number): Int32Array {
  const before = Math.floor((f - 1) / 2);
  return Int32Array.from({ length: count * f }, (_, i) => {
    let index = i - before;
    while (index < 0 || index >= length) index = index < 0 ? -1 - index : 2 * length - 1 - index;
    return index;
  });
}

/**
 * The mean of a metric over the frames of a clip.
 * @param metric - such as `ssim`
 * @param reference - frames of the reference
 * @param distorted - as many frames
 * @returns the mean; of PSNR infinite as soon as one frame is
 * @throws UserError `bad-input` where there are no frames or not as many; what the metric throws
 */
export function meanOverFrames(
  metric: PictureMetric,
  reference: readonly Picture[],
  distorted: readonly Picture[],
): number {
  if (reference.length !== distorted.length || reference.length === 0) {
    const got = `${reference.length} and ${distorted.length}`;
    throw new UserError('bad-input', `clips: expected two of as many frames, at least one, got ${got}`);
  }
  return reference.reduce((sum, frame, k) => sum + metric(frame, distorted[k]!), 0) / reference.length;
}
