/**
 * What training minimises: one file for each loss, as data that any engine computes.
 * @module objectives
 */
import { expectedScore } from './expected-score.ts';
import { fidelity } from './fidelity.ts';
import { integerOnly } from './integer-only.ts';
import { regressionAware } from './regression-aware.ts';
import { response } from './response.ts';
import { sentence } from './sentence.ts';
import { sequence } from './sequence.ts';
import { softLabel } from './soft-label.ts';
import { softmaxRegression } from './softmax-regression.ts';
import type { Objective, ObjectiveForm } from './types.ts';

export { probabilityBetter } from './fidelity.ts';
export type { AnswerTerm, Objective, ObjectiveContext, ObjectiveForm } from './types.ts';

/** Names of losses, as recipes have them. */
export type Loss =
  | 'integer-only'
  | 'response'
  | 'sentence'
  | 'sequence'
  | 'softmax-regression'
  | 'soft-label'
  | 'expected-score'
  | 'regression-aware'
  | 'fidelity';

/** Losses by name. */
export const objectives: Readonly<Record<Loss, Objective>> = {
  'integer-only': integerOnly,
  response,
  sentence,
  sequence,
  'softmax-regression': softmaxRegression,
  'soft-label': softLabel,
  'expected-score': expectedScore,
  'regression-aware': regressionAware,
  fidelity,
};

/** The names of {@link objectives}. */
export const losses: readonly [Loss, ...Loss[]] = Object.keys(objectives) as [Loss, ...Loss[]];

/**
 * The form of an objective with its second term weighted.
 * @param objective - the objective
 * @param auxiliaryWeight - factor of its term `auxiliary`, at least 0; without effect where it has none
 */
export function formOf({ form, auxiliary }: Objective, auxiliaryWeight: number): ObjectiveForm {
  if (form.over === 'tokens' || auxiliary === undefined || auxiliaryWeight === 1) return form;
  return { ...form, weights: { [auxiliary]: auxiliaryWeight } };
}
