// Blur: out of focus, in motion, or by a Gaussian.
import type { RgbFrame } from '../video/index.ts';
import type { Tap } from './filter.ts';
import { filterByTaps, filterSeparably, gaussianWeights, replicateEdges } from './filter.ts';

/**
 * Gaussian blur.
 * @param frames - a clip
 * @param sigma - standard deviation, in pixels
 * @returns blurred frames
 */
export function gaussianBlur(frames: readonly RgbFrame[], sigma: number): RgbFrame[] {
  const weights = gaussianWeights(sigma);
  return frames.map((frame) => filterSeparably(frame, weights));
}

/**
 * The blur of a straight movement while the shutter is open.
 * @param frames - a clip
 * @param length - of the movement, in pixels
 * @param angle - its direction, in radians
 * @returns blurred frames
 */
export function motionBlur(frames: readonly RgbFrame[], length: number, angle: number): RgbFrame[] {
  const taps = lineTaps(length, angle);
  return frames.map((frame) => filterByTaps(frame, taps));
}

/** A line through the pixel: a whole pixel at a time along its longer axis, two neighbours by their nearness across. */
function lineTaps(length: number, angle: number): Tap[] {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const steep = Math.abs(sin) > Math.abs(cos);
  const [extent, slope] = steep ? [length * Math.abs(sin), cos / sin] : [length * Math.abs(cos), sin / cos];
  const reach = Math.ceil(extent / 2 - 0.5);
  const taps: Tap[] = [];
  for (let along = -reach; along <= reach; along++) {
    // What the line covers of this pixel's length.
    const share = Math.min(along + 0.5, extent / 2) - Math.max(along - 0.5, -extent / 2);
    const across = Math.floor(along * slope);
    const nearness = along * slope - across;
    for (const [by, part] of [
      [across, 1 - nearness],
      [across + 1, nearness],
    ] as const) {
      const weight = (share * part) / extent;
      if (weight > 0) taps.push(steep ? { dx: by, dy: along, weight } : { dx: along, dy: by, weight });
    }
  }
  return taps;
}

/**
 * The blur of a lens out of focus: the mean over a disc.
 * @param frames - a clip
 * @param radius - of the disc, in pixels
 * @returns blurred frames
 */
export function defocus(frames: readonly RgbFrame[], radius: number): RgbFrame[] {
  return frames.map((frame) => discMean(frame, radius));
}

function discMean(frame: RgbFrame, radius: number): RgbFrame {
  const { width, height } = frame;
  const reach = Math.floor(radius);
  const margin = reach + 2;
  const padded = replicateEdges(frame, margin);
  const stride = (width + 2 * margin) * 3;
  // Sums from the start of a row on, so that a stretch of it is one difference whatever its length.
  const sums = new Int32Array(padded.length + 3);
  for (let y = 0; y < height + 2 * margin; y++) {
    const start = y * stride;
    sums[start] = sums[start + 1] = sums[start + 2] = 0;
    for (let x = start; x < start + stride - 3; x++) sums[x + 3] = sums[x]! + padded[x]!;
  }
  // Of each row of the disc: whole pixels to both sides, and 256ths of the next.
  const rows = Array.from({ length: 2 * reach + 1 }, (_, i) => {
    const half = Math.sqrt(radius ** 2 - (i - reach) ** 2);
    return { whole: Math.floor(half), part: Math.round((half - Math.floor(half)) * 256) };
  });
  const area = rows.reduce((sum, { whole, part }) => sum + 256 * (1 + 2 * whole) + 2 * part, 0);
  const row = width * 3;
  const totals = new Int32Array(row);
  const data = new Uint8Array(row * height);
  for (let y = 0; y < height; y++) {
    totals.fill(area >> 1);
    for (let i = 0; i < rows.length; i++) {
      const { whole, part } = rows[i]!;
      const middle = (y + margin + i - reach) * stride + margin * 3;
      const left = middle - whole * 3;
      const right = middle + (whole + 1) * 3;
      for (let x = 0; x < row; x++) {
        const inner = (sums[right + x]! - sums[left + x]!) << 8;
        const outer = padded[left + x - 3]! + padded[right + x]!;
        totals[x] = (totals[x]! + inner + Math.imul(part, outer)) | 0;
      }
    }
    const inverse = 1 / area;
    for (let x = 0; x < row; x++) data[y * row + x] = totals[x]! * inverse;
  }
  return { width, height, data };
}
