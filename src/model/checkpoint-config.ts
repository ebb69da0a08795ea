// Reads config.json and the picture processor's settings of a Qwen2.5-VL folder, and refuses what the graphs do not compute.
import { join } from 'node:path';
import { z } from 'zod';
import { UserError, show } from '../core/index.ts';
import { readJson } from '../files/index.ts';
import { listProblems } from './problems.ts';
import type { TextConfig, VisionConfig } from './qwen2-5-vl/config.ts';

/** Ids of the tokens around and in place of vision features. */
export interface VisionTokens {
  /** Stands for one merged token of an image. */
  image: number;
  /** Stands for one merged token of a video. */
  video: number;
  /** Opens an image or video. */
  visionStart: number;
  /** Closes it. */
  visionEnd: number;
}

/** How pictures become patches. */
export interface ProcessorConfig {
  /** Fewest pixels of a resized frame. */
  minPixels: number;
  /** Most pixels of a resized frame. */
  maxPixels: number;
  /** Mean of each channel, of values 0…1; subtracted. */
  mean: [number, number, number];
  /** Standard deviation of each channel; divided by. */
  std: [number, number, number];
  /** Side of a patch, in pixels. */
  patchSize: number;
  /** Patches merged along each side. */
  mergeSize: number;
  /** Frames in a patch. */
  temporalPatchSize: number;
}

/** What config.json says. */
export interface ModelConfig {
  /** Sizes of the text model. */
  text: TextConfig;
  /** Sizes of the vision tower. */
  vision: VisionConfig;
  /** Ids of the vision tokens. */
  tokens: VisionTokens;
}

/**
 * Sizes are at most 2²⁰ (the largest, a vocabulary, is 152,064), and layers at most 1,000 (the 72B model has 80): lists of names are
 * made from them before any weight is looked at.
 */
const size = z
  .int()
  .positive()
  .max(2 ** 20);
const layers = z.int().positive().max(1000);
/** Sides and counts of patches, of which products are made. */
const side = z.int().positive().max(1024);
const pixels = z.int().positive();
const optional = <T extends z.ZodType>(type: T): z.ZodType<z.output<T> | null | undefined> => type.nullish();
const ropeSchema = z.looseObject({
  rope_type: optional(z.string()),
  type: optional(z.string()),
  rope_theta: optional(z.number().positive()),
  mrope_section: optional(z.tuple([size, size, size])),
});
// transformers writes only what differs from its config classes' defaults: what is left out has the default of transformers 5.17
// (`Qwen2_5_VLTextConfig`, `Qwen2_5_VLVisionConfig`); test/reference/config.test.ts walks both classes.
const textSchema = z.looseObject({
  hidden_size: size.default(8192),
  num_hidden_layers: layers.default(80),
  num_attention_heads: size.default(64),
  num_key_value_heads: size.nullable().default(8), // null: as many as queries
  head_dim: optional(size),
  intermediate_size: size.default(29_568),
  vocab_size: size.default(152_064),
  rms_norm_eps: optional(z.number().positive()),
  rope_theta: optional(z.number().positive()),
  rope_scaling: optional(ropeSchema),
  rope_parameters: optional(ropeSchema),
  tie_word_embeddings: optional(z.boolean()),
  hidden_act: optional(z.string()),
  use_sliding_window: optional(z.boolean()),
  sliding_window: optional(z.number()),
  max_window_layers: optional(z.number()),
  layer_types: optional(z.array(z.string()).max(1000)),
});
const visionSchema = z.looseObject({
  depth: layers.default(32),
  hidden_size: size.default(3584),
  num_heads: size.default(16),
  intermediate_size: size.default(3420),
  out_hidden_size: size.default(3584),
  patch_size: optional(side),
  spatial_patch_size: optional(side),
  temporal_patch_size: optional(side),
  spatial_merge_size: optional(side),
  window_size: optional(size),
  fullatt_block_indexes: optional(z.array(z.int().nonnegative()).max(1000)),
  tokens_per_second: optional(z.number().positive().max(1000)),
  in_channels: optional(size),
  in_chans: optional(size),
  hidden_act: optional(z.string()),
  rope_parameters: optional(ropeSchema),
});
const outerSchema = z.looseObject({
  tie_word_embeddings: optional(z.boolean()),
  image_token_id: optional(z.int().nonnegative()),
  video_token_id: optional(z.int().nonnegative()),
  vision_start_token_id: optional(z.int().nonnegative()),
  vision_end_token_id: optional(z.int().nonnegative()),
});
const processorSchema = z.looseObject({
  min_pixels: optional(pixels),
  max_pixels: optional(pixels),
  size: optional(z.looseObject({ shortest_edge: optional(pixels), longest_edge: optional(pixels) })),
  image_mean: optional(z.tuple([z.number(), z.number(), z.number()])),
  image_std: optional(z.tuple([z.number().positive(), z.number().positive(), z.number().positive()])),
  patch_size: optional(side),
  merge_size: optional(side),
  temporal_patch_size: optional(side),
});

