// What is read out of a distribution over the legal answers, or of a generated answer, on the user's scale.
import type { MosScale } from '../dataset/index.ts';
import { fromMos5, stdFromMos5 } from '../dataset/index.ts';
import type { AnswerDistribution } from '../engine/index.ts';
import type { AnswerCodec, AnswerSentence } from '../prompt/index.ts';

/** What a model says of a clip. */
export interface Prediction {
  /** The score on the user's scale: the mean of the distribution, or the generated answer with `raw`. */
  score: number;
  /** The greedy answer's characters: what the paper reads out at temperature 0. In a sentence those behind its beginning. */
  answer: string;
  /** The greedy answer as an integer, 10 to 50: ten times the score that it stands for on 1–5, rounded. */
  integer: number;
  /** Standard deviation of the distribution, on the user's scale; null with `raw`. */
  std: number | null;
  /** How much of the full-vocabulary probability lies on legal answers, 0 to 1; null with `raw`. */
  legalMass: number | null;
  /** Probability of each legal answer, in rising order of value; null with `raw`. */
  probabilities: number[] | null;
}

/** What a model says by itself: text generated at temperature 0, of which nothing is given but the question. */
export interface FreeAnswer {
  /** Its characters up to the end of the turn, or up to the limit of tokens; U+FFFD alone where a token has no text. */
  text: string;
  /** Whether it is one legal answer to the character, then the end of the turn, and nothing else; in a sentence the whole sentence. */
  isLegal: boolean;
  /** The score that a legal answer stands for, on the user's scale; null for any other text. */
  value: number | null;
}

/**
 * Reads a distribution out.
 * @param distribution - over the codec's legal answers
 * @param codec - how answers are written
 * @param scale - the user's
 */
export function predictionOf(
  { mean, std, legalMass, greedy, probabilities }: AnswerDistribution,
  codec: AnswerCodec,
  scale: MosScale,
): Prediction {
  const { text, value } = codec.legalAnswers()![greedy]!;
  return {
    score: fromMos5(scale, mean),
    answer: text.trim(),
    integer: Math.round(value * 10),
    std: stdFromMos5(scale, std),
    legalMass,
    probabilities: [...probabilities],
  };
}

/**
 * Reads a generated answer.
 * @param answer - its characters
 * @param codec - how answers are written
 * @param scale - the user's
 * @throws UserError `bad-input` when it is no score
 */
export function predictionOfText(answer: string, codec: AnswerCodec, scale: MosScale): Prediction {
  const value = codec.decode(answer);
  return {
    score: fromMos5(scale, value),
    answer,
    integer: Math.round(value * 10),
    std: null,
    legalMass: null,
    probabilities: null,
  };
}

/**
 * Reads what a model said by itself.
 * @param text - its characters
 * @param hasEnded - whether the turn ended behind them
 * @param sentence - what stands around an answer; undefined where it stands alone
 * @param codec - how answers are written
 * @param scale - the user's
 */
export function freeAnswerOf(
  text: string,
  hasEnded: boolean,
  sentence: AnswerSentence | undefined,
  codec: AnswerCodec,
  scale: MosScale,
): FreeAnswer {
  const { before, after } = sentence ?? { before: '', after: '' };
  const isFramed = text.startsWith(before) && text.slice(before.length).endsWith(after);
  const value = hasEnded && isFramed ? codec.read(text.slice(before.length, text.length - after.length)) : null;
  return { text, isLegal: value !== null, value: value === null ? null : fromMos5(scale, value) };
}
