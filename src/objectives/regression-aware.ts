// Cross-entropy that also knows how far apart answers are.
import { answerTargets, nearestAnswer } from './answer-targets.ts';
import type { Objective } from './types.ts';

/**
 * − log p(a*) + λ · (Σ q(a) · value(a) − score)², with a* the answer nearest to the score: the squared error of the expected score, as
 * RAFT has it (regression-aware fine-tuning, Lukasik et al., ICLR 2025; its decision rule in arXiv 2403.04182), beside cross-entropy, as
 * in TRACT (Chiang et al., ACL 2025, arXiv 2503.04381). There the expectation is over p, here over q, which scores are read from.
 */
export const regressionAware: Objective = {
  about: 'cross-entropy at the answer with `auxiliaryWeight` times the squared error of the expected score',
  targets: 'integer-only',
  form: { over: 'answers', terms: ['cross-entropy', 'log-mass', 'squared-error'], groupSize: 1 },
  auxiliary: 'squared-error',
  prepare: (clip, context) => answerTargets(clip, context, { score: clip.mos5, label: nearestAnswer(clip, context) }),
};
