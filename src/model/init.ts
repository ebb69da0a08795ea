// Randomly initialised models in Hugging Face layout: to train from scratch, to test and to measure with.
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { UserError, randomStream } from '../core/index.ts';
import type { FloatDtype, TensorToWrite } from '../files/index.ts';
import { makeFolder, writeFolderAtomic, writeNewFile } from '../files/index.ts';
import { weightShapes } from './checkpoint-config.ts';
import { byteTokenizer, chatTemplate } from './init-tokenizer.ts';
import type { ModelSizeName } from './model-sizes.ts';
import { configOfSize, modelSizes } from './model-sizes.ts';
import type { TextConfig, VisionConfig } from './qwen2-5-vl/config.ts';
import { fileName, torchDtype, writeWeights } from './write-checkpoint.ts';

/** What {@link createRandomCheckpoint} makes. */
export interface RandomCheckpointOptions {
  /** A name of {@link modelSizes}. */
  preset: ModelSizeName;
  /** Seed of the weights; default 0. */
  seed?: number;
  /** Element type in the file; default F32. */
  dtype?: FloatDtype;
  /** Standard deviation of weight matrices; default 0.02, as in Qwen's configs. Narrow models learn sooner with more. */
  initializerRange?: number;
  /** Text that the tokenizer's merges are learned from, besides that of the built-in questions; default none. */
  corpus?: string;
  /** Is told how many of how many parameters are written. */
  onProgress?: (done: number, total: number) => void;
  /** Stops the writing with its reason; nothing is left behind. */
  signal?: AbortSignal;
}

/**
 * Writes a randomly initialised Qwen2.5-VL: config, weights (normal, norms 1, biases 0, as transformers initialises them), a small byte-level tokenizer, chat template and processor settings.
 * @param folder - a new or empty folder
 * @param options - size, seed
 * @throws UserError `bad-input` for an unknown size or a folder that is not empty
 */
export async function createRandomCheckpoint(folder: string, options: RandomCheckpointOptions): Promise<void> {
  const { preset, seed = 0, dtype = 'F32', initializerRange = 0.02, corpus, onProgress, signal } = options;
  if (!Object.hasOwn(modelSizes, preset)) {
    const names = Object.entries(modelSizes).map(([name, { about }]) => `${name} (${about})`);
    throw new UserError('bad-input', `model size: expected ${names.join(', ')}, got ${JSON.stringify(preset)}`);
  }
  const size = modelSizes[preset];
  const tokenizer = byteTokenizer(corpus);
  const { text, vision } = configOfSize(size, tokenizer.size);
  await writeFolderAtomic(folder, async (temporary) => {
    await makeFolder(temporary);
    const json = (name: string, value: unknown): Promise<void> =>
      writeNewFile(join(temporary, name), `${JSON.stringify(value, null, 2)}\n`);
    const id = (token: string): number => tokenizer.ids.get(token)!;
    await json('config.json', configJson(text, vision, dtype, id));
    await json('generation_config.json', {
      do_sample: false,
      eos_token_id: id('<|im_end|>'),
      pad_token_id: id('<|endoftext|>'),
    });
    await json('tokenizer.json', tokenizer.json);
    await json('tokenizer_config.json', {
      tokenizer_class: 'Qwen2Tokenizer',
      eos_token: '<|im_end|>',
      pad_token: '<|endoftext|>',
      model_max_length: 32_768,
      clean_up_tokenization_spaces: false,
      add_prefix_space: false,
    });
    await writeNewFile(join(temporary, 'chat_template.jinja'), chatTemplate);
    await json('preprocessor_config.json', {
      image_processor_type: 'Qwen2VLImageProcessor',
      processor_class: 'Qwen2_5_VLProcessor',
      min_pixels: 3136,
      max_pixels: 12_845_056,
      patch_size: vision.patchSize,
      temporal_patch_size: vision.temporalPatchSize,
      merge_size: vision.spatialMergeSize,
      image_mean: [0.48145466, 0.4578275, 0.40821073],
      image_std: [0.26862954, 0.26130258, 0.27577711],
    });
    const shapes = [...weightShapes(text, vision)];
    const total = shapes.reduce((sum, [, shape]) => sum + sizeOf(shape), 0);
    let done = 0;
    const tensors = shapes.map(([name, shape], i): [string, TensorToWrite] => {
      const data = (): Promise<Float32Array> => {
        onProgress?.(done, total);
        done += sizeOf(shape);
        return initialValues({ name, shape, deviation: initializerRange }, seed, i, signal);
      };
      return [fileName(name), { data, shape }];
    });
    await writeWeights(temporary, new Map(tensors), dtype);
  });
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Numbers between two looks at what else happens, such as Ctrl-C: a tenth of a second. */
const SLICE = 2 ** 20;

async function initialValues(
  { name, shape, deviation }: { name: string; shape: readonly number[]; deviation: number },
  seed: number,
  index: number,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const values = new Float32Array(sizeOf(shape));
  if (name.endsWith('.bias')) return values;
  if (shape.length === 1) return values.fill(1);
  const stream = randomStream(seed, index);
  for (let start = 0; start < values.length; start += SLICE) {
    await setImmediate();
    signal?.throwIfAborted();
    const end = Math.min(values.length, start + SLICE);
    for (let i = start; i < end; i++) values[i] = deviation * stream.normal();
  }
  return values;
}

/** config.json in today's layout. */
function configJson(text: TextConfig, vision: VisionConfig, dtype: FloatDtype, id: (token: string) => number): unknown {
  return {
    architectures: ['Qwen2_5_VLForConditionalGeneration'],
    model_type: 'qwen2_5_vl',
    dtype: torchDtype[dtype],
    image_token_id: id('<|image_pad|>'),
    video_token_id: id('<|video_pad|>'),
    vision_start_token_id: id('<|vision_start|>'),
    vision_end_token_id: id('<|vision_end|>'),
    tie_word_embeddings: text.tieWordEmbeddings,
    text_config: {
      model_type: 'qwen2_5_vl_text',
      hidden_size: text.hiddenSize,
      num_hidden_layers: text.numLayers,
      num_attention_heads: text.numHeads,
      num_key_value_heads: text.numKvHeads,
      intermediate_size: text.intermediateSize,
      vocab_size: text.vocabSize,
      hidden_act: 'silu',
      rms_norm_eps: text.rmsNormEps,
      max_position_embeddings: 32_768,
      rope_parameters: { rope_type: 'default', rope_theta: text.ropeTheta, mrope_section: text.mropeSection },
      tie_word_embeddings: text.tieWordEmbeddings,
      use_sliding_window: false,
      bos_token_id: id('<|endoftext|>'),
      eos_token_id: id('<|im_end|>'),
      pad_token_id: id('<|endoftext|>'),
    },
    vision_config: {
      model_type: 'qwen2_5_vl',
      depth: vision.depth,
      hidden_size: vision.hiddenSize,
      num_heads: vision.numHeads,
      intermediate_size: vision.intermediateSize,
      out_hidden_size: vision.outHiddenSize,
      hidden_act: 'silu',
      in_channels: vision.inChannels,
      patch_size: vision.patchSize,
      temporal_patch_size: vision.temporalPatchSize,
      spatial_merge_size: vision.spatialMergeSize,
      window_size: vision.windowSize,
      fullatt_block_indexes: vision.fullAttentionLayers,
      tokens_per_second: vision.tokensPerSecond,
    },
  };
}
