// Text that many clips begin with, computed once: its keys and values at every decoder layer, for one adapter.
import type { RunOptions, TensorData } from '../../graph/index.ts';
import { compile } from '../../graph/index.ts';
import type { Checkpoint, LoraOptions } from '../../model/index.ts';
import { adapterShapes } from '../../model/index.ts';
import { pickFeeds } from './model.ts';

/** Keys and values of P tokens, as a graph with `past` takes them. */
export type Past = Readonly<Record<string, TensorData>>;

/** A compiled pass over text. Dispose of it to free its memory. */
export interface SharedText {
  /**
   * Computes keys and values.
   * @param parameters - the adapter's factors
   * @param feeds - those of the text graph, for one example without vision
   */
  run: (parameters: ReadonlyMap<string, Float32Array>, feeds: Readonly<Record<string, TensorData>>) => Promise<Past>;
  /** Frees the memory of the session; the next run opens it again. */
  unload: () => Promise<void>;
  /** Frees the session. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * Compiles a pass over text.
 * @param lora - the adapter on top; null for none
 * @param run - how the graph is run
 */
export async function compileTextPast(
  model: Pick<Checkpoint, 'family' | 'text' | 'stored'>,
  lora: LoraOptions | null,
  run: RunOptions = {},
): Promise<SharedText> {
  const { family, text, stored } = model;
  const shapes = lora === null ? null : adapterShapes(family.lora, lora, text.numLayers, (name) => stored(name).shape);
  const session = await compile(family.graphs.keysValues(model, lora), run);
  // Nothing reads what comes out of the last layer: most of its factors are no inputs.
  const factors = [...(shapes ?? [])].filter(([name]) => session.inputs.includes(name));
  return {
    run: async (parameters, given) => {
      // Keys of the first layer need no attention: a model of one layer takes fewer feeds.
      const feeds = pickFeeds(session.inputs, given);
      for (const [name, shape] of factors) feeds[name] = { data: parameters.get(name)!, shape };
      return session.run(feeds);
    },
    unload: () => session.unload(),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
