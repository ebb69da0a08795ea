// Sizes of randomly initialised models: small ones to train and test with, and those of the real checkpoints to measure with.
import type { QwenTextConfig, QwenVisionConfig } from './config.ts';

/** Sizes of a randomly initialised model. */
export interface ModelSize {
  /** What it is for. */
  about: string;
  /** The text model; its vocabulary is the tokenizer's where it is 0. */
  text: Omit<QwenTextConfig, 'headDim' | 'ropeTheta' | 'rmsNormEps'>;
  /** The vision tower. */
  vision: Omit<
    QwenVisionConfig,
    'outHiddenSize' | 'inChannels' | 'patchSize' | 'temporalPatchSize' | 'spatialMergeSize'
  > & {
    /** Side of a patch in pixels; default 14. */
    patchSize?: number;
  };
}

/** The tower of the 3B and 7B models. */
const realVision: ModelSize['vision'] = {
  depth: 32,
  hiddenSize: 1280,
  numHeads: 16,
  intermediateSize: 3420,
  windowSize: 112,
  fullAttentionLayers: [7, 15, 23, 31],
  tokensPerSecond: 2,
};

/** That of the 32B and 72B models. */
const largeVision: ModelSize['vision'] = { ...realVision, intermediateSize: 3456 };

/** A name of {@link modelSizes}. */
export type ModelSizeName =
  | 'tiny'
  | 'nano-2m'
  | 'nano'
  | 'nano-16m'
  | 'small'
  | 'bench-304m'
  | 'qwen2.5-vl-3b'
  | 'qwen2.5-vl-7b'
  | 'qwen2.5-vl-32b'
  | 'qwen2.5-vl-72b';

/** Sizes by name; those of the published models are of their config.json on the hub. */
export const modelSizes: Readonly<Record<ModelSizeName, ModelSize>> = {
  tiny: {
    about: 'about 150 thousand parameters, for tests',
    text: {
      hiddenSize: 48,
      numLayers: 2,
      numHeads: 4,
      numKvHeads: 2,
      intermediateSize: 96,
      vocabSize: 0,
      mropeSection: [2, 2, 2],
      tieWordEmbeddings: true,
    },
    vision: {
      depth: 2,
      hiddenSize: 32,
      numHeads: 2,
      intermediateSize: 64,
      windowSize: 56,
      fullAttentionLayers: [1],
      tokensPerSecond: 2,
    },
  },
  'nano-2m': {
    about: 'about a third of nano, for npm run nano:pretrain',
    text: {
      hiddenSize: 112,
      numLayers: 4,
      numHeads: 4,
      numKvHeads: 2,
      intermediateSize: 288,
      vocabSize: 0,
      mropeSection: [4, 5, 5],
      tieWordEmbeddings: true,
    },
    vision: {
      patchSize: 16,
      depth: 6,
      hiddenSize: 112,
      numHeads: 4,
      intermediateSize: 288,
      windowSize: 128,
      fullAttentionLayers: [2, 5],
      tokensPerSecond: 2,
    },
  },
  nano: {
    about: 'about 5 million parameters, for npm run nano:pretrain',
    text: {
      hiddenSize: 192,
      numLayers: 4,
      numHeads: 6,
      numKvHeads: 2,
      intermediateSize: 512,
      vocabSize: 0,
      mropeSection: [4, 6, 6],
      tieWordEmbeddings: true,
    },
    vision: {
      patchSize: 16, // two blocks of JPEG a side, which lie alike in every patch
      depth: 6,
      hiddenSize: 192,
      numHeads: 6,
      intermediateSize: 512,
      windowSize: 128,
      fullAttentionLayers: [2, 5],
      tokensPerSecond: 2,
    },
  },
  'nano-16m': {
    about: 'about three times nano, for npm run nano:pretrain',
    text: {
      hiddenSize: 320,
      numLayers: 4,
      numHeads: 8,
      numKvHeads: 2,
      intermediateSize: 960,
      vocabSize: 0,
      mropeSection: [4, 8, 8],
      tieWordEmbeddings: true,
    },
    vision: {
      patchSize: 16,
      depth: 6,
      hiddenSize: 320,
      numHeads: 8,
      intermediateSize: 960,
      windowSize: 128,
      fullAttentionLayers: [2, 5],
      tokensPerSecond: 2,
    },
  },
  small: {
    about: 'about 5 million parameters, to train from scratch on a CPU',
    text: {
      hiddenSize: 192,
      numLayers: 4,
      numHeads: 6,
      numKvHeads: 2,
      intermediateSize: 512,
      vocabSize: 0,
      mropeSection: [4, 6, 6],
      tieWordEmbeddings: true,
    },
    vision: {
      depth: 6,
      hiddenSize: 192,
      numHeads: 6,
      intermediateSize: 512,
      windowSize: 112,
      fullAttentionLayers: [2, 5],
      tokensPerSecond: 2,
    },
  },
  'bench-304m': {
    about: '304 million parameters, the model that speed is measured with',
    text: {
      hiddenSize: 896,
      numLayers: 8,
      numHeads: 14,
      numKvHeads: 2,
      intermediateSize: 4864,
      vocabSize: 151_936,
      mropeSection: [8, 12, 12],
      tieWordEmbeddings: true,
    },
    vision: {
      depth: 8,
      hiddenSize: 640,
      numHeads: 8,
      intermediateSize: 1708,
      windowSize: 112,
      fullAttentionLayers: [3, 7],
      tokensPerSecond: 2,
    },
  },
  'qwen2.5-vl-3b': {
    about: 'the sizes of Qwen2.5-VL-3B, 7.5 GB in bf16, to measure with',
    text: {
      hiddenSize: 2048,
      numLayers: 36,
      numHeads: 16,
      numKvHeads: 2,
      intermediateSize: 11_008,
      vocabSize: 151_936,
      mropeSection: [16, 24, 24],
      tieWordEmbeddings: true,
    },
    vision: realVision,
  },
  'qwen2.5-vl-7b': {
    about: 'the sizes of Qwen2.5-VL-7B, 16.6 GB in bf16, to measure with',
    text: {
      hiddenSize: 3584,
      numLayers: 28,
      numHeads: 28,
      numKvHeads: 4,
      intermediateSize: 18_944,
      vocabSize: 152_064,
      mropeSection: [16, 24, 24],
      tieWordEmbeddings: false,
    },
    vision: realVision,
  },
  'qwen2.5-vl-32b': {
    about: 'the sizes of Qwen2.5-VL-32B, 67 GB in bf16, for estimates',
    text: {
      hiddenSize: 5120,
      numLayers: 64,
      numHeads: 40,
      numKvHeads: 8,
      intermediateSize: 27_648,
      vocabSize: 152_064,
      mropeSection: [16, 24, 24],
      tieWordEmbeddings: false,
    },
    vision: largeVision,
  },
  'qwen2.5-vl-72b': {
    about: 'the sizes of Qwen2.5-VL-72B, 147 GB in bf16, for estimates',
    text: {
      hiddenSize: 8192,
      numLayers: 80,
      numHeads: 64,
      numKvHeads: 8,
      intermediateSize: 29_568,
      vocabSize: 152_064,
      mropeSection: [16, 24, 24],
      tieWordEmbeddings: false,
    },
    vision: largeVision,
  },
};

