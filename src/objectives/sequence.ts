// Fine-tuning of a language model on the whole conversation: cross-entropy at every token of text, the question's among them.
import { tokenTargets } from './token-targets.ts';
import type { Objective } from './types.ts';

/** Each token weighs 1, so that the answer is a small part of a clip's loss. */
export const sequence: Objective = {
  about: 'cross-entropy at every text token of the conversation',
  targets: 'sequence',
  form: { over: 'tokens', groupSize: 1 },
  prepare: (clip, context) => tokenTargets(clip, context, 'sequence'),
};
