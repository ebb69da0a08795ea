// How large one clip may be: tokens of its text, and memory that looking at it takes. What is more is an error of that clip.
import { UserError, formatSize, machineMemory } from '../core/index.ts';
import type { TextConfig } from '../model/index.ts';

/** Limits of one clip; the same in `score`, `train`, ensembles and the library. */
export interface ClipLimits {
  /**
   * Most tokens of a clip's text: the question with the text prompt in it, frames aside. Default 4096. Memory grows with the square of
   * all tokens.
   */
  maxTextTokens?: number;
  /**
   * Most memory that one run of the model may take beside its weights, in bytes, as it is forecast. Default: four fifths of the
   * machine's (or the container's), on the CPU; no limit on other providers, whose memory is not known.
   */
  maxMemory?: number;
}

/** Most tokens of text where nothing else is asked for. Prompts of generated videos have 20 to 500, Qwen's longest question 4,000. */
export const MAX_TEXT_TOKENS = 4096;

/** Most characters of a text for each token that it may have: a longer one is refused before it is tokenized. */
const CHARACTERS_A_TOKEN = 16;

/** Memory of one run where nothing else is asked for, on the CPU. */
export function defaultMaxMemory(): number {
  return 0.8 * machineMemory();
}

const count = (n: number): string => n.toLocaleString('en');

/**
 * What is thrown for a text that is too long.
 * @param got - how long it is
 * @param maxTextTokens - the limit
 */
function tooLong(got: string, maxTextTokens: number): UserError {
  return new UserError('bad-input', `text: expected at most ${count(maxTextTokens)} tokens, got ${got}`, {
    hint: 'Is the text prompt in the right column? --max-text-tokens N (prompt.maxTextTokens in a recipe) allows more.',
  });
}

/**
 * Refuses a question before it is tokenized.
 * @param question - the question with the text prompt in it
 * @param maxTextTokens - the limit
 * @throws UserError `bad-input` when it has more than 16 characters for each token
 */
export function requireShort(question: string, maxTextTokens: number): void {
  if (question.length > CHARACTERS_A_TOKEN * maxTextTokens)
    throw tooLong(`${count(question.length)} characters`, maxTextTokens);
}

/**
 * Refuses a prompt with too many tokens of text.
 * @param prompt - all its tokens, and which of them stand for frames
 * @param maxTextTokens - the limit
 * @throws UserError `bad-input`
 */
export function requireFewTokens(
  { tokenIds, visions }: { tokenIds: ArrayLike<number>; visions: readonly { length: number }[] },
  maxTextTokens: number,
): void {
  const text = tokenIds.length - visions.reduce((total, { length }) => total + length, 0);
  if (text > maxTextTokens) throw tooLong(count(text), maxTextTokens);
}

/**
 * Memory that the decoder layers take at most, roughly, in bytes: what is surely enough needs no exact forecast.
 * @param text - sizes of the text model
 * @param sizes - clips of the batch, tokens of the longest, and tokens before them that all clips share
 * @param layers - layers whose values are held at a time: 1 without a backward pass
 */
export function roughBytes(
  text: TextConfig,
  { clips, rows, past = 0 }: { clips: number; rows: number; past?: number },
  layers = 1,
): number {
  const { numHeads, hiddenSize, intermediateSize } = text;
  const square = 5 * numHeads * rows * (past + rows);
  const linear = rows * (6 * intermediateSize + 20 * hiddenSize) + past * 4 * hiddenSize;
  return 8 * clips * layers * (square + linear);
}

/**
 * Refuses a clip that needs more memory than there is.
 * @param bytes - the forecast
 * @param maxMemory - the limit, in bytes
 * @param tokens - the clip's tokens, for the message
 * @param what - what is to be done with it
 * @throws UserError `not-supported`
 */
export function requireMemory(bytes: number, maxMemory: number, tokens: number, what: string): void {
  if (bytes <= maxMemory) return;
  throw new UserError(
    'not-supported',
    `${what} a clip of ${count(tokens)} tokens: expected at most ${formatSize(maxMemory)} of memory, got a forecast of ${formatSize(bytes)}`,
    {
      hint: 'A shorter text or smaller or fewer frames need less; --max-memory SIZE (run.maxMemory in a recipe) allows more.',
    },
  );
}
