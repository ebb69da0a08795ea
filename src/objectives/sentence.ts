// Fine-tuning on a sentence with the score in it: cross-entropy at all of its tokens and the end of the turn.
import { tokenTargets } from './token-targets.ts';
import type { Objective } from './types.ts';

/** Each token weighs 1, whatever the score changes of the sentence. */
export const sentence: Objective = {
  about: 'cross-entropy at a sentence around the answer and at the end token',
  targets: 'sentence',
  form: { over: 'tokens', groupSize: 1 },
  prepare: (clip, context) => tokenTargets(clip, context, 'sentence'),
};
