// Targets of the losses over the legal answers: training runs the rows of scoring.
import { invariant } from '../core/index.ts';
import type { AnswerTarget, PreparedExample } from '../inputs/index.ts';
import { buildScoringExample } from '../inputs/index.ts';
import type { ObjectiveContext, RatedPrompt } from './types.ts';

/**
 * The rows that give the distribution over the legal answers.
 * @param clip - its prompt
 * @param context - of the run, with a trie
 * @param target - what the distribution is trained towards
 */
export function answerTargets(
  { prompt }: RatedPrompt,
  { trie, positions }: ObjectiveContext,
  target: AnswerTarget,
): Pick<PreparedExample, 'rows' | 'wanted'> {
  invariant(trie !== null, 'a loss over answers needs a finite set of them');
  const { nodeRows, columns, answers, ...rows } = buildScoringExample(prompt, trie, positions);
  return { rows, wanted: { kind: 'answers', tree: { nodeRows, columns, answers }, target } };
}
