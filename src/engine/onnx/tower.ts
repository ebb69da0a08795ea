// The frozen vision tower as a session: patches in, features out.
import type { RunOptions } from '../../graph/index.ts';
import { compile } from '../../graph/index.ts';
import type { Checkpoint, VisionPatches } from '../../model/index.ts';
import { towerRun } from '../../model/index.ts';

/** A compiled vision tower. Dispose of it to free its memory. */
export interface TowerSession {
  /**
   * Runs the tower once.
   * @param visions - the images and videos of one clip
   * @returns their features, one after the other, as the numbers that the family's `features` feeds take
   */
  encode: (visions: readonly VisionPatches[]) => Promise<Float32Array>;
  /** Frees the memory of the session; the next clip opens it again. */
  unload: () => Promise<void>;
  /** Frees the session. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * Compiles the tower of a checkpoint.
 * @param run - how the graph is run; always without `prepack`
 */
export async function compileTower(
  model: Pick<Checkpoint, 'family' | 'vision' | 'stored'>,
  run: RunOptions = {},
): Promise<TowerSession> {
  const session = await compile({ features: model.family.graphs.vision(model) }, towerRun(run));
  return {
    encode: async (visions) => {
      const { features } = await session.run(model.family.feeds.patches(visions, model.vision));
      return features.data;
    },
    unload: () => session.unload(),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
