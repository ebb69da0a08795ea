// Ranks of scores among those of fixed clips, so that a clip's rank does not depend on which others are scored with it.
import { UserError } from '../core/index.ts';
import type { Numbers } from '../metrics/index.ts';

/**
 * Ranks scores among reference scores of the same model.
 * @param reference - scores of some clips, in any order
 * @returns ranks a score: the share of the reference below a score, those equal to it counted by half: 0 to 1, rising with the score
 * @throws UserError `bad-input` for fewer than two scores, and some that are not finite
 */
export function rankAmong(reference: Numbers): (score: number) => number {
  const sorted = Float64Array.from(reference).sort();
  if (sorted.length < 2 || !sorted.every(Number.isFinite)) {
    const got = sorted.length < 2 ? String(sorted.length) : 'some that are not finite';
    throw new UserError('bad-input', `ranks: expected at least two reference scores, all finite, got ${got}`);
  }
  return (score) => (countBelow(sorted, score, false) + countBelow(sorted, score, true)) / (2 * sorted.length);
}

/** How many numbers are below a score, or not above it. */
function countBelow(sorted: Float64Array, score: number, isEqualIn: boolean): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const value = sorted[middle]!;
    if (value < score || (isEqualIn && value === score)) low = middle + 1;
    else high = middle;
  }
  return low;
}
