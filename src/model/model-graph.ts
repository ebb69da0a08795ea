// The whole model as one graph, from what is fed to logits: with an adapter or without, frozen or trained.
import type { Value } from '../graph/index.ts';
import { input } from '../graph/index.ts';
import type { LoraOptions } from './lora.ts';
import { loraInputs, loraShapes } from './lora.ts';
import type { TextConfig, VisionConfig } from './qwen2-5-vl/config.ts';
import { embedTokens, headLogits, layerInputs, textHidden } from './qwen2-5-vl/text.ts';
import { visionFeatures, visionInputs } from './qwen2-5-vl/vision.ts';
import type { StoredTensor } from './weights.ts';
import { fedWeights, frozenWeights } from './weights.ts';

/** Which model a graph is of. */
export interface ModelGraphOptions {
  /** Sizes of the text model. */
  text: TextConfig;
  /** Sizes of the vision tower. */
  vision: VisionConfig;
  /** Finds a weight of the checkpoint by canonical name; throws for an unknown one. */
  stored: (name: string) => StoredTensor;
  /** The adapter on top, whose factors are fed; null for none. */
  lora: LoraOptions | null;
  /**
   * Whether the model's own weights are mapped from the checkpoint (true), so that the vision features are an input, or fed
   * at every run (false), so that they can be trained and the graph begins at the pixels. An adapter needs them frozen.
   */
  frozen: boolean;
  /** Whether the adapter's inputs are dropped at its rate: true in training. */
  dropout: boolean;
  /**
   * The decoder layer that the graph begins at, with what goes into it as the input `hidden`; for frozen models, up to the first
   * layer of the adapter. Default 0, with tokens and features as inputs.
   */
  firstLayer?: number;
  /** Whether tokens that all clips share are fed as keys and values, as `SharedText` gives them. Default false. */
  past?: boolean;
}

/** A model as a graph. */
export interface ModelGraph {
  /** float32 [B·Q, V]: logits of the wanted rows. */
  logits: Value;
  /** What is fed besides a batch, by name: the adapter's factors, or all weights of a model that is not frozen. */
  parameters: ReadonlyMap<string, Value>;
}

/**
 * Builds the graph of a model. Its inputs are those of `textFeeds`; `features`, float32 [M, C], when it is frozen, else those
 * of `visionFeeds`; `dropoutKeys`, uint32 [B·T, 1], with dropout; and its parameters. One that begins at a higher layer has
 * `hidden`, float32 [B·T, C], in place of tokens and features.
 * @param options - which model
 */
export function modelGraph(options: ModelGraphOptions): ModelGraph {
  const { text, vision, stored, lora, frozen, firstLayer = 0, past = false } = options;
  const shapeOf = (name: string): readonly number[] => stored(name).shape;
  const inputs = layerInputs(text, { past });
  if (!frozen) {
    const weights = fedWeights(shapeOf);
    const features = visionFeatures(visionInputs(vision), vision, weights);
    const hidden = textHidden(embedTokens(features, weights), 0, inputs, text, weights, null);
    return { logits: headLogits(hidden, text, weights), parameters: weights.inputs };
  }
  const weights = frozenWeights(stored);
  const adapter = lora === null ? null : loraInputs(lora, loraShapes(lora, text.numLayers, shapeOf), options.dropout);
  const x_NC =
    firstLayer === 0
      ? embedTokens(input('features', 'float32', ['M', text.hiddenSize]), weights)
      : input('hidden', 'float32', ['B*T', text.hiddenSize]);
  const hidden = textHidden(x_NC, firstLayer, inputs, text, weights, adapter);
  return { logits: headLogits(hidden, text, weights), parameters: adapter?.inputs ?? new Map<string, Value>() };
}
