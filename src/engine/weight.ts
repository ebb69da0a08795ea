// How much an example counts in the loss of its update, whatever computes it.
import type { PreparedExample } from '../inputs/index.ts';

/**
 * The weight of an example in its loss: the loss of an update is divided by the sum of these.
 * @returns over tokens the sum of its targets' weights, over answers 1
 */
export function weightOf({ wanted }: Pick<PreparedExample, 'wanted'>): number {
  return wanted.kind === 'tokens' ? wanted.targets.reduce((total, target) => total + target.weight, 0) : 1;
}
