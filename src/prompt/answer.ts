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
  /** Whether it stands in a sentence: `The overall quality of the video is 34.` Default false. */
  sentence?: boolean;
}

/** What stands around an answer in a sentence. */
export interface AnswerSentence {
  /** Its beginning, which no score changes. */
  before: string;
  /** Its end. */
  after: string;
}

/** One answer that the model may give. */
export interface LegalAnswer {
  /** The answer's characters, as the model writes them; in a sentence those between its beginning and its end. */
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
   * What stands around an answer; null where it stands alone.
   * @param kind - what the sentence is about
   */
  sentence(kind: 'image' | 'video'): AnswerSentence | null;
  /**
   * @param mos - opinion score, 1–5
   * @returns the answer's characters
   * @throws UserError `bad-input` when the score is not a number of 1–5
   */
  encode(mos: number): string;
  /**
   * @param text - an answer; white space around it is ignored, as is the end of its sentence
   * @returns the score it stands for, 1–5
   * @throws UserError `bad-input` when it is no legal answer
   */
  decode(text: string): number;
  /**
   * @param text - what a model said in the place of an answer
   * @returns the score it stands for, 1–5; null when it is anything but a legal answer, to the character
   */
  read(text: string): number | null;
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
 * @param options - kind, step, sentence; default `integer` with step 0.1, that is 10 … 50, alone
 * @returns the codec
 * @throws UserError `bad-recipe` on an unknown kind or step, or on a step where the kind has none
 */
export function createAnswerCodec(options: AnswerOptions = {}): AnswerCodec {
  const { sentence = false, ...answer } = options;
  const alone = createPlainCodec(answer);
  return sentence ? sentenceCodec(alone) : { ...alone, sentence: () => null };
}

/** A codec of answers that stand alone. */
type PlainCodec = Omit<AnswerCodec, 'sentence'>;

/**
 * Tokenizers make one token of a word and the space before it, but not of a digit and the space before it: a word takes the space with
 * it, so that the tokens of the sentence's beginning are the same whatever follows.
 */
function sentenceCodec(alone: PlainCodec): AnswerCodec {
  const space = alone.kind === 'level' ? ' ' : '';
  const answers = alone.legalAnswers()?.map(({ text, value }) => ({ text: `${space}${text}`, value })) ?? null;
  const after = '.';
  return {
    ...alone,
    sentence: (kind) => ({ before: `The overall quality of the ${kind} is${space === '' ? ' ' : ''}`, after }),
    encode: (mos) => `${space}${alone.encode(mos)}`,
    decode: (text) => alone.decode(text.trimEnd().endsWith(after) ? text.trimEnd().slice(0, -after.length) : text),
    read: (text) => (text.startsWith(space) ? alone.read(text.slice(space.length)) : null),
    legalAnswers: () => answers,
  };
}

function createPlainCodec({ kind = 'integer', step }: Omit<AnswerOptions, 'sentence'>): PlainCodec {
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

function steppedCodec(kind: AnswerKind, step: AnswerStep, write: (tenths: number) => string): PlainCodec {
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
): PlainCodec {
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
    read: (text) => byText.get(text) ?? null,
    legalAnswers: () => answers,
  };
}

/** Five bins of equal width, open below and closed above (Q-Align, arXiv 2312.17090, eq. 1). */
function levelIndex(mos: number): number {
  return Math.max(0, Math.ceil(decimal(((mos - 1) * 5) / 4)) - 1);
}

function readRaw(text: string): number | null {
  const value = /^\d(\.\d*)?$/.test(text) ? Number(text) : NaN;
  return value >= 1 && value <= 5 ? value : null;
}

const rawCodec: PlainCodec = {
  kind: 'raw',
  step: undefined,
  encode: (mos) => String(decimal(checkedScore(mos))),
  decode: (text) => {
    const value = readRaw(text.trim());
    if (value === null) throw new UserError('bad-input', `answer: expected a number of 1–5, got ${show(text)}`);
    return value;
  },
  read: readRaw,
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
