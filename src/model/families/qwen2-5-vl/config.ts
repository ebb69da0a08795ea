// The sizes of a Qwen2.5-VL model, as the graph builders use them.
import type { TextConfig, VisionConfig } from '../sizes.ts';

/** Sizes of the text model. */
export interface QwenTextConfig extends TextConfig {
  /** Query heads. */
  numHeads: number;
  /** Key-value heads; divides `numHeads`. */
  numKvHeads: number;
  /** Width D of a head; even. */
  headDim: number;
  /** Width of the MLP. */
  intermediateSize: number;
  /** Base of the rotary frequencies. */
  ropeTheta: number;
  /** Rotary frequencies given to time, height and width; they add up to D/2. */
  mropeSection: [number, number, number];
  /** Epsilon of the norms. */
  rmsNormEps: number;
  /** Whether the head is the embedding. */
  tieWordEmbeddings: boolean;
}

/** Sizes of the vision tower. */
export interface QwenVisionConfig extends VisionConfig {
  /** Layers. */
  depth: number;
  /** Width. */
  hiddenSize: number;
  /** Heads. */
  numHeads: number;
  /** Width of the MLP. */
  intermediateSize: number;
  /** Width of the features it gives: the text model's. */
  outHiddenSize: number;
  /** Side of an attention window, in pixels. */
  windowSize: number;
  /** Layers that attend over the whole frame; the others within windows. */
  fullAttentionLayers: number[];
  /** Steps of the temporal position in a second. */
  tokensPerSecond: number;
}
