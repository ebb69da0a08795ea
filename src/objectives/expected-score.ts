// Regression on the expected score that also keeps the model's answers legal.
import { answerTargets } from './answer-targets.ts';
import type { Objective } from './types.ts';

/** The squared error of the expected score, and the negative logarithm of the probability of all legal answers together. */
export const expectedScore: Objective = {
  about: 'the squared error of the expected score with the probability that is not on a valid answer',
  targets: 'integer-only',
  form: { over: 'answers', terms: ['squared-error', 'log-mass'], groupSize: 1 },
  prepare: (clip, context) => answerTargets(clip, context, { score: clip.mos5, label: null }),
};
