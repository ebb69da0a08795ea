// What a loss is to the rest of the program, as data: an engine implements forms, and knows no objective by its name.
import type { Positions, PreparedExample, PromptProcessor, TargetRule } from '../inputs/index.ts';
import type { AnswerTrie, EncodedPrompt } from '../prompt/index.ts';

/**
 * A term of a loss over the distribution over the legal answers, for one clip; p is the probability over the full vocabulary, and q is p
 * normalised over the legal answers.
 * - `squared-error`: (Σ q(a) · value(a) − score)², on 1–5;
 * - `log-mass`: − log Σ p(a): without it, nothing would keep the model from saying something else;
 * - `cross-entropy`: − Σ label(a) · log q(a).
 *
 * One term is about pairs of clips, each two of a group of `groupSize` neighbours:
 * - `fidelity`: 1 − √(p·p̂) − √((1 − p)(1 − p̂)), its mean over all pairs of the update. p is the probability that raters find the first
 *   clip better (`probabilityBetter`); p̂ = Φ((E − E′) / √(V + V′ + 0.01)) with mean E and variance V of value(a) under q, on 1–5,
 *   kept within 1e-6 and 1 − 1e-6.
 */
export type AnswerTerm = 'squared-error' | 'log-mass' | 'cross-entropy' | 'fidelity';

/** What an engine computes for an objective. */
export type ObjectiveForm =
  | {
      /**
       * Cross-entropy over the full vocabulary at the target rows: Σ weight · − log softmax(logits)[token], over the sum of all
       * weights of the update.
       */
      over: 'tokens';
      /**
       * Examples that must go through the model together: those of an update are taken in groups of so many, in their order; the last
       * group of an epoch may be smaller. `batchSize` and `microBatch` must be multiples of it.
       */
      groupSize: number;
    }
  | {
      /** The mean over the clips of an update of the sum of the terms; of those about pairs, over its pairs. */
      over: 'answers';
      /** At least one. */
      terms: readonly AnswerTerm[];
      /** Factors of terms; 1 where it is left out. */
      weights?: Readonly<Partial<Record<AnswerTerm, number>>>;
      /** As above. */
      groupSize: number;
    };

/** What an objective is told of a clip. */
export interface RatedPrompt {
  /** The prompt's tokens. */
  prompt: EncodedPrompt;
  /** The opinion score, 1–5. */
  mos5: number;
  /** Standard deviation of the votes on 1–5; undefined where the table has none. */
  std5?: number | undefined;
}

/** What an objective works with, the same for all clips of a run. */
export interface ObjectiveContext {
  /** Tokenizer and answer code. */
  processor: PromptProcessor;
  /** How rows get their positions. */
  positions: Positions;
  /** The trie of legal answers; null where the answers are no finite set (`raw`). */
  trie: AnswerTrie | null;
  /** Standard deviation of a label where the table has none, on 1–5. */
  softLabelStd: number;
}

/** A loss. */
export interface Objective {
  /** What it minimises, as a part of the sentence in the recipe's documentation. */
  about: string;
  /** Which tokens of an answer it is about: what the mask shows as trained. */
  targets: TargetRule;
  /** What an engine computes, with a weight of 1 for each term. */
  form: ObjectiveForm;
  /** The term that `auxiliaryWeight` of a recipe multiplies; left out where the loss has none. */
  auxiliary?: AnswerTerm;
  /**
   * The rows of a clip and what is wanted of them.
   * @param clip - its prompt and opinion score
   * @param context - of the run
   */
  prepare: (clip: RatedPrompt, context: ObjectiveContext) => Pick<PreparedExample, 'rows' | 'wanted'>;
}