/** Problems of one file: what is wrong with it, and what is right but beyond this version. */
class Problems {
  readonly wrong: string[] = [];
  readonly unsupported: string[] = [];

  /** Adds "key: expected X, got Y" unless `ok`. */
  require(ok: boolean, key: string, expected: string, got: unknown, kind: 'wrong' | 'unsupported' = 'wrong'): void {
    if (!ok) this[kind].push(`${key}: expected ${expected}, got ${show(got)}`);
  }

  /** Parses a part of the file; null where it is wrong. */
  parse<T>(schema: z.ZodType<T>, value: unknown, key: string): T | null {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    for (const { path, message } of result.error.issues) {
      const got = path.reduce<unknown>((v, k) => (v as Record<PropertyKey, unknown> | undefined)?.[k], value);
      const at = [key, ...path].filter((k) => k !== '').join('.');
      this.wrong.push(`${at === '' ? '' : `${at}: `}${message}; got ${show(got)}`);
    }
    return null;
  }

  throwIfAny(where: string): void {
    const all = [...this.wrong, ...this.unsupported];
    if (all.length === 0) return;
    throw new UserError(this.wrong.length > 0 ? 'bad-checkpoint' : 'not-supported', `${where}: ${listProblems(all)}`);
  }
}

/**
 * Reads config.json, in the flat layout of the first Qwen2.5-VL checkpoints or with a `text_config` as today. What is left out has
 * the default of transformers 5.17.
 * @param folder - the checkpoint
 * @throws UserError `bad-checkpoint` with every problem; `not-supported` when all of it is legal but not computed here
 */
export async function readModelConfig(folder: string): Promise<ModelConfig> {
  const path = join(folder, 'config.json');
  const json = await readJson(path, 'bad-checkpoint');
  if (json === undefined) {
    throw new UserError('bad-checkpoint', `${folder}: expected a model folder, got none with a config.json`);
  }
  return parseModelConfig(json, path);
}

/**
 * Checks a parsed config.json.
 * @param json - its content
 * @param where - its name in messages
 * @throws UserError as {@link readModelConfig}
 */
export function parseModelConfig(json: unknown, where: string): ModelConfig {
  const problems = new Problems();
  const outer = problems.parse(outerSchema, json, '');
  if (outer === null) problems.throwIfAny(where);
  const config = outer!;
  const type = config['model_type'];
  if (type !== 'qwen2_5_vl') {
    const message = `${where}: model_type: expected "qwen2_5_vl", got ${show(type)}`;
    throw new UserError('not-supported', message, { hint: 'Models of the Qwen2.5-VL family are supported.' });
  }
  const none = config['quantization_config'] === undefined || config['quantization_config'] === null;
  problems.require(none, 'quantization_config', 'none', config['quantization_config'], 'unsupported');
  const nested = config['text_config'] !== undefined && config['text_config'] !== null;
  const text = readText(problems, nested ? config['text_config'] : config, nested ? 'text_config' : '', config);
  const vision = readVision(problems, config['vision_config'] ?? {}, text);
  const tokens: VisionTokens = {
    image: config.image_token_id ?? 151_655,
    video: config.video_token_id ?? 151_656,
    visionStart: config.vision_start_token_id ?? 151_652,
    visionEnd: config.vision_end_token_id ?? 151_653,
  };
  for (const [name, id] of Object.entries(tokens)) {
    if (text !== null) problems.require(id < text.vocabSize, `id of the ${name} token`, `less than vocab_size`, id);
  }
  problems.throwIfAny(where);
  return { text: text!, vision: vision!, tokens };
}

