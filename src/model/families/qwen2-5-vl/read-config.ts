// Reads config.json of a Qwen2.5-VL folder, and refuses what the graphs do not compute.
import { z } from 'zod';
import { Problems, layers, optional, side, size } from '../shared/config-problems.ts';
import type { ModelConfig, VisionTokens } from '../sizes.ts';
import type { QwenTextConfig, QwenVisionConfig } from './config.ts';

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

/**
 * Checks a parsed config.json, in the flat layout of the first Qwen2.5-VL checkpoints or with a `text_config` as today. What is left
 * out has the default of transformers 5.17.
 * @param json - its content
 * @param where - its name in messages
 * @throws UserError `bad-checkpoint` with every problem; `not-supported` when all of it is legal but not computed here
 */
export function parseQwenConfig(json: unknown, where: string): ModelConfig<QwenTextConfig, QwenVisionConfig> {
  const problems = new Problems();
  const outer = problems.parse(outerSchema, json, '');
  if (outer === null) problems.throwIfAny(where);
  const config = outer!;
  refuseQuantised(problems, config['quantization_config'], 'quantization_config');
  const nested = config['text_config'] !== undefined && config['text_config'] !== null;
  if (nested) {
    const { quantization_config: quantised } = Object(config['text_config']) as Record<string, unknown>;
    refuseQuantised(problems, quantised, 'text_config.quantization_config');
  }
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

/** Refuses AWQ, GPTQ, bitsandbytes and the like by their name, before any of their tensors is looked at. */
function refuseQuantised(problems: Problems, quantised: unknown, key: string): void {
  const { quant_method: method } = Object(quantised ?? {}) as Record<string, unknown>;
  const expected = 'none: the model that it was quantised from';
  problems.require(quantised === undefined || quantised === null, key, expected, method ?? quantised, 'unsupported');
}

function readText(
  problems: Problems,
  json: unknown,
  key: string,
  outer: z.output<typeof outerSchema>,
): QwenTextConfig | null {
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

function readVision(problems: Problems, json: unknown, text: QwenTextConfig | null): QwenVisionConfig | null {
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
