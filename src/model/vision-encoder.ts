// The frozen vision tower as a session: patches in, features out.
import type { RunOptions } from '../graph/index.ts';
import { compile } from '../graph/index.ts';
import type { VisionConfig } from './qwen2-5-vl/config.ts';
import type { PatchGrid } from './qwen2-5-vl/feeds.ts';
import { visionFeeds } from './qwen2-5-vl/feeds.ts';
import { visionFeatures, visionInputs } from './qwen2-5-vl/vision.ts';
import type { StoredTensor } from './weights.ts';
import { frozenWeights } from './weights.ts';

/** Patches of one image or video. */
export interface VisionPatches {
  /** Size in patches. */
  grid: PatchGrid;
  /** [t·h·w, pixels of a patch], in the processor's order. */
  pixels: Float32Array;
}

/** A compiled vision tower. Dispose of it to free its memory. */
export interface VisionEncoder {
  /**
   * Runs the tower once.
   * @param visions - the images and videos of one clip
   * @returns their features, one after the other, as [M, C]
   */
  encode: (visions: readonly VisionPatches[]) => Promise<Float32Array>;
  /** Frees the memory of the session; the next clip opens it again. */
  rest: () => Promise<void>;
  /** Frees the session. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * How a tower is run: never with reordered copies of its weights. They make it 2 % faster at most (`bench-304m`, 448×448), take its
 * memory twice over, and move the last bits of its features, which trainer and scorer share.
 * @param run - how other graphs are run
 */
export function towerRun(run: RunOptions = {}): RunOptions {
  return { ...run, prepack: false };
}

/**
 * Compiles the tower of a checkpoint.
 * @param vision - its sizes
 * @param stored - finds a weight by canonical name
 * @param run - how the graph is run; always without `prepack`
 */
export async function compileVisionEncoder(
  vision: VisionConfig,
  stored: (name: string) => StoredTensor,
  run: RunOptions = {},
): Promise<VisionEncoder> {
  const features = visionFeatures(visionInputs(vision), vision, frozenWeights(stored));
  const session = await compile({ features }, towerRun(run));
  return {
    encode: async (visions) => {
      const { features } = await session.run(joinedVisionFeeds(visions, vision));
      return features.data;
    },
    rest: () => session.rest(),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

/**
 * What is fed to the vision graph for several images and videos.
 * @param visions - their patches
 * @param vision - the tower's sizes
 */
export function joinedVisionFeeds(
  visions: readonly VisionPatches[],
  vision: VisionConfig,
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
