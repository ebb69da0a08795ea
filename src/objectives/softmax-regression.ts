// Regression on the expected score, over the legal answers alone.
import { answerTargets } from './answer-targets.ts';
import type { Objective } from './types.ts';

/** The squared error of the expected score. */
export const softmaxRegression: Objective = {
  about: 'the squared error of the expected score',
  targets: 'integer-only',
  form: { over: 'answers', terms: ['squared-error'], groupSize: 1 },
  prepare: (clip, context) => answerTargets(clip, context, { score: clip.mos5, label: null }),
};
