// The paper's loss: cross-entropy at the answer's tokens and nowhere else.
import { tokenTargets } from './token-targets.ts';
import type { Objective } from './types.ts';

/** A clip's weights add up to 1, so that each clip counts the same whatever its answer's length. */
export const integerOnly: Objective = {
  about: 'cross-entropy at the answer alone',
  targets: 'integer-only',
  form: { over: 'tokens', groupSize: 1 },
  prepare: (clip, context) => tokenTargets(clip, context, 'integer-only'),
};
