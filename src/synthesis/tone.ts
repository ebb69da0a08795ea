// Faults of tone and colour: each value, or each pixel, for itself.
import type { RgbFrame } from '../video/index.ts';

/** Shares of red, green and blue in luma (BT.601). */
const lumaWeights = [0.299, 0.587, 0.114] as const;

/**
 * Maps every value by one curve.
 * @param frames - a clip
 * @param curve - from grey level (0–255) to grey level, which is rounded and clipped
 * @returns new frames
 */
function mapValues(frames: readonly RgbFrame[], curve: (value: number) => number): RgbFrame[] {
  const table = new Uint8Array(Uint8ClampedArray.from({ length: 256 }, (_, value) => curve(value)).buffer);
  return frames.map(({ width, height, data }) => {
    const mapped = new Uint8Array(data.length);
    for (let i = 0; i < data.length; i++) mapped[i] = table[data[i]!]!;
    return { width, height, data: mapped };
  });
}

/**
 * Posterises.
 * @param frames - a clip
 * @param levels - levels that a channel keeps of 256, at least 2; between whole numbers the highest level is not white
 * @returns new frames
 */
export function posterise(frames: readonly RgbFrame[], levels: number): RgbFrame[] {
  const step = 255 / (levels - 1);
  return mapValues(frames, (value) => Math.round(value / step) * step);
}

/**
 * Changes the exposure of the camera.
 * @param frames - a clip
 * @param stops - by which the light is doubled; below 0 it is halved. Grey levels are taken to be light^(1/2.2)
 * @returns new frames
 */
export function expose(frames: readonly RgbFrame[], stops: number): RgbFrame[] {
  const gain = 2 ** (stops / 2.2);
  return mapValues(frames, (value) => value * gain);
}

/**
 * Draws all values towards the clip's mean luma.
 * @param frames - a clip
 * @param contrast - what is left of the distance, 0–1
 * @returns new frames
 */
export function lowerContrast(frames: readonly RgbFrame[], contrast: number): RgbFrame[] {
  let total = 0;
  let count = 0;
  for (const { data } of frames) {
    const sums = [0, 0, 0] as [number, number, number];
    for (let i = 0; i < data.length; i += 3) {
      sums[0] += data[i]!;
      sums[1] += data[i + 1]!;
      sums[2] += data[i + 2]!;
    }
    total += sums[0] * lumaWeights[0] + sums[1] * lumaWeights[1] + sums[2] * lumaWeights[2];
    count += data.length / 3;
  }
  const mean = total / count;
  return mapValues(frames, (value) => mean + (value - mean) * contrast);
}

/**
 * Changes the saturation.
 * @param frames - a clip
 * @param factor - by which the differences from luma are multiplied; 0 gives grey
 * @returns new frames
 */
export function saturate(frames: readonly RgbFrame[], factor: number): RgbFrame[] {
  const [wr, wg, wb] = lumaWeights;
  return frames.map(({ width, height, data }) => {
    const mapped = new Uint8ClampedArray(data.length);
    for (let i = 0; i < data.length; i += 3) {
      const [r, g, b] = [data[i]!, data[i + 1]!, data[i + 2]!];
      const grey = (r * wr + g * wg + b * wb) * (1 - factor);
      mapped[i] = grey + r * factor;
      mapped[i + 1] = grey + g * factor;
      mapped[i + 2] = grey + b * factor;
    }
    return { width, height, data: new Uint8Array(mapped.buffer) };
  });
}

/**
 * Shifts all colours.
 * @param frames - a clip
 * @param amount - length of the shift in the plane of Cb and Cr (BT.601, full range), in levels
 * @param angle - its direction there, in radians
 * @returns new frames
 */
export function castColour(frames: readonly RgbFrame[], amount: number, angle: number): RgbFrame[] {
  const [cb, cr] = [amount * Math.cos(angle), amount * Math.sin(angle)];
  const shift = [1.402 * cr, -0.344136 * cb - 0.714136 * cr, 1.772 * cb];
  const tables = shift.map((by) => Uint8ClampedArray.from({ length: 256 }, (_, value) => value + by));
  const [red, green, blue] = tables as [Uint8ClampedArray, Uint8ClampedArray, Uint8ClampedArray];
  return frames.map(({ width, height, data }) => {
    const mapped = new Uint8Array(data.length);
    for (let i = 0; i < data.length; i += 3) {
      mapped[i] = red[data[i]!]!;
      mapped[i + 1] = green[data[i + 1]!]!;
      mapped[i + 2] = blue[data[i + 2]!]!;
    }
    return { width, height, data: mapped };
  });
}
