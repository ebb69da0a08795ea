// A tiny Qwen2.5-VL, clips of different sizes and prompts, and graphs in float64: what the tests of the training step run on.
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { hashKey, randomStream } from '../../src/core/index.ts';
import type { ClipVision, Example } from '../../src/example/index.ts';
import { buildExample, buildScoringExample, trimToTargets } from '../../src/example/index.ts';
import type { TensorData, Value } from '../../src/graph/index.ts';
import { isOp, valuesBelow } from '../../src/graph/index.ts';
import type { LoraOptions, StoredTensor, TextConfig, VisionConfig } from '../../src/model/index.ts';
import { loraTargets } from '../../src/model/index.ts';
import type { EncodedPrompt, VisionInput } from '../../src/prompt/index.ts';
import { buildAnswerTrie, createAnswerCodec, mergedTokens } from '../../src/prompt/index.ts';
import type { AnswerItem, TokenItem } from '../../src/train/feeds.ts';
import { answerFeeds, tokenFeeds, totalWeight } from '../../src/train/feeds.ts';
import type { Loss } from '../../src/train/objective.ts';
import { normalLabel } from '../../src/train/soft-label.ts';
import type { StepOptions } from '../../src/train/step.ts';
import { stepGraph } from '../../src/train/step.ts';
import type { Array64 } from '../graph/evaluate.ts';
import { evaluate } from '../graph/evaluate.ts';
import { setups } from '../prompt/fixtures.ts';

/** A byte-level tokenizer that joins some digit pairs: even answers are one token, odd ones two. */
export const setup = setups[2]!;
export const vocabSize: number = setup.padTokens.video + 1;

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

export const model = { text, vision };

const [C, V, VM] = [text.hiddenSize, vision.hiddenSize, vision.intermediateSize];
const [q, kv, m] = [text.numHeads * text.headDim, text.numKvHeads * text.headDim, text.intermediateSize];
const shapes: [RegExp, number[]][] = [
  [/^(embed_tokens|lm_head)/, [vocabSize, C]],
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

export function shapeOf(name: string): number[] {
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
    shape: shapeOf(name),
    source: { file: '', offset: 0, length: 0 },
  });
  const { parameters } = stepGraph({ ...model, text: config, stored, lora: null, loss: 'response', numColumns: 1 });
  const made = new Map([...parameters].map(([name, { shape }]) => [name, shape as readonly number[]]));
  shapesOf.set(config, made);
  return made;
}

/** The weights in a file of their own, from which graphs map them. */
export function checkpoint(config: TextConfig, dtype: 'float32' | 'bfloat16'): (name: string) => StoredTensor {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'iovqa-step-')));
  afterAll(() => rmSync(folder, { recursive: true }));
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

/** A clip as the tests describe it. */
interface Clip {
  words: number;
  visions: VisionInput[];
  mos: number;
}
const image = (h: number, w: number): VisionInput => ({ kind: 'image', grid: { t: 1, h, w } });
const video: VisionInput = { kind: 'video', grid: { t: 2, h: 2, w: 4 }, secondsPerGrid: 0.5 };
/** Prompts and pictures of different length; answers of one token (even tenths) and two. */
export const clips: readonly Clip[] = [
  { words: 3, visions: [image(6, 4)], mos: 3.4 },
  { words: 5, visions: [video], mos: 2.7 },
  { words: 0, visions: [image(2, 2), image(4, 2)], mos: 5 },
  { words: 11, visions: [image(4, 6)], mos: 1.3 },
];

export const codec = createAnswerCodec({ step: 0.5 });
const fine = createAnswerCodec();
const tail = 'ok\n';
export const trie = buildAnswerTrie(setup.tokenizer, tail, codec.legalAnswers()!);
export const numColumns: number = trie.columns.length;

export function promptOf(clip: Clip): EncodedPrompt {
  const tokenIds: number[] = [7, 8];
  const spans = clip.visions.map((vision) => {
    const [start, length] = [tokenIds.length, mergedTokens(vision.grid)];
    tokenIds.push(...Array.from({ length }, () => setup.padTokens[vision.kind]));
    return { ...vision, start, length };
  });
  // Letters, from a few that repeat: the gradient of a row of the embedding adds up over its places.
  tokenIds.push(...Array.from({ length: clip.words }, (_, i) => 97 + ((i * 3 + clip.words) % 5)));
  tokenIds.push(...setup.tokenizer.encode(tail, { special: false }));
  return { tokenIds: Int32Array.from(tokenIds), visions: spans, tail };
}

/** What the model sees of a clip: features of a frozen tower, or patches. */
export function seen(visions: readonly VisionInput[], key: number, frozen: boolean): ClipVision {
  const random = randomStream(99, key);
  const noise = (length: number): Float32Array => Float32Array.from({ length }, () => random.normal());
  if (frozen) {
    const count = visions.reduce((total, { grid }) => total + mergedTokens(grid), 0);
    return { kind: 'features', features: noise(count * C) };
  }
  const cut = visions.map(({ grid }) => ({ grid, pixels: noise(grid.t * grid.h * grid.w * 24) }));
  const patches = { kind: 'patches' as const, visions: cut, cut: () => cut };
  return patches;
}

/** Key of a clip's dropout, as the loop makes it. */
export const dropoutKeyOf = (sample: number, epoch = 0): number => hashKey(5, epoch, sample);

export function exampleOf(clip: Clip, loss: Loss): Example {
  const { tokenizer, endTokenId } = setup;
  const targets = loss === 'response' ? 'response' : 'integer-only';
  return buildExample({ prompt: promptOf(clip), answer: fine.encode(clip.mos), tokenizer, endTokenId, targets });
}

