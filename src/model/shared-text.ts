// Text that many clips begin with, computed once: its keys and values at every decoder layer, for one adapter.
import type { RunOptions, TensorData, Value } from '../graph/index.ts';
import { compile } from '../graph/index.ts';
import type { LoraOptions } from './lora.ts';
import { loraInputs, loraShapes } from './lora.ts';
import type { TextConfig } from './qwen2-5-vl/config.ts';
import { layerInputs, pastNames, textKeysValues } from './qwen2-5-vl/text.ts';
import type { StoredTensor } from './weights.ts';
import { frozenWeights } from './weights.ts';

/** Keys and values of P tokens, as a graph with `past` takes them: float32 [1, P, Hkv, D] by the names of `pastNames`. */
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
  rest: () => Promise<void>;
  /** Frees the session. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * What is fed where no text is shared.
 * @param text - the text model's sizes
 */
export function noPast({ numLayers, numKvHeads, headDim }: TextConfig): Past {
  const none: TensorData = { data: new Float32Array(0), shape: [1, 0, numKvHeads, headDim] };
  const names = Array.from({ length: numLayers }, (_, layer) => pastNames(layer));
  return Object.fromEntries(names.flatMap(({ keys, values }) => [[keys, none] as const, [values, none] as const]));
}

/**
 * Compiles a pass over text.
 * @param text - sizes of the text model
 * @param stored - finds a weight by canonical name
 * @param lora - the adapter on top; null for none
 * @param run - how the graph is run
 */
export async function compileSharedText(
  text: TextConfig,
  stored: (name: string) => StoredTensor,
  lora: LoraOptions | null,
  run: RunOptions = {},
): Promise<SharedText> {
  const shapes = lora === null ? null : loraShapes(lora, text.numLayers, (name) => stored(name).shape);
  const adapter = shapes === null ? null : loraInputs(lora!, shapes, false);
  const outputs: Record<string, Value> = {};
  textKeysValues(layerInputs(text), text, frozenWeights(stored), adapter).forEach(({ keys, values }, layer) => {
    const names = pastNames(layer);
    outputs[names.keys] = keys;
    outputs[names.values] = values;
  });
  const session = await compile(outputs, run);
  // Nothing reads what comes out of the last layer: most of its factors are no inputs.
  const factors = [...(shapes ?? [])].filter(([name]) => session.inputs.includes(name));
  return {
    run: async (parameters, given) => {
      // The keys of the first layer need no attention: a model of one layer has no input `bias`.
      const names = ['tokens', 'cos', 'sin', 'bias'].filter((name) => session.inputs.includes(name));
      const feeds: Record<string, TensorData> = Object.fromEntries(names.map((name) => [name, given[name]!]));
      for (const [name, shape] of factors) feeds[name] = { data: parameters.get(name)!, shape };
      return session.run(feeds);
    },
    rest: () => session.rest(),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
