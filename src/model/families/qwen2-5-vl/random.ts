// Folders of Qwen2.5-VL models with random weights, as transformers would write them: config, tokenizer, picture settings.
import type { FamilyRandom } from '../types.ts';
import type { QwenTextConfig, QwenVisionConfig } from './config.ts';
import type { ModelSizeName } from './sizes.ts';
import { configOfSize, modelSizes, presetNamed } from './sizes.ts';
import { byteTokenizer, chatTemplate } from './tokenizer.ts';

/** Random Qwen2.5-VL models. */
export const qwenRandom: FamilyRandom<QwenTextConfig, QwenVisionConfig> = {
  sizes: Object.fromEntries(Object.entries(modelSizes).map(([name, { about }]) => [name, about])),
  sizeNamed: presetNamed,
  config: (size, vocabSize) => configOfSize(modelSizes[size as ModelSizeName], vocabSize),
  folder: (size, dtype, corpus) => {
    const tokenizer = byteTokenizer(corpus);
    const { text, vision } = configOfSize(modelSizes[size as ModelSizeName], tokenizer.size);
    const id = (token: string): number => tokenizer.ids.get(token)!;
    const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
    const files = new Map([
      ['config.json', json(configJson(text, vision, dtype, id))],
      [
        'generation_config.json',
        json({ do_sample: false, eos_token_id: id('<|im_end|>'), pad_token_id: id('<|endoftext|>') }),
      ],
      ['tokenizer.json', json(tokenizer.json)],
      [
        'tokenizer_config.json',
        json({
          tokenizer_class: 'Qwen2Tokenizer',
          eos_token: '<|im_end|>',
          pad_token: '<|endoftext|>',
          model_max_length: 32_768,
          clean_up_tokenization_spaces: false,
          add_prefix_space: false,
        }),
      ],
      ['chat_template.jinja', chatTemplate],
      [
        'preprocessor_config.json',
        json({
          image_processor_type: 'Qwen2VLImageProcessor',
          processor_class: 'Qwen2_5_VLProcessor',
          min_pixels: 3136,
          max_pixels: 12_845_056,
          patch_size: vision.patchSize,
          temporal_patch_size: vision.temporalPatchSize,
          merge_size: vision.spatialMergeSize,
          image_mean: [0.48145466, 0.4578275, 0.40821073],
          image_std: [0.26862954, 0.26130258, 0.27577711],
        }),
      ],
    ]);
    return { text, vision, files };
  },
};

/** config.json in today's layout. */
function configJson(
  text: QwenTextConfig,
  vision: QwenVisionConfig,
  dtype: string,
  id: (token: string) => number,
): unknown {
  return {
    architectures: ['Qwen2_5_VLForConditionalGeneration'],
    model_type: 'qwen2_5_vl',
    dtype: dtype,
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
