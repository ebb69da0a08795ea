// For callers that do not name a family yet: what they import is Qwen2.5-VL's. Nothing new is to use it; it goes when `src/score`,
// `src/train`, `src/example`, `nano` and the tests ask `Checkpoint.family`.
import type { RunOptions } from '../graph/index.ts';
import { qwen2_5_vl } from './families/qwen2-5-vl/index.ts';
import type { QwenTextConfig, QwenVisionConfig } from './families/qwen2-5-vl/config.ts';
import { qwenLora } from './families/qwen2-5-vl/lora.ts';
import { readProcessorConfig } from './families/qwen2-5-vl/read-processor.ts';
import type { GraphModel, ModelFamily, ModelGraph } from './families/types.ts';
import type { FrozenPrefix } from './frozen-prefix.ts';
import { compileFrozenPrefix } from './frozen-prefix.ts';
import type { LoraOptions } from './lora.ts';
import { adapterShapes } from './lora.ts';
import { parseFamilyConfig, readFamilyConfig } from './model-config.ts';
import type { ModelConfig } from './families/sizes.ts';
import type { SharedText } from './shared-text.ts';
import { compileTextPast } from './shared-text.ts';
import type { VisionEncoder } from './vision-encoder.ts';
import { compileTower } from './vision-encoder.ts';
import type { StoredTensor } from './weights.ts';

export * from './families/qwen2-5-vl/config.ts';
export type { QwenTextConfig as TextConfig, QwenVisionConfig as VisionConfig } from './families/qwen2-5-vl/config.ts';
export * from './families/qwen2-5-vl/feeds.ts';
export { mergedTokens } from './families/qwen2-5-vl/prompt.ts';
export { noPast } from './families/qwen2-5-vl/text-feeds.ts';
export * from './families/qwen2-5-vl/text.ts';
export * from './families/qwen2-5-vl/vision.ts';
export { fileName, weightShapes } from './families/qwen2-5-vl/weights.ts';
export * from './families/qwen2-5-vl/sizes.ts';
export { readProcessorConfig };

/** The family of what does not say. */
export const assumedFamily: ModelFamily = qwen2_5_vl;

/** Sizes as all models have them today. */
type QwenConfig = ModelConfig<QwenTextConfig, QwenVisionConfig>;

/**
 * Reads config.json.
 * @param folder - the checkpoint
 */
export async function readModelConfig(folder: string): Promise<QwenConfig> {
  return (await readFamilyConfig(folder)).config as QwenConfig;
}

/**
 * Checks a parsed config.json.
 * @param json - its content
 * @param where - its name in messages
 */
export function parseModelConfig(json: unknown, where: string): QwenConfig {
  return parseFamilyConfig(json, where).config as QwenConfig;
}

/** Which model a graph is of. */
export interface ModelGraphOptions extends GraphModel<QwenTextConfig, QwenVisionConfig> {
  /** The adapter on top, whose factors are fed; null for none. */
  lora: LoraOptions | null;
  /** Whether the model's own weights are mapped from the checkpoint, or fed at every run. */
  frozen: boolean;
  /** Whether the adapter's inputs are dropped at its rate. */
  dropout: boolean;
  /** The decoder layer that the graph of a frozen model begins at. Default 0. */
  firstLayer?: number;
  /** Whether tokens that all clips share are fed as keys and values. Default false. */
  past?: boolean;
}

/**
 * Builds the graph of a model.
 * @param options - which model
 */
export function modelGraph(options: ModelGraphOptions): ModelGraph {
  const { lora, frozen, dropout, firstLayer = 0, past = false } = options;
  if (!frozen) return qwen2_5_vl.graphs.whole(options, { weights: 'fed' });
  const adapter = lora === null ? null : { lora, dropout };
  const start = firstLayer === 0 ? 'features' : firstLayer;
  return qwen2_5_vl.graphs.whole(options, { weights: 'frozen', adapter, start, past });
}

/**
 * Names and shapes of an adapter's tensors, in a fixed order.
 * @param lora - the adapter's options
 * @param numLayers - decoder layers of the model
 * @param shapeOf - shape [out, in] of a weight by canonical name
 */
export function loraShapes(
  lora: Pick<LoraOptions, 'rank' | 'targets' | 'layers'>,
  numLayers: number,
  shapeOf: (name: string) => readonly number[],
): Map<string, [number, number]> {
  return adapterShapes(qwenLora, lora, numLayers, shapeOf);
}

/** Compiled lower layers. */
export type LowerLayers = FrozenPrefix;

/**
 * Compiles the first decoder layers of a checkpoint.
 * @param text - sizes of the text model
 * @param stored - finds a weight by canonical name
 * @param count - how many layers
 * @param run - how the graph is run
 */
export async function compileLowerLayers(
  text: QwenTextConfig,
  stored: (name: string) => StoredTensor,
  count: number,
  run: RunOptions = {},
): Promise<LowerLayers> {
  return compileFrozenPrefix({ family: qwen2_5_vl, text, stored }, count, run);
}

/**
 * Compiles a pass over text.
 * @param text - sizes of the text model
 * @param stored - finds a weight by canonical name
 * @param lora - the adapter on top; null for none
 * @param run - how the graph is run
 */
export async function compileSharedText(
  text: QwenTextConfig,
  stored: (name: string) => StoredTensor,
  lora: LoraOptions | null,
  run: RunOptions = {},
): Promise<SharedText> {
  return compileTextPast({ family: qwen2_5_vl, text, stored }, lora, run);
}

/**
 * Compiles the tower of a checkpoint.
 * @param vision - its sizes
 * @param stored - finds a weight by canonical name
 * @param run - how the graph is run; always without `prepack`
 */
export async function compileVisionEncoder(
  vision: QwenVisionConfig,
  stored: (name: string) => StoredTensor,
  run: RunOptions = {},
): Promise<VisionEncoder> {
  return compileTower({ family: qwen2_5_vl, vision, stored }, run);
}