/** Spread of the soft labels. */
export const LABEL_STD = 0.6;

/** How feeds are made of clips. */
export interface BatchOptions {
  loss: Loss;
  /** The tower is frozen: features are fed, not patches. */
  frozen: boolean;
  dropout: boolean;
  /** Clips of each micro-batch; default all. */
  micro?: number;
  /** Whether rows behind the last target are dropped; default true. */
  trim?: boolean;
  /** Counts in the keys of the dropout; default 0. */
  epoch?: number;
}

/** Feeds of the micro-batches of one update over some of {@link clips}. */
export function batches(which: readonly number[], options: BatchOptions): Record<string, TensorData>[] {
  const { loss, frozen, dropout, micro = which.length, trim = true, epoch = 0 } = options;
  const chunk = <T>(items: readonly T[]): T[][] =>
    Array.from({ length: Math.ceil(items.length / micro) }, (_, i) => items.slice(i * micro, (i + 1) * micro));
  const common = which.map((i) => ({ vision: seen(clips[i]!.visions, i, frozen), dropoutKey: dropoutKeyOf(i, epoch) }));
  if (loss === 'integer-only' || loss === 'response') {
    const items = which.map((clip, i): TokenItem => {
      const example = exampleOf(clips[clip]!, loss);
      return { example: trim ? trimToTargets(example) : example, ...common[i]! };
    });
    const weight = items.reduce((total, { example }) => total + totalWeight(example.targets), 0);
    return chunk(items).map((some) => tokenFeeds(some, weight, model, dropout));
  }
  const values = codec.legalAnswers()!.map(({ value }) => value);
  const items = which.map((clip, i): AnswerItem => {
    const { mos } = clips[clip]!;
    const example = buildScoringExample(promptOf(clips[clip]!), trie);
    return { example, ...common[i]!, score: mos, label: normalLabel(values, mos, LABEL_STD) };
  });
  return chunk(items).map((some) => answerFeeds(some, which.length, model, dropout, loss));
}

/** A step's options without the run. */
export function stepOptions(
  loss: Loss,
  stored: (name: string) => StoredTensor,
  adapter: LoraOptions | null,
  config: TextConfig = text,
): StepOptions {
  return { ...model, text: config, stored, lora: adapter, loss, numColumns, run: { threads: 1 } };
}

export const toArray64 = ({ data, shape }: TensorData): Array64 => ({
  data: Float64Array.from(data as ArrayLike<number | bigint>, Number),
  shape: [...shape],
});

/** The canonical name of a mapped weight. */
export function nameOfWeight(
  weight: Value<'external'>,
  config: TextConfig,
  stored: (name: string) => StoredTensor,
): string {
  const { offset } = weight.attributes.source;
  return [...weightShapes(config).keys()].find((name) => stored(name).source.offset === offset)!;
}

/** What is fed, parameters and mapped weights included, for the float64 evaluation of values. */
export function feeds64(
  outputs: readonly Value[],
  feeds: Readonly<Record<string, TensorData>>,
  parameters: ReadonlyMap<string, Float32Array>,
  config: TextConfig,
  stored: (name: string) => StoredTensor,
): Map<Value, Array64> {
  const fed = new Map<Value, Array64>();
  for (const value of valuesBelow(outputs)) {
    if (isOp(value, 'input')) {
      const { name } = value.attributes;
      const own = parameters.get(name);
      fed.set(value, toArray64(own === undefined ? feeds[name]! : { data: own, shape: value.shape as number[] }));
    } else if (isOp(value, 'external')) {
      const name = nameOfWeight(value, config, stored);
      const shape = shapeOf(name);
      fed.set(value, toArray64({ data: valuesOf(name, shape), shape }));
    }
  }
  return fed;
}

/** A scalar as a function of one of the values that it is made from, in float64; only what depends on that value is computed again. */
export function asFunctionOf(
  loss: Value,
  fed: ReadonlyMap<Value, Array64>,
): (of: Value) => (data: Float64Array) => number {
  const below = valuesBelow([loss]);
  const results = evaluate(below, fed);
  return (of) => {
    const moving = new Set<Value>([of]);
    for (const value of below) if (value.inputs.some((x) => moving.has(x))) moving.add(value);
    const fixed = new Map<Value, Array64>();
    below.forEach((value, i) => {
      if (!moving.has(value)) fixed.set(value, results[i]!);
    });
    const { shape } = fed.get(of)!;
    return (data) => evaluate([loss], new Map(fixed).set(of, { data, shape }))[0]!.data[0]!;
  };
}

/** Largest difference over the largest magnitude of what is wanted. */
export function relativeError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Infinity;
  let [worst, scale] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    const difference = Math.abs(got[i]! - want[i]!);
    worst = Number.isNaN(difference) ? Infinity : Math.max(worst, difference);
    scale = Math.max(scale, Math.abs(want[i]!));
  }
  return worst === 0 ? 0 : worst / scale;
}

/** Notes what is wrong, by name, so that one assertion shows it all: `expect(wrong.list).toEqual([])`. */
export class Wrong {
  readonly list: string[] = [];
  /** Notes a value that is not below its bound. */
  below(bound: number, value: number, what: string): void {
    if (!(value < bound)) this.list.push(`${what}: expected less than ${bound}, got ${value}`);
  }
  /** Notes a value that is not above its bound. */
  above(bound: number, value: number, what: string): void {
    if (!(value > bound)) this.list.push(`${what}: expected more than ${bound}, got ${value}`);
  }
}