function readText(
  problems: Problems,
  json: unknown,
  key: string,
  outer: z.output<typeof outerSchema>,
): TextConfig | null {
  const text = problems.parse(textSchema, json, key);
  if (text === null) return null;
  const at = (name: string): string => (key === '' ? name : `${key}.${name}`);
  const { hidden_size: hiddenSize, num_attention_heads: numHeads, num_hidden_layers: numLayers } = text;
  const numKvHeads = text.num_key_value_heads ?? numHeads;
  const headDim = hiddenSize / numHeads;
  const whole = Number.isInteger(headDim) && headDim % 2 === 0;
  problems.require(whole, at('hidden_size'), `an even multiple of ${numHeads} heads`, hiddenSize);
  problems.require(numHeads % numKvHeads === 0, at('num_key_value_heads'), `a divisor of ${numHeads}`, numKvHeads);
  const odd = text.head_dim ?? headDim;
  problems.require(odd === headDim, at('head_dim'), `hidden_size / heads = ${headDim}`, odd, 'unsupported');
  const act = text.hidden_act ?? 'silu';
  problems.require(act === 'silu', at('hidden_act'), '"silu"', act, 'unsupported');
  const slides =
    text.layer_types?.some((type) => type !== 'full_attention') ??
    (text.use_sliding_window === true &&
      (text.sliding_window === undefined || text.sliding_window !== null) &&
      (text.max_window_layers ?? 80) < numLayers);
  problems.require(!slides, at('use_sliding_window'), 'full attention in every layer', true, 'unsupported');
  const rope: Partial<z.output<typeof ropeSchema>> = text.rope_scaling ?? text.rope_parameters ?? {};
  const ropeType = rope.rope_type ?? rope.type ?? 'default';
  const plain = ropeType === 'mrope' || ropeType === 'default';
  problems.require(plain, at('rope type'), '"mrope" or "default"', ropeType, 'unsupported');
  const section = rope.mrope_section ?? [16, 24, 24];
  const sum = section[0] + section[1] + section[2];
  problems.require(sum === headDim / 2, at('mrope_section'), `three that add up to ${headDim / 2}`, section);
  return {
    hiddenSize,
    numLayers,
    numHeads,
    numKvHeads,
    headDim,
    intermediateSize: text.intermediate_size,
    vocabSize: text.vocab_size,
    ropeTheta: rope.rope_theta ?? text.rope_theta ?? 1e6,
    mropeSection: section,
    rmsNormEps: text.rms_norm_eps ?? 1e-5,
    tieWordEmbeddings: (outer.tie_word_embeddings ?? false) || (text.tie_word_embeddings ?? false),
  };
}

