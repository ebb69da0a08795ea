// Ordinary fine-tuning: cross-entropy at the answer's tokens and the end of the turn.
import { tokenTargets } from './token-targets.ts';
import type { Objective } from './types.ts';

/** Each token weighs 1. */
export const response: Objective = {
  about: 'cross-entropy at the answer and at the end token',
  targets: 'response',
  form: { over: 'tokens', groupSize: 1 },
  prepare: (clip, context) => tokenTargets(clip, context, 'response'),
};
