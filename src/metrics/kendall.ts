// Kendall's rank correlation with ties, in O(n log n).
import type { Levels, Numbers } from './order.ts';
import { levelsOf, orderOf } from './order.ts';
import type { Stat } from './statistics.ts';
import { defined, undefinedBecause, whyUndefined } from './statistics.ts';

/**
 * Kendall's tau-b (Kendall 1945, in O(n log n) as in Knight 1966): concordant minus discordant pairs over the geometric mean
 * of the pairs that are not tied in one and in the other.
 * @param predictions - scores
 * @param mos - opinion scores, as many
 * @returns −1 to 1; undefined for fewer than two clips, equal or infinite numbers
 */
export function krcc(predictions: Numbers, mos: Numbers): Stat {
  const reason = whyUndefined(predictions, mos);
  if (reason !== null) return undefinedBecause(reason);
  const { score, total, tiedX, tiedY } = pairCounts(predictions, mos);
  return tauB(score, total - tiedX, total - tiedY);
}

/**
 * Tau-b from counts of pairs.
 * @param score - concordant minus discordant ones
 * @param freeX - those that are not tied in the one
 * @param freeY - those that are not tied in the other
 */
export function tauB(score: number, freeX: number, freeY: number): Stat {
  // Rounding of the roots may lead past the ends.
  return defined(Math.max(-1, Math.min(1, score / (Math.sqrt(freeX) * Math.sqrt(freeY)))));
}

/** Pairs of clips, counted. */
export interface PairCounts {
  /** Concordant minus discordant pairs. */
  score: number;
  /** All pairs. */
  total: number;
  /** Pairs with equal predictions. */
  tiedX: number;
  /** Pairs with equal opinion scores. */
  tiedY: number;
}

/**
 * Counts pairs in O(n log n).
 * @param predictions - scores
 * @param mos - opinion scores, as many
 */
export function pairCounts(predictions: Numbers, mos: Numbers): PairCounts {
  const byY = orderOf(mos);
  const x = levelsOf(predictions, orderOf(predictions));
  const y = levelsOf(mos, byY);
  const sorted = sortedByXThenY(x, y, byY);
  const [tiedX, tiedY] = [tiedPairs(x.counts), tiedPairs(y.counts)];
  const tiedBoth = tiedRuns(sorted, x.counts);
  const total = pairs(mos.length);
  const score = total - tiedX - tiedY + tiedBoth - 2 * countInversions(sorted, y.counts.length);
  return { score, total, tiedX, tiedY };
}

/** Pairs among k things. */
export const pairs = (k: number): number => (k * (k - 1)) / 2;

function tiedPairs(counts: Uint32Array): number {
  let tied = 0;
  for (let level = 0; level < counts.length; level++) tied += pairs(counts[level]!);
  return tied;
}

/** The levels of y, sorted by x, then by y: a counting sort by x of what is in the order of y. */
function sortedByXThenY(x: Levels, y: Levels, byY: Uint32Array): Uint32Array {
  const places = new Uint32Array(x.counts.length); // where the next of each level of x goes
  for (let level = 1; level < places.length; level++) places[level] = places[level - 1]! + x.counts[level - 1]!;
  const out = new Uint32Array(byY.length);
  for (let i = 0; i < byY.length; i++) {
    const item = byY[i]!;
    out[places[x.of[item]!]!++] = y.of[item]!;
  }
  return out;
}

/** Pairs tied in both: neighbours that are equal, within each level of x. */
function tiedRuns(sorted: Uint32Array, countsX: Uint32Array): number {
  let tied = 0;
  let end = 0;
  for (let level = 0; level < countsX.length; level++) {
    let start = end;
    end += countsX[level]!;
    for (let i = start + 1; i < end; i++) {
      if (sorted[i] === sorted[i - 1]) continue;
      tied += pairs(i - start);
      start = i;
    }
    tied += pairs(end - start);
  }
  return tied;
}

/**
 * Pairs in the wrong order: for each number, how many before it lie above it, from a Fenwick tree over the levels. Knight's
 * exchanges of a merge sort are the same number, but take three times as long: a processor guesses every other comparison wrong.
 */
function countInversions(levels: Uint32Array, numLevels: number): number {
  const tree = new Uint32Array(numLevels + 1);
  let inversions = 0;
  for (let i = 0; i < levels.length; i++) {
    const place = levels[i]! + 1;
    let notAbove = 0;
    for (let k = place; k > 0; k &= k - 1) notAbove += tree[k]!;
    inversions += i - notAbove;
    for (let k = place; k <= numLevels; k += k & -k) tree[k]!++;
  }
  return inversions;
}
