// What is fed to the vision tower: patches, rotary angles, windows and frames; and the rotary angles of the text model.
import type { TensorData } from '../../../graph/index.ts';
import type { PatchGrid, VisionPatches } from '../sizes.ts';
import type { QwenTextConfig, QwenVisionConfig } from './config.ts';

/** Added to attention scores that must not count; finite, so that no row can become undefined. */
export const HIDDEN = -1e9;

/** Frequencies as the reference computes them, in float32: 1 / base^(2j/dim) for j < dim/2. */
function inverseFrequencies(base: number, dim: number): number[] {
  return Array.from({ length: dim / 2 }, (_, j) => Math.fround(1 / Math.fround(base ** Math.fround((2 * j) / dim))));
}

/** Writes cos and sin of position · frequency into both halves of a row. */
function writeAngles(
  cos: Float32Array,
  sin: Float32Array,
  offset: number,
  half: number,
  angle: (j: number) => number,
): void {
  for (let j = 0; j < half; j++) {
    const a = Math.fround(angle(j));
    cos[offset + j] = cos[offset + half + j] = Math.cos(a);
    sin[offset + j] = sin[offset + half + j] = Math.sin(a);
  }
}

/** Cosines and sines of rotary angles. */
export interface Angles {
  /** Cosines, [count, D]. */
  cos: Float32Array;
  /** Sines, [count, D]. */
  sin: Float32Array;
}

/**
 * Rotary angles of the text model: M-RoPE, where each frequency turns with the time, height or width position.
 * @param positions - Int32Array [3, count]: time, height, width
 * @param count - tokens
 * @param config - the text model's sizes
 * @returns cosines and sines, [count, D]
 */
export function textAngles(positions: Int32Array, count: number, config: QwenTextConfig): Angles {
  const { headDim, mropeSection } = config;
  const frequencies = inverseFrequencies(config.ropeTheta, headDim);
  const axes = mropeSection.flatMap((n, axis) => Array.from({ length: n }, () => axis));
  const cos = new Float32Array(count * headDim);
  const sin = new Float32Array(count * headDim);
  for (let i = 0; i < count; i++) {
    writeAngles(cos, sin, i * headDim, headDim / 2, (j) => positions[axes[j]! * count + i]! * frequencies[j]!);
  }
  return { cos, sin };
}

/** Patches that attend to each other, as lists of patch numbers. */
interface Sequences {
  windows: number[][];
  frames: number[][];
}

/**
 * Rows and columns of patches in the processor's order (those of a merged token side by side), their windows and frames.
 * The windows come in the reference's order (`get_window_index`), empty ones left out.
 */
function layOut(
  grids: readonly PatchGrid[],
  config: QwenVisionConfig,
): { row: number[]; column: number[] } & Sequences {
  const merge = config.spatialMergeSize;
  const side = Math.floor(config.windowSize / merge / config.patchSize);
  const [row, column, windows, frames]: [number[], number[], number[][], number[][]] = [[], [], [], []];
  let first = 0;
  for (const { t, h, w } of grids) {
    for (let frame = 0; frame < t; frame++) {
      const [tall, wide] = [h / merge, w / merge];
      const acrossWindows = Math.ceil(wide / side);
      const own: number[][] = Array.from({ length: Math.ceil(tall / side) * acrossWindows }, () => []);
      for (let y = 0; y < tall; y++) {
        for (let x = 0; x < wide; x++) {
          const window = own[Math.floor(y / side) * acrossWindows + Math.floor(x / side)]!;
          for (let p = 0; p < merge * merge; p++) {
            window.push(row.length);
            row.push(y * merge + Math.floor(p / merge));
            column.push(x * merge + (p % merge));
          }
        }
      }
      windows.push(...own);
      frames.push(Array.from({ length: h * w }, (_, p) => first + p));
      first += h * w;
    }
  }
  return { row, column, windows, frames };
}

