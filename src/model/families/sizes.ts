// What every family's models are described by outside its folder: sizes, ids, picture settings, spans and rows of tokens.

/** Sizes of a text model that all families have; a family's own type has more. */
export interface TextConfig {
  /** Width C. */
  hiddenSize: number;
  /** Decoder layers. */
  numLayers: number;
  /** Tokens of the vocabulary. */
  vocabSize: number;
}

/** Sizes of a vision tower that all families have; a family's own type has more. */
export interface VisionConfig {
  /** Side of a patch, in pixels. */
  patchSize: number;
  /** Frames in a patch. */
  temporalPatchSize: number;
  /** Patches merged along each side into one token. */
  spatialMergeSize: number;
  /** Colour channels. */
  inChannels: number;
}

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
export interface ModelConfig<T extends TextConfig = TextConfig, V extends VisionConfig = VisionConfig> {
  /** Sizes of the text model. */
  text: T;
  /** Sizes of the vision tower. */
  vision: V;
  /** Ids of the vision tokens. */
  tokens: VisionTokens;
}

/** A grid of patches of one image or video: temporal patches, rows, columns. */
export interface PatchGrid {
  /** Temporal patches; 1 for an image. */
  t: number;
  /** Rows of patches; a multiple of the merge size. */
  h: number;
  /** Columns of patches; a multiple of the merge size. */
  w: number;
}

/** Patches of one image or video. */
export interface VisionPatches {
  /** Size in patches. */
  grid: PatchGrid;
  /** [t·h·w, pixels of a patch], in the processor's order. */
  pixels: Float32Array;
}

/** One image or video of a prompt. */
export interface VisionInput {
  /** Image or video. */
  kind: 'image' | 'video';
  /** Its size in patches. */
  grid: PatchGrid;
  /** Seconds from one temporal patch to the next: temporal patch size / sampled frames a second. Videos only; default 1. */
  secondsPerGrid?: number;
}

/** Where an image or video lies in a prompt. */
export interface VisionSpan extends VisionInput {
  /** Index of its first token. */
  start: number;
  /** How many tokens it takes. */
  length: number;
}

/** Rows of tokens for the model; T of them. */
export interface TokenRows {
  /** [T] token ids. */
  tokenIds: Int32Array;
  /** [3, T] positions, row-major: time, height, width. */
  positions: Int32Array;
  /** [T] row of the clip's vision features (images or videos one after the other) that stands for this token, or -1. */
  visionSlots: Int32Array;
  /**
   * [T] who sees what. -1: an ordinary row, which sees itself and all rows before it. Otherwise: a branch, which sees itself and
   * what the row of this index sees.
   */
  branchParent: Int32Array;
}

/**
 * Which transformers the positions of videos are those of.
 * - `transformers` (5.18): the time index of a temporal patch is the whole part of patch · seconds per patch · tokens a second;
 * - `transformers-5.17`: seconds per patch are truncated to whole ones first, so that all frames sampled at more than two a
 *   second share one time index.
 */
export type PositionRule = 'transformers' | 'transformers-5.17';
