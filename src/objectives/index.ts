/**
 * What training minimises: one file for each loss, as data that any engine computes.
 * @module objectives
 */
import { expectedScore } from './expected-score.ts';
import { integerOnly } from './integer-only.ts';
import { response } from './response.ts';
import { softLabel } from './soft-label.ts';
import { softmaxRegression } from './softmax-regression.ts';
import type { Objective } from './types.ts';

export type { AnswerTerm, Objective, ObjectiveContext, ObjectiveForm } from './types.ts';

/** Losses by the name that they have in a recipe. */
export const objectives = {
  'integer-only': integerOnly,
  response,
  'softmax-regression': softmaxRegression,
  'soft-label': softLabel,
  'expected-score': expectedScore,
} as const satisfies Readonly<Record<string, Objective>>;

/** A name of {@link objectives}. */
export type Loss = keyof typeof objectives;

/** The names of {@link objectives}. */
export const losses: readonly [Loss, ...Loss[]] = Object.keys(objectives) as [Loss, ...Loss[]];
