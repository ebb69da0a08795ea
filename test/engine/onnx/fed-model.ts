// A tiny Qwen2.5-VL with weights of a fixed stream, as parameters that are fed: what tests of the scoring pass run on.
import { randomStream } from '../../../src/core/index.ts';
import type { EngineModel } from '../../../src/engine/onnx/model.ts';
import type {
  QwenTextConfig as TextConfig,
  QwenVisionConfig as VisionConfig,
} from '../../../src/model/families/qwen2-5-vl/config.ts';
import type { StoredTensor } from '../../../src/model/index.ts';
import { modelFamilies } from '../../../src/model/families/index.ts';

export const vision: VisionConfig = {
  depth: 2,
  hiddenSize: 32,
  numHeads: 2,
  intermediateSize: 40,
  outHiddenSize: 48,
  patchSize: 14,
  temporalPatchSize: 2,
  spatialMergeSize: 2,
  windowSize: 56,
  fullAttentionLayers: [1],
  tokensPerSecond: 2,
  inChannels: 3,
};

/** @returns sizes of a text model over a tokenizer's vocabulary */
export function textConfig(vocabSize: number): TextConfig {
  return {
    hiddenSize: 48,
    numLayers: 2,
    numHeads: 4,
    numKvHeads: 2,
    headDim: 12,
    intermediateSize: 80,
    vocabSize,
    ropeTheta: 1e6,
    mropeSection: [1, 2, 3],
    rmsNormEps: 1e-6,
    tieWordEmbeddings: true,
  };
}

/** @returns the shape of a weight by canonical name */
export function shapeOf(text: TextConfig): (name: string) => number[] {
  const C = text.hiddenSize;
  const kv = text.numKvHeads * text.headDim;
  const V = vision.hiddenSize;
  const rules: [RegExp, number[]][] = [
    [/^embed_tokens/, [text.vocabSize, C]],
    [/(self_attn\.q_proj|o_proj)\.weight/, [C, C]],
    [/q_proj\.bias/, [C]],
    [/(k|v)_proj\.weight/, [kv, C]],
    [/(k|v)_proj\.bias/, [kv]],
    [/^layers.*(gate|up)_proj\.weight/, [text.intermediateSize, C]],
    [/^layers.*down_proj\.weight/, [C, text.intermediateSize]],
    [/^visual.*(gate|up)_proj\.weight/, [vision.intermediateSize, V]],
    [/^visual.*(gate|up)_proj\.bias/, [vision.intermediateSize]],
    [/^visual.*down_proj\.weight/, [V, vision.intermediateSize]],
    [/^visual.*qkv\.weight/, [3 * V, V]],
    [/^visual.*qkv\.bias/, [3 * V]],
    [/attn\.proj\.weight/, [V, V]],
    [/patch_embed/, [V, 3, 2, 14, 14]],
    [/merger\.mlp\.0\.weight/, [4 * V, 4 * V]],
    [/merger\.mlp\.0\.bias/, [4 * V]],
    [/merger\.mlp\.2\.weight/, [C, 4 * V]],
    [/merger\.mlp\.2\.bias/, [C]],
    [/^visual/, [V]],
    [/layernorm|^norm/, [C]],
  ];
  return (name) => rules.find(([pattern]) => pattern.test(name))![1];
}

/** @returns `stored` for graphs whose weights are all fed: only shapes are asked for */
function shapesOnly(text: TextConfig): (name: string) => StoredTensor {
  const shape = shapeOf(text);
  return (name) => ({ dtype: 'float32', shape: shape(name), source: { file: '', offset: 0, length: 0 } });
}

/** @returns values for a model's or adapter's parameters: norms near one, the rest spread enough to tell tokens apart */
export function fill(
  shapes: ReadonlyMap<string, readonly number[]>,
  key: number,
  std = 0.15,
): Map<string, Float32Array> {
  return new Map(
    [...shapes].map(([name, shape], i) => {
      const stream = randomStream(key, i);
      const isNorm = shape.length === 1 && !name.endsWith('bias');
      const size = shape.reduce((a, b) => a * b, 1);
      return [
        name,
        Float32Array.from({ length: size }, () => (isNorm ? 1 : 0) + (isNorm ? 0.1 : std) * stream.normal()),
      ];
    }),
  );
}

/** @returns the model, all of whose weights are fed */
export function modelOf(text: TextConfig): EngineModel {
  return { family: modelFamilies['qwen2_5_vl']!, text, vision, stored: shapesOnly(text) };
}

/** @returns shapes of all weights */
export function weightShapesOf(text: TextConfig): Map<string, readonly number[]> {
  const model = modelOf(text);
  const { parameters } = model.family.graphs.whole(model, { weights: 'fed' });
  return new Map([...parameters].map(([name, value]) => [name, value.shape as readonly number[]]));
}
