// Raw votes as lists of numbers, and the sums over clips and raters that every method begins with.
import { invariant } from '../../core/index.ts';

/** Raw votes: the vote at place v is `scores[v]`, of rater `raterOf[v]` on clip `clipOf[v]`. */
export interface Votes {
  /** Names of the clips. */
  readonly clips: readonly string[];
  /** Names of the raters. */
  readonly raters: readonly string[];
  /** For each vote the place of its clip in `clips`. */
  readonly clipOf: Int32Array;
  /** For each vote the place of its rater in `raters`. */
  readonly raterOf: Int32Array;
  /** The votes, finite numbers. */
  readonly scores: Float64Array;
}

/** Votes of which no rater has two on one clip, and how many were put together for that. */
export interface DistinctVotes {
  /** The votes. */
  votes: Votes;
  /** How many pairs of clip and rater had more than one vote. */
  numRepeated: number;
}

/**
 * Puts the votes of one rater on one clip together to their mean: as votes of their own they would make intervals too narrow.
 * @param votes - raw votes
 * @returns votes in the order in which each pair came first
 */
export function distinctVotes(votes: Votes): DistinctVotes {
  const { clips, raters, clipOf, raterOf, scores } = votes;
  const n = scores.length;
  invariant(clipOf.length === n && raterOf.length === n, `${n} votes with ${clipOf.length} clips`);
  const placeOf = new Map<number, number>();
  const place = new Int32Array(n);
  for (let v = 0; v < n; v++) {
    const pair = clipOf[v]! * raters.length + raterOf[v]!;
    const known = placeOf.get(pair);
    place[v] = known ?? placeOf.size;
    if (known === undefined) placeOf.set(pair, placeOf.size);
  }
  const size = placeOf.size;
  if (size === n) return { votes, numRepeated: 0 };
  const out = { clipOf: new Int32Array(size), raterOf: new Int32Array(size), scores: new Float64Array(size) };
  const counts = new Int32Array(size);
  for (let v = 0; v < n; v++) {
    const p = place[v]!;
    out.clipOf[p] = clipOf[v]!;
    out.raterOf[p] = raterOf[v]!;
    out.scores[p]! += scores[v]!;
    counts[p]!++;
  }
  let numRepeated = 0;
  for (let p = 0; p < size; p++) {
    if (counts[p]! > 1) numRepeated++;
    out.scores[p]! /= counts[p]!;
  }
  return { votes: { clips, raters, ...out }, numRepeated };
}

/**
 * Means over groups of values. Equal values have themselves as mean, to the bit.
 * @param groupOf - the group of each value
 * @param numGroups - how many groups there are
 * @returns one mean a group; NaN for a group without a value
 */
export function meansBy(groupOf: Int32Array, numGroups: number, values: Float64Array): Float64Array {
  const firsts = new Float64Array(numGroups).fill(NaN);
  const sums = new Float64Array(numGroups); // of what each value has more than its group's first
  const counts = new Int32Array(numGroups);
  for (let v = 0; v < values.length; v++) {
    const group = groupOf[v]!;
    if (counts[group]!++ === 0) firsts[group] = values[v]!;
    else sums[group]! += values[v]! - firsts[group]!;
  }
  return firsts.map((first, g) => first + sums[g]! / counts[g]!);
}

/**
 * How many values each group has.
 * @param groupOf - the group of each value
 * @param numGroups - how many groups there are
 */
export function countsBy(groupOf: Int32Array, numGroups: number): Int32Array {
  const counts = new Int32Array(numGroups);
  for (let v = 0; v < groupOf.length; v++) counts[groupOf[v]!]!++;
  return counts;
}

/**
 * Sums of squared deviations from each group's mean.
 * @param groupOf - the group of each value
 * @param numGroups - how many groups there are
 * @returns one sum a group; 0 for a group without a value
 */
export function squaresBy(groupOf: Int32Array, numGroups: number, values: Float64Array): Float64Array {
  const means = meansBy(groupOf, numGroups, values);
  const squares = new Float64Array(numGroups);
  for (let v = 0; v < values.length; v++) squares[groupOf[v]!]! += (values[v]! - means[groupOf[v]!]!) ** 2;
  return squares;
}
