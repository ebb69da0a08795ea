// The frozen decoder layers below an adapter as a session: they give the same for a clip whatever is trained above them.
import type { RunOptions, TensorData } from '../../graph/index.ts';
import { compile } from '../../graph/index.ts';
import type { Checkpoint } from '../../model/index.ts';
import { pickFeeds } from './model.ts';

/** A compiled frozen prefix. Dispose of it to free its memory. */
export interface PrefixSession {
  /**
   * Runs it once.
   * @param feeds - those of the text graph, and of the features; others are left out
   * @returns float32 [B·T, width]: what goes into the layer above, as numbers
   */
  run: (feeds: Readonly<Record<string, TensorData>>) => Promise<Float32Array>;
  /** Frees the memory of the session; the next run opens it again. */
  unload: () => Promise<void>;
  /** Frees the session. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * Compiles the first decoder layers of a checkpoint.
 * @param count - how many layers
 * @param run - how the graph is run
 */
export async function compilePrefix(
  model: Pick<Checkpoint, 'family' | 'text' | 'stored'>,
  count: number,
  run: RunOptions = {},
): Promise<PrefixSession> {
  const session = await compile({ hidden: model.family.graphs.prefix(model, count) }, run);
  return {
    run: async (feeds) => (await session.run(pickFeeds(session.inputs, feeds))).hidden.data,
    unload: () => session.unload(),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