/** Presets of published models by their names on the hub. */
const published: Readonly<Record<string, ModelSizeName>> = {
  'Qwen/Qwen2.5-VL-3B-Instruct': 'qwen2.5-vl-3b',
  'Qwen/Qwen2.5-VL-7B-Instruct': 'qwen2.5-vl-7b',
  'Qwen/Qwen2.5-VL-32B-Instruct': 'qwen2.5-vl-32b',
  'Qwen/Qwen2.5-VL-72B-Instruct': 'qwen2.5-vl-72b',
};

/**
 * The name of the size that a name stands for.
 * @param name - of the hub, with or without `@REVISION`, or of {@link modelSizes}
 * @returns the size; null for other names
 */
export function presetNamed(name: string): ModelSizeName | null {
  const preset = published[name.split('@')[0]!] ?? name;
  return Object.hasOwn(modelSizes, preset) ? (preset as ModelSizeName) : null;
}

/** Sizes as config.json gives them. */
export interface SizeConfig {
  /** The text model. */
  text: QwenTextConfig;
  /** The vision tower. */
  vision: QwenVisionConfig;
}

/**
 * A size as config.json would give it.
 * @param vocabSize - tokens of the tokenizer, where the size leaves that open
 */
export function configOfSize(size: ModelSize, vocabSize: number): SizeConfig {
  const text: QwenTextConfig = {
    ...size.text,
    vocabSize: size.text.vocabSize === 0 ? vocabSize : size.text.vocabSize,
    headDim: size.text.hiddenSize / size.text.numHeads,
    ropeTheta: 1e6,
    rmsNormEps: 1e-6,
  };
  const vision: QwenVisionConfig = {
    ...size.vision,
    outHiddenSize: text.hiddenSize,
    inChannels: 3,
    patchSize: size.vision.patchSize ?? 14,
    temporalPatchSize: 2,
    spatialMergeSize: 2,
  };
  return { text, vision };
}