function readVision(problems: Problems, json: unknown, text: TextConfig | null): VisionConfig | null {
  const key = 'vision_config';
  const vision = problems.parse(visionSchema, json, key);
  if (vision === null) return null;
  const { depth, hidden_size: hiddenSize, num_heads: numHeads, out_hidden_size: outHiddenSize } = vision;
  const headDim = hiddenSize / numHeads;
  const whole = Number.isInteger(headDim) && headDim % 4 === 0;
  problems.require(whole, `${key}.hidden_size`, `a multiple of 4 · ${numHeads} heads`, hiddenSize);
  const width = text?.hiddenSize ?? outHiddenSize;
  problems.require(outHiddenSize === width, `${key}.out_hidden_size`, `the text model's ${width}`, outHiddenSize);
  const act = vision.hidden_act ?? 'silu';
  problems.require(act === 'silu', `${key}.hidden_act`, '"silu"', act, 'unsupported');
  const theta = vision.rope_parameters?.rope_theta ?? 10_000;
  problems.require(theta === 10_000, `${key}.rope_parameters.rope_theta`, '10000', theta, 'unsupported');
  const patchSize = vision.patch_size ?? 14;
  const again = vision.spatial_patch_size ?? patchSize;
  problems.require(again === patchSize, `${key}.spatial_patch_size`, `patch_size = ${patchSize}`, again);
  // The first checkpoints say in_chans, which the reference does not read.
  const inChannels = vision.in_channels ?? vision.in_chans ?? 3;
  problems.require(inChannels === 3, `${key}.in_channels`, '3', inChannels, 'unsupported');
  const spatialMergeSize = vision.spatial_merge_size ?? 2;
  const windowSize = vision.window_size ?? 112;
  const step = patchSize * spatialMergeSize;
  // One that is no multiple is rounded down to whole merged patches, as the reference does.
  problems.require(windowSize >= step, `${key}.window_size`, `at least ${step} pixels`, windowSize);
  const full = vision.fullatt_block_indexes ?? [7, 15, 23, 31];
  problems.require(
    full.every((layer) => layer < depth) || vision.fullatt_block_indexes === undefined,
    `${key}.fullatt_block_indexes`,
    `layers below ${depth}`,
    full,
  );
  return {
    depth,
    hiddenSize,
    numHeads,
    intermediateSize: vision.intermediate_size,
    outHiddenSize,
    patchSize,
    temporalPatchSize: vision.temporal_patch_size ?? 2,
    spatialMergeSize,
    windowSize,
    fullAttentionLayers: full,
    tokensPerSecond: vision.tokens_per_second ?? 4,
    inChannels,
  };
}

/** Mean and deviation of CLIP, the reference's defaults. */
const CLIP_MEAN: [number, number, number] = [0.48145466, 0.4578275, 0.40821073];
const CLIP_STD: [number, number, number] = [0.26862954, 0.26130258, 0.27577711];

/**
 * Reads how pictures become patches: `image_processor` of processor_config.json, else preprocessor_config.json, as
 * transformers 5.17 does; what is left out has its defaults.
 * @param folder - the checkpoint
 * @param vision - sizes of its tower, which the settings must fit
 * @throws UserError as {@link readModelConfig}
 */
export async function readProcessorConfig(folder: string, vision: VisionConfig): Promise<ProcessorConfig> {
  const outer = await readJson(join(folder, 'processor_config.json'), 'bad-checkpoint');
  const inner = (outer as { image_processor?: unknown } | null | undefined)?.image_processor;
  const [name, json] =
    inner === undefined
      ? ['preprocessor_config.json', await readJson(join(folder, 'preprocessor_config.json'), 'bad-checkpoint')]
      : ['processor_config.json', inner];
  return parseProcessorConfig(json ?? {}, join(folder, name), vision);
}

/** Every frame is made at least `min_pixels` large, so it must not be what no machine can hold: 4 megapixels. */
const MAX_MIN_PIXELS = 2 ** 22;

/** Switches of the reference that are always on here, and the one way of resizing. */
const fixedSettings = {
  do_resize: true,
  do_rescale: true,
  do_normalize: true,
  do_convert_rgb: true,
  resample: 3,
} as const;

