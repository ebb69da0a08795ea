// How much each member of an ensemble counts.
import { UserError, show } from '../core/index.ts';

/** The weights that IOVQA's five models were combined with (arXiv 2508.11170). */
export const paperWeights: readonly number[] = [0.25, 0.15, 0.25, 0.1, 0.25];

/**
 * Weights from words.
 * @param text - `equal`, `paper` (five members: 0.25, 0.15, 0.25, 0.1, 0.25), or numbers with commas between them
 * @param count - members
 * @returns one weight a member, as given
 * @throws UserError `bad-input` for other words, and for other counts
 */
export function parseWeights(text: string, count: number): number[] {
  if (text === 'equal') return Array.from({ length: count }, () => 1);
  const weights = text === 'paper' ? [...paperWeights] : text.split(',').map(Number);
  if (weights.length !== count) {
    const got = text === 'paper' ? `${weights.length}, the paper's` : `${weights.length}`;
    throw new UserError('bad-input', `weights: expected one for each of ${count} members, got ${got}`);
  }
  if (text.split(',').some((part) => part.trim() === '') || weights.some(Number.isNaN)) {
    throw new UserError('bad-input', `weights: expected equal, paper or numbers such as 2,1,1, got ${show(text)}`);
  }
  return weights;
}

/**
 * Weights that add up to 1.
 * @param weights - one a member
 * @throws UserError `bad-input` unless all are finite and above 0
 */
export function normaliseWeights(weights: readonly number[]): number[] {
  const bad = weights.find((weight) => !(weight > 0 && Number.isFinite(weight)));
  if (bad !== undefined) {
    throw new UserError('bad-input', `weights: expected numbers above 0, got ${bad}`, {
      hint: 'Leave out a member that should not count.',
    });
  }
  const sum = weights.reduce((a, b) => a + b, 0);
  if (!Number.isFinite(sum)) throw new UserError('bad-input', `weights: expected a finite sum, got ${sum}`);
  return weights.map((weight) => weight / sum);
}
