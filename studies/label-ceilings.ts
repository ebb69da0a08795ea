// What no model can exceed that answers in one of a few ways: the agreement of opinion scores with their own coded forms.
import type { Stat } from '../src/metrics/index.ts';
import { plcc, srcc } from '../src/metrics/index.ts';
import type { AnswerOptions } from '../src/prompt/index.ts';
import { createAnswerCodec } from '../src/prompt/index.ts';

/** Codings that are compared, by name. */
export const codings: Readonly<Record<string, AnswerOptions>> = {
  'step 0.1': { step: 0.1 },
  'step 0.2': { step: 0.2 },
  'step 0.5': { step: 0.5 },
  'step 1': { step: 1 },
  'five levels': { kind: 'level' },
};

/** Agreement of scores with their coded forms. */
export interface LabelCeiling {
  /** Name of the coding. */
  coding: string;
  /** Different answers that occur. */
  answers: number;
  /** Spearman's correlation, ties at their mean rank. */
  srcc: Stat;
  /** Pearson's. */
  plcc: Stat;
}

/**
 * The agreement of opinion scores with what a model would answer that made no mistake. For SRCC it is no bound in the strict sense: of two
 * scores with one answer a model may guess which is higher, but has no answer to say it with.
 * @param mos - scores on 1–5
 * @returns for each of {@link codings} SRCC and PLCC of the scores and their coded forms
 * @throws UserError `bad-input` for a score beyond 1–5
 */
export function labelCeilings(mos: readonly number[]): LabelCeiling[] {
  return Object.entries(codings).map(([coding, options]) => {
    const codec = createAnswerCodec(options);
    const coded = mos.map((score) => codec.decode(codec.encode(score)));
    return { coding, answers: new Set(coded).size, srcc: srcc(coded, mos), plcc: plcc(coded, mos) };
  });
}