function parseProcessorConfig(json: unknown, where: string, vision: VisionConfig): ProcessorConfig {
  const problems = new Problems();
  const config = problems.parse(processorSchema, json, '');
  if (config === null) problems.throwIfAny(where);
  const given = config!;
  for (const [key, value] of Object.entries(fixedSettings)) {
    problems.require((given[key] ?? value) === value, key, show(value), given[key], 'unsupported');
  }
  const rescale = given['rescale_factor'] ?? 1 / 255;
  const by255 = typeof rescale === 'number' && Math.abs(rescale * 255 - 1) < 1e-6;
  problems.require(by255, 'rescale_factor', '1/255', rescale, 'unsupported');
  const processor: ProcessorConfig = {
    minPixels: given.min_pixels ?? given.size?.shortest_edge ?? 56 * 56,
    maxPixels: given.max_pixels ?? given.size?.longest_edge ?? 28 * 28 * 1280,
    mean: given.image_mean ?? CLIP_MEAN,
    std: given.image_std ?? CLIP_STD,
    patchSize: given.patch_size ?? 14,
    mergeSize: given.merge_size ?? 2,
    temporalPatchSize: given.temporal_patch_size ?? 2,
  };
  const { minPixels, maxPixels, patchSize, mergeSize, temporalPatchSize } = processor;
  problems.require(minPixels <= maxPixels, 'min_pixels', `at most max_pixels = ${maxPixels}`, minPixels);
  problems.require(minPixels <= MAX_MIN_PIXELS, 'min_pixels', `at most ${MAX_MIN_PIXELS}`, minPixels);
  problems.require(patchSize === vision.patchSize, 'patch_size', `the tower's ${vision.patchSize}`, patchSize);
  const merge = vision.spatialMergeSize;
  problems.require(mergeSize === merge, 'merge_size', `the tower's ${merge}`, mergeSize);
  const frames = vision.temporalPatchSize;
  problems.require(temporalPatchSize === frames, 'temporal_patch_size', `the tower's ${frames}`, temporalPatchSize);
  problems.throwIfAny(where);
  return processor;
}

/**
 * Names and shapes of all weights of a model.
 * @param text - sizes of the text model
 * @param vision - sizes of the tower
 * @returns shapes by canonical name; linear layers are [out, in]
 */
export function weightShapes(text: TextConfig, vision: VisionConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  const linear = (name: string, out: number, width: number, bias: boolean): void => {
    shapes.set(`${name}.weight`, [out, width]);
    if (bias) shapes.set(`${name}.bias`, [out]);
  };
  const V = vision.hiddenSize;
  const { patchSize, temporalPatchSize, inChannels } = vision;
  shapes.set('visual.patch_embed.proj.weight', [V, inChannels, temporalPatchSize, patchSize, patchSize]);
  for (let i = 0; i < vision.depth; i++) {
    const block = `visual.blocks.${i}`;
    shapes.set(`${block}.norm1.weight`, [V]);
    shapes.set(`${block}.norm2.weight`, [V]);
    linear(`${block}.attn.qkv`, 3 * V, V, true);
    linear(`${block}.attn.proj`, V, V, true);
    linear(`${block}.mlp.gate_proj`, vision.intermediateSize, V, true);
    linear(`${block}.mlp.up_proj`, vision.intermediateSize, V, true);
    linear(`${block}.mlp.down_proj`, V, vision.intermediateSize, true);
  }
  const merged = V * vision.spatialMergeSize ** 2;
  shapes.set('visual.merger.ln_q.weight', [V]);
  linear('visual.merger.mlp.0', merged, merged, true);
  linear('visual.merger.mlp.2', vision.outHiddenSize, merged, true);
  const C = text.hiddenSize;
  const queries = text.numHeads * text.headDim;
  const keys = text.numKvHeads * text.headDim;
  shapes.set('embed_tokens.weight', [text.vocabSize, C]);
  for (let i = 0; i < text.numLayers; i++) {
    const layer = `layers.${i}`;
    shapes.set(`${layer}.input_layernorm.weight`, [C]);
    shapes.set(`${layer}.post_attention_layernorm.weight`, [C]);
    linear(`${layer}.self_attn.q_proj`, queries, C, true);
    linear(`${layer}.self_attn.k_proj`, keys, C, true);
    linear(`${layer}.self_attn.v_proj`, keys, C, true);
    linear(`${layer}.self_attn.o_proj`, C, queries, false);
    linear(`${layer}.mlp.gate_proj`, text.intermediateSize, C, false);
    linear(`${layer}.mlp.up_proj`, text.intermediateSize, C, false);
    linear(`${layer}.mlp.down_proj`, C, text.intermediateSize, false);
  }
  shapes.set('norm.weight', [C]);
  if (!text.tieWordEmbeddings) shapes.set('lm_head.weight', [text.vocabSize, C]);
  return shapes;
}
