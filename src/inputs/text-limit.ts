// How long a clip's text may be: what is more is an error of that clip.
import { UserError } from '../core/index.ts';

/** How long a clip's text may be; the same in `score`, `train`, ensembles and the library. */
export interface TextLimits {
  /**
   * Most tokens of a clip's text: the question with the text prompt in it, frames aside. Default 4096. Memory grows with the square of
   * all tokens.
   */
  maxTextTokens?: number;
}

/** Most tokens of text where nothing else is asked for. Prompts of generated videos have 20 to 500, Qwen's longest question 4,000. */
export const MAX_TEXT_TOKENS = 4096;

/** Most characters of a text for each token that it may have: a longer one is refused before it is tokenized. */
const CHARACTERS_A_TOKEN = 16;

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
