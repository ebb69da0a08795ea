// The frozen decoder layers below an adapter as a session: they give the same for a clip whatever is trained above them.
import type { RunOptions, TensorData } from '../graph/index.ts';
import { compile, input } from '../graph/index.ts';
import type { TextConfig } from './qwen2-5-vl/config.ts';
import { embedTokens, layerInputs, lowerLayers } from './qwen2-5-vl/text.ts';
import type { StoredTensor } from './weights.ts';
import { frozenWeights } from './weights.ts';

/** Compiled lower layers. Dispose of them to free their memory. */
export interface LowerLayers {
  /**
   * Runs them once.
   * @param feeds - those of the text graph from the tokens on, and `features`
   * @returns float32 [B·T, C]: what goes into the layer above
   */
  run: (feeds: Readonly<Record<string, TensorData>>) => Promise<Float32Array>;
  /** Frees the memory of the session; the next run opens it again. */
  rest: () => Promise<void>;
  /** Frees the session. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * Compiles the first decoder layers of a checkpoint.
 * @param text - sizes of the text model
 * @param stored - finds a weight by canonical name
 * @param count - how many layers
 * @param run - how the graph is run
 */
export async function compileLowerLayers(
  text: TextConfig,
  stored: (name: string) => StoredTensor,
  count: number,
  run: RunOptions = {},
): Promise<LowerLayers> {
  const weights = frozenWeights(stored);
  const x_NC = embedTokens(input('features', 'float32', ['M', text.hiddenSize]), weights);
  const hidden = lowerLayers(x_NC, count, layerInputs(text), text, weights);
  const session = await compile({ hidden }, run);
  return {
    run: async ({ rows: _rows, ...feeds }) => (await session.run(feeds)).hidden.data,
    rest: () => session.rest(),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
