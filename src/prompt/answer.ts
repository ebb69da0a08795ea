// Answer codecs: an opinion score (MOS on 1–5) to the text that the model is to answer, and back.
import { show, UserError } from '../core/index.ts';

/**
 * How an answer is written.
 * - `integer`: ten times the score, two digits (`34`);
 * - `decimal`: the score with one decimal (`3.4`);
 * - `level`: one of the five ITU words, `excellent` to `bad`;
 * - `raw`: the score with all its decimals; no finite set of answers.
 */
export type AnswerKind = 'integer' | 'decimal' | 'level' | 'raw';

/** Distance between two neighbouring answers, on the 1–5 scale; all of 1, 0.5, 0.2 and 0.1 divide it evenly. */
export type AnswerStep = 0.1 | 0.2 | 0.5 | 1;

/** What an {@link AnswerCodec} is made from; the adapter's card holds it. */
export interface AnswerOptions {
  /** How an answer is written. Default `integer`. */
  kind?: AnswerKind;
  /** Step of `integer` and `decimal`, on the 1–5 scale. Default 0.1. An error with `level` and `raw`. */
  step?: AnswerStep;
}

/** One answer that the model may give. */
export interface LegalAnswer {
  /** The answer's characters, as the model writes them. */
  text: string;
  /** The score it stands for, on 1–5. */
  value: number;
}

/** Turns scores into answers and back. */
export interface AnswerCodec {
  /** How an answer is written. */
  readonly kind: AnswerKind;
  /** Distance between neighbouring answers on 1–5; undefined for `level` and `raw`. */
  readonly step: AnswerStep | undefined;
  /**
   * @param mos - opinion score, 1–5
   * @returns the answer's characters
   * @throws UserError `bad-input` when the score is not a number of 1–5
   */
  encode(mos: number): string;
  /**
   * @param text - an answer; white space around it is ignored
   * @returns the score it stands for, 1–5
   * @throws UserError `bad-input` when it is no legal answer
   */
  decode(text: string): number;
  /** All answers in rising order of value, or null when they are not a finite set (`raw`). */
  legalAnswers(): readonly LegalAnswer[] | null;
}

/** The five words of ITU-T P.910 and their scores, as every level-based scorer uses them; rising. */
const levels: readonly LegalAnswer[] = [
  { text: 'bad', value: 1 },
  { text: 'poor', value: 2 },
  { text: 'fair', value: 3 },
  { text: 'good', value: 4 },
  { text: 'excellent', value: 5 },
];

/**
 * Makes a codec.
 * @param options - kind and step; default `integer` with step 0.1, that is 10 … 50
 * @returns the codec
 * @throws UserError `bad-recipe` on an unknown kind or step, or on a step where the kind has none
 */
export function createAnswerCodec(options: AnswerOptions = {}): AnswerCodec {
  const { kind = 'integer', step } = options;
  switch (kind) {
    case 'integer':
      return steppedCodec(kind, step ?? 0.1, (tenths) => String(tenths));
    case 'decimal':
      return steppedCodec(kind, step ?? 0.1, (tenths) => (tenths / 10).toFixed(1));
    case 'level':
      refuseStep(kind, step);
      return finiteCodec(kind, undefined, levels, levelIndex);
    case 'raw':
      refuseStep(kind, step);
      return rawCodec;
    default:
      throw new UserError('bad-recipe', `answer.kind: expected integer, decimal, level or raw, got ${show(kind)}`);
  }
}

function refuseStep(kind: AnswerKind, step: number | undefined): void {
  if (step === undefined) return;
  throw new UserError('bad-recipe', `answer.step: expected none with ${kind} answers, got ${step}`, {
    hint: 'Remove answer.step, or choose integer or decimal answers.',
  });
}

function steppedCodec(kind: AnswerKind, step: AnswerStep, write: (tenths: number) => string): AnswerCodec {
  if (![0.1, 0.2, 0.5, 1].includes(step)) {
    throw new UserError('bad-recipe', `answer.step: expected 0.1, 0.2, 0.5 or 1, got ${show(step)}`);
  }
  const stepTenths = Math.round(step * 10);
  const answers: LegalAnswer[] = [];
  for (let tenths = 10; tenths <= 50; tenths += stepTenths) answers.push({ text: write(tenths), value: tenths / 10 });
  // Half away from zero. The score is meant as a decimal number: 3.45 is half way although its double may lie below.
  return finiteCodec(kind, step, answers, (mos) => Math.floor(decimal((mos - 1) / step) + 0.5));
}

function finiteCodec(
  kind: AnswerKind,
  step: AnswerStep | undefined,
  answers: readonly LegalAnswer[],
  indexOf: (mos: number) => number,
): AnswerCodec {
  const byText = new Map(answers.map((answer) => [answer.text, answer.value]));
  const shown = `one of ${answers[0]!.text} … ${answers.at(-1)!.text}`;
  return {
    kind,
    step,
    encode: (mos) => answers[indexOf(checkedScore(mos))]!.text,
    decode: (text) => {
      const value = byText.get(text.trim());
      if (value === undefined) throw new UserError('bad-input', `answer: expected ${shown}, got ${show(text)}`);
      return value;
    },
    legalAnswers: () => answers,
  };
}

/** Five bins of equal width, open below and closed above (Q-Align, arXiv 2312.17090, eq. 1). */
function levelIndex(mos: number): number {
  return Math.max(0, Math.ceil(decimal(((mos - 1) * 5) / 4)) - 1);
}

const rawCodec: AnswerCodec = {
  kind: 'raw',
  step: undefined,
  encode: (mos) => String(decimal(checkedScore(mos))),
  decode: (text) => {
    const trimmed = text.trim();
    const value = /^\d(\.\d*)?$/.test(trimmed) ? Number(trimmed) : NaN;
    if (!(value >= 1 && value <= 5)) {
      throw new UserError('bad-input', `answer: expected a number of 1–5, got ${show(text)}`);
    }
    return value;
  },
  legalAnswers: () => null,
};

/** Drops the rounding noise that linear maps between scales leave in the last bits of a double. */
function decimal(x: number): number {
  return Number(x.toPrecision(12));
}

function checkedScore(mos: number): number {
  const clean = decimal(mos);
  if (!(clean >= 1 && clean <= 5)) {
    throw new UserError('bad-input', `mos: expected a number of 1–5, got ${show(mos)}`, {
      hint: 'Declare the scale of the scores, so that they are mapped to 1–5.',
    });
  }
  return clean;
}