/** Slots, bias and inverse of equally long sequences. */
function layoutFeeds(
  name: string,
  sequences: readonly number[][],
  patches: number,
  merged: number,
): Record<string, TensorData> {
  const length = Math.max(...sequences.map((s) => s.length));
  const slots = new BigInt64Array(sequences.length * length);
  const bias = new Float32Array(slots.length);
  const inverse = new BigInt64Array(patches);
  sequences.forEach((sequence, s) => {
    for (let i = 0; i < length; i++) {
      const slot = s * length + i;
      const patch = sequence[i];
      if (patch === undefined) bias[slot] = HIDDEN;
      else {
        slots[slot] = BigInt(patch);
        inverse[patch] = BigInt(slot);
      }
    }
  });
  return {
    [`${name}Slots`]: { data: slots, shape: [sequences.length, length] },
    [`${name}Bias`]: { data: bias, shape: [sequences.length, length] },
    [`${name}Inverse`]: { data: inverse, shape: [patches / merged, merged] },
  };
}

/**
 * What is fed to the vision graph.
 * @param pixels - Float32Array [P, pixels of a patch]: the patches of all grids, one after the other
 * @param grids - their grids
 * @param config - the tower's sizes
 */
export function visionFeeds(
  pixels: Float32Array,
  grids: readonly PatchGrid[],
  config: QwenVisionConfig,
): Record<string, TensorData> {
  const { row, column, windows, frames } = layOut(grids, config);
  const patches = row.length;
  const merged = config.spatialMergeSize ** 2;
  const numFull = numFullLayers(config);
  const headDim = config.hiddenSize / config.numHeads;
  const quarter = headDim / 4;
  const frequencies = inverseFrequencies(10_000, headDim / 2);
  const cos = new Float32Array(patches * headDim);
  const sin = new Float32Array(patches * headDim);
  for (let p = 0; p < patches; p++) {
    writeAngles(cos, sin, p * headDim, headDim / 2, (j) =>
      j < quarter ? row[p]! * frequencies[j]! : column[p]! * frequencies[j - quarter]!,
    );
  }
  const perToken = (data: Float32Array): TensorData => ({
    data,
    shape: [patches / merged, data.length / (patches / merged)],
  });
  return {
    pixels: perToken(pixels),
    visionCos: perToken(cos),
    visionSin: perToken(sin),
    // A tower with layers of one kind alone has no input for the other.
    ...(numFull < config.depth ? layoutFeeds('window', windows, patches, merged) : {}),
    ...(numFull > 0 ? layoutFeeds('frame', frames, patches, merged) : {}),
  };
}

/** Layers that attend over the whole frame. */
function numFullLayers({ fullAttentionLayers, depth }: QwenVisionConfig): number {
  return new Set(fullAttentionLayers.filter((layer) => layer < depth)).size;
}

/**
 * What is fed to the vision graph for several images and videos.
 * @param visions - their patches
 * @param vision - the tower's sizes
 */
export function joinedVisionFeeds(
  visions: readonly VisionPatches[],
  vision: QwenVisionConfig,
): ReturnType<typeof visionFeeds> {
  const grids = visions.map(({ grid }) => grid);
  if (visions.length === 1) return visionFeeds(visions[0]!.pixels, grids, vision);
  const pixels = new Float32Array(visions.reduce((total, v) => total + v.pixels.length, 0));
  let offset = 0;
  for (const v of visions) {
    pixels.set(v.pixels, offset);
    offset += v.pixels.length;
  }
  return visionFeeds(pixels, grids, vision);
}

/**
 * Sizes of the vision graph: merged tokens M, windows W of L patches, frames S of F patches.
 * @param grids - the grids of a clip
 * @param config - the tower's sizes
 * @param clips - how many clips of that size it computes at a time
 */
export function visionSizes(grids: readonly PatchGrid[], config: QwenVisionConfig, clips: number): Map<string, number> {
  const { row, windows, frames } = layOut(grids, config);
  const longest = (sequences: readonly number[][]): number => Math.max(...sequences.map((s) => s.length));
  const numFull = numFullLayers(config);
  const sizes = new Map([['M', (clips * row.length) / config.spatialMergeSize ** 2]]);
  if (numFull < config.depth) sizes.set('W', clips * windows.length).set('L', longest(windows));
  if (numFull > 0) sizes.set('S', clips * frames.length).set('F', longest(frames));
  return sizes;
}
