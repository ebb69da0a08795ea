// A tiny Qwen2.5-VL with weights of fixed numbers, in a file of its own where a graph maps them.
import { mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomStream } from '../../../src/core/index.ts';
import type { Value } from '../../../src/graph/index.ts';
import type { EngineModel } from '../../../src/engine/onnx/model.ts';
import { positionsOf } from '../../../src/inputs/index.ts';
import type { Positions } from '../../../src/inputs/index.ts';
import type {
  QwenTextConfig as TextConfig,
  QwenVisionConfig as VisionConfig,
} from '../../../src/model/families/qwen2-5-vl/config.ts';
import type { LoraOptions, StoredTensor } from '../../../src/model/index.ts';
import { loraTargets } from '../../../src/model/index.ts';
import { modelFamilies } from '../../../src/model/families/index.ts';
import { buildAnswerTrie, createAnswerCodec } from '../../../src/prompt/index.ts';
import type { Loss } from '../../../src/objectives/index.ts';
import { objectives } from '../../../src/objectives/index.ts';
import type { StepOptions } from '../../../src/engine/onnx/step.ts';
import { stepGraph } from '../../../src/engine/onnx/step.ts';
import { setups } from '../../prompt/fixtures.ts';

/** A byte-level tokenizer that joins some digit pairs: even answers are one token, odd ones two. */
export const setup = setups[2]!;
export const vocabSize: number = setup.padTokens.video + 1;

/** Nine answers, 10 to 50, and their trie behind the end of every prompt. */
export const codec = createAnswerCodec({ step: 0.5 });
export const tail = 'ok\n';
export const trie = buildAnswerTrie(setup.tokenizer, tail, codec.legalAnswers()!);

/** Two layers, four query heads over two key-value heads; no size equals another that it could be taken for. */
export const text: TextConfig = {
  hiddenSize: 20,
  numLayers: 2,
  numHeads: 4,
  numKvHeads: 2,
  headDim: 6,
  intermediateSize: 28,
  vocabSize,
  ropeTheta: 1e4,
  mropeSection: [1, 1, 1],
  rmsNormEps: 1e-6,
  tieWordEmbeddings: true,
};
export const untied: TextConfig = { ...text, tieWordEmbeddings: false };

/** A windowed layer and one of full attention; windows of 2×2 merged tokens. */
export const vision: VisionConfig = {
  depth: 2,
  hiddenSize: 16,
  numHeads: 2,
  intermediateSize: 12,
  outHiddenSize: 20,
  patchSize: 2,
  temporalPatchSize: 2,
  spatialMergeSize: 2,
  windowSize: 8,
  fullAttentionLayers: [1],
  tokensPerSecond: 2,
  inChannels: 3,
};

const family = modelFamilies['qwen2_5_vl']!;
export const model = { family, text, vision };

/** How rows get their positions. */
export const positions: Positions = positionsOf(model);

/** The tiny model with weights. */
export function modelOf(stored: (name: string) => StoredTensor, config: TextConfig = text): EngineModel {
  return { ...model, text: config, stored };
}

const [C, V, VM] = [text.hiddenSize, vision.hiddenSize, vision.intermediateSize];
const [q, kv, m] = [text.numHeads * text.headDim, text.numKvHeads * text.headDim, text.intermediateSize];
const shapes: [RegExp, number[]][] = [
  [/^visual.*patch_embed/, [V, 3, 2, 2, 2]],
  [/^visual.*qkv\.weight/, [3 * V, V]],
  [/^visual.*qkv\.bias/, [3 * V]],
  [/^visual.*(gate|up)_proj\.weight/, [VM, V]],
  [/^visual.*(gate|up)_proj\.bias/, [VM]],
  [/^visual.*down_proj\.weight/, [V, VM]],
  [/^visual.*attn\.proj\.weight/, [V, V]],
  [/^visual.*merger\.mlp\.0\.weight/, [4 * V, 4 * V]],
  [/^visual.*merger\.mlp\.0\.bias/, [4 * V]],
  [/^visual.*merger\.mlp\.2\.weight/, [C, 4 * V]],
  [/^visual.*merger\.mlp\.2\.bias/, [C]],
  [/^visual/, [V]],
  [/q_proj\.weight/, [q, C]],
  [/q_proj\.bias/, [q]],
  [/(k|v)_proj\.weight/, [kv, C]],
  [/(k|v)_proj\.bias/, [kv]],
  [/o_proj\.weight/, [C, q]],
  [/(gate|up)_proj\.weight/, [m, C]],
  [/down_proj\.weight/, [C, m]],
  [/layernorm|^norm/, [C]],
];

