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

/**
 * A label of cross-entropy that is all on the answer nearest to the opinion score. With `log-mass` beside it, cross-entropy is then
 * − log p(answer) over the full vocabulary: − log q(answer) − log Σ p.
 * @param clip - its opinion score
 * @param context - of the run, with a finite set of answers
 * @returns [A] 1 at that answer, else 0
 */
export function nearestAnswer({ mos5 }: RatedPrompt, { processor: { codec } }: ObjectiveContext): Float32Array {
  const answer = codec.encode(mos5);
  const label = Float32Array.from(codec.legalAnswers()!, ({ text }) => (text === answer ? 1 : 0));
  invariant(label.includes(1), `${answer} is none of the legal answers`);
  return label;
}
