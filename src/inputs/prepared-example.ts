// What an engine is given of a clip: plain data, complete, the same for every engine.
import type { TrieAnswer } from '../prompt/index.ts';
import type { FeatureArray, PatchGrid } from '../model/index.ts';
import type { PatchOptions, RgbFrame } from '../video/index.ts';
import type { Target, TokenRows } from './token-rows.ts';

/** One image or video of a clip, of the size that the model sees. The engine normalises it and cuts it into patches. */
export interface PreparedPicture {
  /** Image or video. */
  kind: 'image' | 'video';
  /** Frames of 8-bit RGB, all of one size; an image is one frame. */
  frames: readonly RgbFrame[];
  /** Its size in patches. */
  grid: PatchGrid;
  /** Sizes of a patch; mean and standard deviation of each channel, of values in 0–1. */
  patches: PatchOptions;
}

/** What the model sees of a clip. */
export type PreparedVision =
  | {
      /** Features of a frozen tower, as `Engine.encode` gave them. */
      kind: 'features';
      /** Numbers whose layout is the model family's. */
      features: FeatureArray;
    }
  | {
      /** Pixels, for a tower that trains. */
      kind: 'pictures';
      /** The images and videos of the clip, in the order in which the prompt has them. */
      pictures: readonly PreparedPicture[];
    };

/** Rows whose logits give the probability of every legal answer. */
export interface AnswerTree {
  /** [N] row whose logits predict what follows a node of the trie; the root's is the prompt's last row. */
  nodeRows: Int32Array;
  /** [K] token ids whose logits are wanted (beside the sum over the whole vocabulary), rising. */
  columns: Int32Array;
  /** The legal answers; `path[i].node` indexes `nodeRows` and `path[i].column` indexes `columns`. */
  answers: readonly TrieAnswer[];
}

/** What the distribution over the legal answers is trained towards. */
export interface AnswerTarget {
  /** The opinion score, 1–5. */
  score: number;
  /** Standard deviation of the votes behind it, on 1–5; left out where it is not known, or the objective does not need it. */
  std?: number;
  /** [A] a distribution over the answers, which adds up to 1; null where the objective needs none. */
  label: Float32Array | null;
}

/** What is wanted of an example. */
export type Wanted =
  | {
      /** Tokens at some rows: a loss over tokens. */
      kind: 'tokens';
      /** Rows and what their logits are to predict, rising; at least one. */
      targets: readonly Target[];
    }
  | {
      /** The distribution over the legal answers: a score, or a loss over answers. */
      kind: 'answers';
      /** The rows that give it. */
      tree: AnswerTree;
      /** What it is trained towards; null in scoring. */
      target: AnswerTarget | null;
    }
  | {
      /** Text behind the prompt, generated. */
      kind: 'text';
    };

/** A clip with its prompt as one example for an engine. */
export interface PreparedExample {
  /** Tokens, positions, who sees whom. */
  rows: TokenRows;
  /** What the model sees. */
  vision: PreparedVision;
  /** What is wanted of it. */
  wanted: Wanted;
  /** Key of its dropout: a hash of seed, epoch and sample; 0 where nothing is dropped. */
  dropoutKey: number;
}
