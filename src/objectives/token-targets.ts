// Targets of the losses over tokens, with the answer as text behind the prompt.
import type { PreparedExample, TargetRule } from '../inputs/index.ts';
import { buildExample, trimToTargets } from '../inputs/index.ts';
import type { ObjectiveContext, RatedPrompt } from './types.ts';

/**
 * The rows of prompt and answer up to the last target.
 * @param clip - its prompt and opinion score
 * @param context - of the run
 * @param rule - which tokens are targets
 */
export function tokenTargets(
  { prompt, mos5 }: RatedPrompt,
  { processor, positions }: ObjectiveContext,
  rule: TargetRule,
): Pick<PreparedExample, 'rows' | 'wanted'> {
  const { tokenizer, endTokenId, codec } = processor;
  const whole = buildExample({ positions, prompt, answer: codec.encode(mos5), tokenizer, endTokenId, targets: rule });
  const { answer: _answer, targets, ...rows } = trimToTargets(whole);
  return { rows, wanted: { kind: 'tokens', targets } };
}
