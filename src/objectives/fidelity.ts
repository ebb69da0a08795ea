// Cross-entropy that also learns which of two clips is better, by Thurstone's model.
import type { AnswerTarget } from '../inputs/index.ts';
import { normalCdf } from '../metrics/index.ts';
import { answerTargets, nearestAnswer } from './answer-targets.ts';
import type { Objective } from './types.ts';

/**
 * Clips that are compared with each other. Of two, there is half a pair a clip, of four 1½, of eight 3½; but a group goes through the
 * model together, and memory grows with it. Four divides the batches that recipes have.
 */
const GROUP = 4;

/**
 * − log p(a*) + λ · the mean over pairs of 1 − √(p·p̂) − √((1 − p)(1 − p̂)), with a* the answer nearest to the score and p, p̂ as
 * {@link AnswerTerm} says. The term is the fidelity loss of FRank (Tsai et al., SIGIR 2007) on Thurstone's probabilities, as UNIQUE has
 * it (Zhang et al., IEEE TIP 2021, arXiv 2005.13983), which predicts mean and deviation by a head of its own.
 */
export const fidelity: Objective = {
  about: 'cross-entropy at the answer with `auxiliaryWeight` times the fidelity loss on which of two clips is better',
  targets: 'integer-only',
  form: { over: 'answers', terms: ['cross-entropy', 'log-mass', 'fidelity'], groupSize: GROUP },
  auxiliary: 'fidelity',
  prepare: (clip, context) => {
    const target: AnswerTarget = { score: clip.mos5, label: nearestAnswer(clip, context) };
    return answerTargets(clip, context, clip.std5 === undefined ? target : { ...target, std: clip.std5 });
  },
};

/**
 * The probability that raters find one clip better than another, by Thurstone's model: Φ of the difference of their opinion scores over
 * √(std² + std²).
 * @param one - score, deviation of its votes
 * @param other - the same of the other clip
 * @returns 0–1; 0, ½ or 1 by the scores alone where one has no deviation, or both have one of 0
 */
export function probabilityBetter(one: AnswerTarget, other: AnswerTarget): number {
  const difference = one.score - other.score;
  const spread = one.std === undefined || other.std === undefined ? 0 : Math.hypot(one.std, other.std);
  return spread === 0 ? (Math.sign(difference) + 1) / 2 : normalCdf(difference / spread);
}
