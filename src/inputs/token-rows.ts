// A prompt and its answer as the rows of a training step: tokens, positions, and which rows are to predict which tokens.
import { invariant } from '../core/index.ts';
import type { AnswerSentence, EncodedPrompt, TextTokenizer, VisionSpan } from '../prompt/index.ts';
import { tokenizeAnswer } from '../prompt/index.ts';

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
  /** Rows of the prompt, P; the answer or the branches begin at this index. */
  promptLength: number;
}

/** A row whose logits are trained. */
export interface Target {
  /** Index of the row. */
  row: number;
  /** The token that its logits are to predict. */
  token: number;
  /**
   * Weight of its cross-entropy. The loss of a batch is the weighted sum over the sum of weights: with `integer-only` a sample's
   * weights add up to 1, so every sample counts the same; with the other rules each token weighs 1, as in ordinary fine-tuning.
   */
  weight: number;
}

/** A training example: prompt, answer with the end of its sentence, and the end of the turn. */
export interface Example extends TokenRows {
  /** The answer's characters; in a sentence those between its beginning and its end. */
  answer: string;
  /** The sentence that the answer stands in; left out where it stands alone. */
  sentence?: AnswerSentence;
  /** The trained rows, rising. */
  targets: Target[];
}

/**
 * Which tokens are targets.
 * - `integer-only`: the answer's characters alone;
 * - `response`: the answer, the end of the sentence that it stands in, and the end of the turn;
 * - `sentence`: all of that sentence and the end of the turn; `response` where the answer stands alone;
 * - `sequence`: every token of text, those of the chat template and the question among them. The first has no row before it, and
 *   placeholders of images and videos are no text.
 */
export type TargetRule = 'integer-only' | 'response' | 'sentence' | 'sequence';

/**
 * Gives the positions of tokens, as the model's family does.
 * @param length - tokens, T
 * @param visions - the images and videos among them, in order
 * @returns [3, T] positions, row-major: time, height, width
 */
export type Positions = (length: number, visions: readonly VisionSpan[]) => Int32Array;

/** What {@link buildExample} needs. */
export interface ExampleInput {
  /** How rows get their positions. */
  positions: Positions;
  /** The encoded prompt. */
  prompt: EncodedPrompt;
  /** The answer's characters. */
  answer: string;
  /** The model's tokenizer. */
  tokenizer: TextTokenizer;
  /** Id of the token that ends a turn, `<|im_end|>`. */
  endTokenId: number;
  /** Which tokens are targets. Default `integer-only`. */
  targets?: TargetRule;
}

/**
 * Builds a training example.
 * @param input - prompt, answer, tokenizer
 * @returns rows of prompt, answer and end token, with their targets
 * @throws UserError `not-supported` when the tokenizer joins the prompt's end with the answer's start, or an answer with the end of its
 *   sentence
 */
export function buildExample(input: ExampleInput): Example {
  const { prompt, answer, tokenizer, endTokenId, targets: rule = 'integer-only' } = input;
  const { tail, sentence } = prompt;
  const answerIds = tokenizeAnswer(tokenizer, tail, answer);
  const afterIds = sentence === undefined ? [] : tokenizeAnswer(tokenizer, tail + answer, sentence.after);
  const rows = promptRows(prompt, input.positions, [...answerIds, ...afterIds, endTokenId]);
  const { promptLength } = rows;
  const firsts = { sentence: promptLength - (sentence?.length ?? 0), sequence: 1 };
  const first = rule === 'sentence' || rule === 'sequence' ? firsts[rule] : promptLength;
  const end = rule === 'integer-only' ? promptLength + answerIds.length : rows.tokenIds.length;
  const weight = rule === 'integer-only' ? 1 / answerIds.length : 1;
  const targets: Target[] = [];
  for (let i = first; i < end; i++) {
    if (rows.visionSlots[i]! < 0) targets.push({ row: i - 1, token: rows.tokenIds[i]!, weight });
  }
  return { ...rows, answer, ...(sentence === undefined ? {} : { sentence }), targets };
}

