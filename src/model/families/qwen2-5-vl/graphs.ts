// Qwen2.5-VL's graphs: from a batch to logits, the frozen tower, the frozen layers below an adapter, keys and values of shared text.
import { invariant } from '../../../core/index.ts';
import type { Value } from '../../../graph/index.ts';
import { input } from '../../../graph/index.ts';
import type { LoraOptions } from '../../lora-options.ts';
import { adapterShapes, firstLoraLayer, loraInputs } from '../../lora.ts';
import { fedWeights, frozenWeights } from '../../weights.ts';
import type { GraphModel, ModelGraph, WholeGraph } from '../types.ts';
import type { QwenTextConfig, QwenVisionConfig } from './config.ts';
import { qwenLora } from './lora.ts';
import { embedTokens, headLogits, layerInputs, frozenPrefix, pastNames, textHidden, textKeysValues } from './text.ts';
import { visionFeatures, visionInputs } from './vision.ts';

/** Sizes and weights of a Qwen2.5-VL. */
type QwenModel = GraphModel<QwenTextConfig, QwenVisionConfig>;

/**
 * The graph of the whole model. Its inputs are those of `textFeeds`; `features`, float32 [M, C], when it is frozen, else those of
 * `visionFeeds`; `dropoutKeys`, uint32 [B·T, 1], with dropout; and its parameters. One that begins at a higher layer has `hidden`,
 * float32 [B·T, C], in place of tokens and features.
 * @param model - sizes and weights
 * @param which - what is frozen, where it begins
 */
export function wholeGraph({ text, vision, stored }: QwenModel, which: WholeGraph): ModelGraph {
  const shapeOf = (name: string): readonly number[] => stored(name).shape;
  const inputs = layerInputs(text, { past: which.weights === 'frozen' && which.past });
  if (which.weights === 'fed') {
    const weights = fedWeights(shapeOf);
    const features = visionFeatures(visionInputs(vision), vision, weights);
    const hidden = textHidden(embedTokens(features, weights), 0, inputs, text, weights, null);
    return { logits: headLogits(hidden, text, weights), parameters: weights.inputs };
  }
  const { adapter, start } = which;
  const weights = frozenWeights(stored);
  const lora = adapter === null ? null : loraOf(adapter.lora, text, shapeOf, adapter.dropout);
  const firstLayer = start === 'features' ? 0 : start;
  const highest = adapter === null ? text.numLayers - 1 : firstLoraLayer(adapter.lora, text.numLayers);
  invariant(start === 'features' || (start > 0 && start <= highest), `a graph cannot begin at layer ${start}`);
  const x_NC =
    start === 'features'
      ? embedTokens(input('features', 'float32', ['M', text.hiddenSize]), weights)
      : input('hidden', 'float32', ['B*T', text.hiddenSize]);
  const hidden = textHidden(x_NC, firstLayer, inputs, text, weights, lora);
  return { logits: headLogits(hidden, text, weights), parameters: lora?.inputs ?? new Map<string, Value>() };
}

function loraOf(
  lora: LoraOptions,
  text: QwenTextConfig,
  shapeOf: (name: string) => readonly number[],
  training: boolean,
): ReturnType<typeof loraInputs> {
  return loraInputs(lora, adapterShapes(qwenLora, lora, text.numLayers, shapeOf), training);
}

/**
 * The frozen tower.
 * @param model - sizes and weights
 * @returns float32 [M, out]
 */
export function visionGraph({ vision, stored }: Omit<QwenModel, 'text'>): Value {
  return visionFeatures(visionInputs(vision), vision, frozenWeights(stored));
}

/**
 * The frozen layers below an adapter.
 * @param model - sizes and weights
 * @param count - how many layers
 * @returns float32 [B·T, C]
 */
export function prefixGraph({ text, stored }: Omit<QwenModel, 'vision'>, count: number): Value {
  const weights = frozenWeights(stored);
  const x_NC = embedTokens(input('features', 'float32', ['M', text.hiddenSize]), weights);
  return frozenPrefix(x_NC, count, layerInputs(text), text, weights);
}

/**
 * Keys and values of text at every decoder layer.
 * @param model - sizes and weights
 * @param lora - the adapter on top; null for none
 * @returns float32 [B, T, Hkv, D] by the names of `pastNames`
 */
export function keysValuesGraph(
  { text, stored }: Omit<QwenModel, 'vision'>,
  lora: LoraOptions | null,
): Record<string, Value> {
  const adapter = lora === null ? null : loraOf(lora, text, (name) => stored(name).shape, false);
  const outputs: Record<string, Value> = {};
  textKeysValues(layerInputs(text), text, frozenWeights(stored), adapter).forEach(({ keys, values }, layer) => {
    const names = pastNames(layer);
    outputs[names.keys] = keys;
    outputs[names.values] = values;
  });
  return outputs;
}
