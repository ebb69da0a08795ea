// Linear filters of 8-bit RGB with replicated edges: separable ones by the vector kernels of resizing, others by lists of taps.
import type { Kernel } from '../video/index.ts';
import { resizeVectors } from '../video/index.ts';
import type { RgbFrame } from '../video/index.ts';

const bits = 14;

/**
 * A normalised Gaussian.
 * @param sigma - standard deviation, in pixels
 * @returns weights of −⌈3σ⌉ … ⌈3σ⌉, which add up to 1
 */
export function gaussianWeights(sigma: number): Float64Array {
  const radius = Math.max(1, Math.ceil(3 * sigma));
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)),
  );
  const total = weights.reduce((sum, w) => sum + w, 0);
  return weights.map((w) => w / total);
}

/**
 * Filters along rows and columns by the same weights.
 * @param frame - the picture
 * @param weights - an odd number of them, the middle one of the pixel itself
 * @param plain - whether to do without vector instructions, which make no difference but in time; default false
 * @returns a new picture of the same size, rounded to 8 bits after each pass
 */
export function filterSeparably(frame: RgbFrame, weights: Float64Array, plain: boolean = false): RgbFrame {
  const { width, height } = frame;
  const across = kernelOf(weights, width);
  const down = width === height ? across : kernelOf(weights, height);
  const fast = plain ? undefined : resizeVectors(frame.data, width, height, across, down);
  const data = fast ?? filterPlainly(frame, across, down);
  return { width, height, data };
}

/** The weights of one axis; those of pixels beyond an end are the end pixel's. */
function kernelOf(weights: Float64Array, length: number): Kernel {
  const radius = weights.length >> 1;
  const size = Math.min(weights.length, length);
  const first = new Int32Array(length);
  const count = new Int32Array(length);
  const taps = new Int32Array(length * size);
  const row = new Float64Array(size);
  for (let i = 0; i < length; i++) {
    const low = Math.max(0, i - radius);
    const high = Math.min(length - 1, i + radius);
    row.fill(0);
    for (let k = -radius; k <= radius; k++) row[Math.min(high, Math.max(low, i + k)) - low]! += weights[k + radius]!;
    taps.set(wholeWeights(row), i * size);
    first[i] = low;
    count[i] = high - low + 1;
  }
  return { size, first, count, taps, bits };
}

/** The same sums for a picture that is too large for the vector kernels. */
function filterPlainly({ width, height, data }: RgbFrame, across: Kernel, down: Kernel): Uint8Array {
  const pass = (input: Uint8Array, kernel: Kernel, lines: number, lineStep: number, step: number): Uint8Array => {
    const output = new Uint8ClampedArray(input.length);
    for (let line = 0; line < lines; line++) {
      for (let i = 0; i < kernel.first.length; i++) {
        const at = line * lineStep + i * step;
        for (let c = 0; c < 3; c++) {
          let sum = 1 << (bits - 1);
          let p = line * lineStep + kernel.first[i]! * step + c;
          for (let j = 0; j < kernel.count[i]!; j++, p += step) sum += input[p]! * kernel.taps[i * kernel.size + j]!;
          output[at + c] = sum >> bits;
        }
      }
    }
    return new Uint8Array(output.buffer);
  };
  return pass(pass(data, across, height, width * 3, 3), down, width, 3, width * 3);
}

/** Weight of the pixel that lies `dx` to the right and `dy` below. */
export interface Tap {
  /** Columns to the right. */
  dx: number;
  /** Rows down. */
  dy: number;
  /** Its share. */
  weight: number;
}

/**
 * Filters by a list of taps.
 * @param frame - the picture
 * @param taps - weights, which should add up to 1
 * @returns a new picture of the same size
 */
export function filterByTaps(frame: RgbFrame, taps: readonly Tap[]): RgbFrame {
  const { width, height } = frame;
  const margin = Math.max(...taps.map(({ dx, dy }) => Math.max(Math.abs(dx), Math.abs(dy))));
  const input = replicateEdges(frame, margin);
  const stride = (width + 2 * margin) * 3;
  const offsets = Int32Array.from(taps, ({ dx, dy }) => (dy + margin) * stride + (dx + margin) * 3);
  const weights = wholeWeights(Float64Array.from(taps, ({ weight }) => weight));
  const row = width * 3;
  const sums = new Int32Array(row);
  const data = new Uint8ClampedArray(row * height);
  for (let y = 0; y < height; y++) {
    sums.fill(1 << (bits - 1));
    // Four taps at a time, since loading and storing the sums costs more than multiplying; a tap beyond the last is 0.
    for (let k = 0; k < taps.length; k += 4) {
      const at = (j: number): number => offsets[Math.min(k + j, taps.length - 1)]! + y * stride;
      const [p0, p1, p2, p3] = [at(0), at(1), at(2), at(3)];
      const [w0, w1, w2, w3] = [weights[k]!, weights[k + 1] ?? 0, weights[k + 2] ?? 0, weights[k + 3] ?? 0];
      for (let x = 0; x < row; x++) {
        sums[x] =
          (sums[x]! +
            Math.imul(input[p0 + x]!, w0) +
            Math.imul(input[p1 + x]!, w1) +
            Math.imul(input[p2 + x]!, w2) +
            Math.imul(input[p3 + x]!, w3)) |
          0;
      }
    }
    for (let x = 0; x < row; x++) data[y * row + x] = sums[x]! >> bits;
  }
  return { width, height, data: new Uint8Array(data.buffer) };
}

/** Weights as multiples of 2^-bits that add up to what their sum rounds to: what is left of one goes to the next. */
function wholeWeights(weights: Float64Array): Int32Array {
  let exact = 0;
  let given = 0;
  return Int32Array.from(weights, (weight) => {
    exact += weight * 2 ** bits;
    const whole = Math.round(exact) - given;
    given += whole;
    return whole;
  });
}

/**
 * A picture with its edge pixels repeated outwards.
 * @param frame - the picture
 * @param margin - pixels on each side
 * @returns values, [height + 2·margin, width + 2·margin, 3]
 */
export function replicateEdges({ width, height, data }: RgbFrame, margin: number): Uint8Array {
  const stride = (width + 2 * margin) * 3;
  const padded = new Uint8Array(stride * (height + 2 * margin));
  for (let y = 0; y < height + 2 * margin; y++) {
    const from = Math.min(height - 1, Math.max(0, y - margin)) * width * 3;
    const to = y * stride;
    padded.set(data.subarray(from, from + width * 3), to + margin * 3);
    for (let x = 0; x < margin * 3; x++) {
      padded[to + x] = data[from + (x % 3)]!;
      padded[to + stride - 1 - x] = data[from + width * 3 - 1 - (x % 3)]!;
    }
  }
  return padded;
}