/**
 * The rows of a prompt and of tokens that follow it as text: what generating an answer token by token feeds.
 * @param prompt - the encoded prompt
 * @param positions - how rows get their positions
 * @param continuation - token ids behind the prompt. Default none
 * @returns the rows
 */
export function promptRows(
  prompt: EncodedPrompt,
  positions: Positions,
  continuation: readonly number[] = [],
): TokenRows {
  const promptLength = prompt.tokenIds.length;
  const length = promptLength + continuation.length;
  const tokenIds = new Int32Array(length);
  tokenIds.set(prompt.tokenIds);
  tokenIds.set(continuation, promptLength);
  const visionSlots = new Int32Array(length).fill(-1);
  let slot = 0;
  for (const { start, length: count } of prompt.visions) {
    for (let i = 0; i < count; i++) visionSlots[start + i] = slot++;
  }
  return {
    tokenIds,
    positions: positions(length, prompt.visions),
    visionSlots,
    branchParent: new Int32Array(length).fill(-1),
    promptLength,
  };
}

/**
 * Rows with tokens behind them that follow as text, as {@link promptRows} gives them.
 * @param rows - rows whose last one is text
 */
export function continueRows(rows: TokenRows, tokens: readonly number[]): TokenRows {
  const before = rows.tokenIds.length;
  const length = before + tokens.length;
  const longer = (values: Int32Array): Int32Array => {
    const out = new Int32Array(length).fill(-1);
    out.set(values);
    return out;
  };
  const tokenIds = longer(rows.tokenIds);
  tokenIds.set(tokens, before);
  const positions = new Int32Array(3 * length);
  for (let axis = 0; axis < 3; axis++) {
    const own = rows.positions.subarray(axis * before, (axis + 1) * before);
    positions.set(own, axis * length);
    for (let i = 0; i < tokens.length; i++) positions[axis * length + before + i] = own[before - 1]! + 1 + i;
  }
  const { visionSlots, branchParent, promptLength } = rows;
  return { tokenIds, positions, visionSlots: longer(visionSlots), branchParent: longer(branchParent), promptLength };
}

/**
 * Drops the rows behind the last target (the answer's last token and the end of the turn): no target sees them, so the loss and
 * its gradient are the same with fewer rows to compute.
 * @param example - an example with at least one target
 * @returns the shorter example; its targets are the same
 */
export function trimToTargets(example: Example): Example {
  const last = example.targets.at(-1);
  invariant(last !== undefined, 'an example without targets cannot be trimmed');
  return { ...example, ...rowsFrom(example, 0, last.row + 1) };
}

/**
 * The rows after a prefix whose keys and values were computed separately. Positions stay those in the whole text.
 * @param rows - at least one row more than the beginning, whose rows are ordinary ones without vision
 * @param count - rows of the beginning
 */
export function rowsAfter(rows: TokenRows, count: number): TokenRows {
  const ordinary = rows.visionSlots.subarray(0, count).every((slot) => slot < 0);
  invariant(ordinary && count < rows.promptLength, `a beginning of ${count} rows is more than the text before vision`);
  const { branchParent, ...rest } = rowsFrom(rows, count, rows.tokenIds.length);
  return {
    ...rest,
    branchParent: branchParent.map((parent) => (parent < 0 ? parent : parent - count)),
    promptLength: rows.promptLength - count,
  };
}

function rowsFrom(rows: TokenRows, start: number, end: number): Omit<TokenRows, 'promptLength'> {
  const { tokenIds, positions, visionSlots, branchParent } = rows;
  const length = tokenIds.length;
  const count = end - start;
  const kept = new Int32Array(3 * count);
  for (let axis = 0; axis < 3; axis++) {
    kept.set(positions.subarray(axis * length + start, axis * length + end), axis * count);
  }
  return {
    tokenIds: tokenIds.slice(start, end),
    positions: kept,
    visionSlots: visionSlots.slice(start, end),
    branchParent: branchParent.slice(start, end),
  };
}