/** The shape of a weight by canonical name. */
export function shapeOf(name: string, config: TextConfig = text): number[] {
  if (/^(embed_tokens|lm_head)/.test(name)) return [config.vocabSize, C];
  const found = shapes.find(([pattern]) => pattern.test(name));
  if (found === undefined) throw new Error(`no shape for ${name}`);
  return found[1];
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Numbers for a tensor, fixed by its name: norms around 1, everything else around 0; all of them bfloat16 numbers. */
export function valuesOf(name: string, shape: readonly number[], key = 0): Float32Array {
  const random = randomStream(key, ...new TextEncoder().encode(name));
  const isNorm = shape.length === 1 && !name.endsWith('bias');
  const values = Float32Array.from({ length: sizeOf(shape) }, () => (isNorm ? 1 : 0) + 0.25 * random.normal());
  const bits = new Uint32Array(values.buffer);
  bits.forEach((b, i) => (bits[i] = b & 0xffff0000));
  return values;
}

const shapesOf = new Map<TextConfig, Map<string, readonly number[]>>();

/** Names and shapes of all weights. */
export function weightShapes(config: TextConfig): Map<string, readonly number[]> {
  const known = shapesOf.get(config);
  if (known !== undefined) return known;
  const stored = (name: string): StoredTensor => ({
    dtype: 'float32',
    shape: shapeOf(name, config),
    source: { file: '', offset: 0, length: 0 },
  });
  const { form } = objectives.response;
  const { parameters } = stepGraph({ model: modelOf(stored, config), lora: null, form, numColumns: 1 });
  const made = new Map([...parameters].map(([name, { shape }]) => [name, shape as readonly number[]]));
  shapesOf.set(config, made);
  return made;
}

/** The weights in a file of their own, from which graphs map them. */
export function checkpoint(config: TextConfig, dtype: 'float32' | 'bfloat16'): (name: string) => StoredTensor {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'iovqa-step-')));
  const file = join(folder, `${dtype}.bin`);
  const tensors = new Map<string, StoredTensor>();
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, shape] of weightShapes(config)) {
    const values = valuesOf(name, shape);
    const stored = dtype === 'float32' ? values : new Uint16Array(values.buffer).filter((_, i) => i % 2 === 1);
    const bytes = new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
    tensors.set(name, { dtype, shape, source: { file, offset, length: bytes.length } });
    const padded = new Uint8Array(Math.ceil(bytes.length / 64) * 64);
    padded.set(bytes);
    parts.push(padded);
    offset += padded.length;
  }
  writeFileSync(file, Buffer.concat(parts));
  return (name) => {
    const found = tensors.get(name);
    if (found === undefined) throw new Error(`no weight ${name}`);
    return found;
  };
}

export const lora: LoraOptions = { rank: 3, alpha: 5, dropout: 0.1, rslora: false, targets: loraTargets };

/** Values of what a step trains. */
export function initialParameters(
  parameters: ReadonlyMap<string, readonly number[]>,
  key = 0,
): Map<string, Float32Array> {
  return new Map([...parameters].map(([name, shape]) => [name, valuesOf(name, shape, key)]));
}

/** A step's options without the run. */
export function stepOptions(
  loss: Loss,
  stored: (name: string) => StoredTensor,
  adapter: LoraOptions | null,
  config: TextConfig = text,
): StepOptions {
  const { form } = objectives[loss];
  const run = { threads: 1 };
  return { model: modelOf(stored, config), lora: adapter, form, numColumns: trie.columns.length, run };
}

/** The canonical name of a mapped weight. */
export function nameOfWeight(
  weight: Value<'external'>,
  config: TextConfig,
  stored: (name: string) => StoredTensor,
): string {
  const { offset } = weight.attributes.source;
  return [...weightShapes(config).keys()].find((name) => stored(name).source.offset === offset)!;
}
