// What the members of an ensemble say of a clip as one score: the mean of their scores, or of their ranks among fixed scores.
import type { MosScale } from '../dataset/index.ts';
import type { Clip } from '../inputs/index.ts';
import type { ClipPrediction } from '../score/index.ts';
import { rankAmong } from './ensemble-ranks.ts';

/** The combined score of a clip. */
export interface EnsembleScore {
  /** The clip, as it was given. */
  clip: Clip;
  /** Its row in the list, from 1. */
  row: number;
  /**
   * Weighted mean of the members' scores, on their scale. Where ranks are combined: of their ranks, 0 at the lower end of that scale
   * and 1 at the upper one.
   */
  score: number;
  /** Weighted mean of the members' greedy integers, rounded: what the paper reads out. 10 to 50. */
  integer: number;
  /**
   * Standard deviation of the mixture of the members' distributions: their own spread and how far they are apart. Null with a member
   * whose answers are generated, and where ranks are combined.
   */
  std: number | null;
  /** Weighted mean of the members' probability of legal answers, 0 to 1; null with a member whose answers are generated. */
  legalMass: number | null;
  /** Whether no member had to look at the clip. */
  cached: boolean;
  /** What each member says, in their order. */
  members: ClipPrediction[];
}

/** Ranks of scores, on a scale. */
export interface Ranking {
  /** For each member what ranks its scores, from 0 to 1. */
  ofMembers: readonly ((score: number) => number)[];
  /** The scale that the mean rank is laid on. */
  scale: MosScale;
}

/**
 * How ranks are combined.
 * @param references - of each member; all or none
 * @param scale - that of all members
 * @returns null where members have no reference: scores are averaged
 */
export function rankingOf(references: readonly (readonly number[] | undefined)[], scale: MosScale): Ranking | null {
  const all = references.flatMap((reference) => (reference === undefined ? [] : [reference]));
  return all.length === 0 ? null : { ofMembers: all.map(rankAmong), scale };
}

/**
 * Combines what members say of a clip.
 * @param predictions - one a member, on one scale
 * @param weights - one a member; together 1
 * @param ranking - of ranks; null: scores are averaged
 */
export function combine(
  predictions: readonly ClipPrediction[],
  weights: readonly number[],
  ranking: Ranking | null = null,
): Omit<EnsembleScore, 'clip' | 'row'> {
  const mean = (valueOf: (prediction: ClipPrediction, member: number) => number): number =>
    predictions.reduce((sum, prediction, i) => sum + weights[i]! * valueOf(prediction, i), 0);
  const score = mean((prediction) => prediction.score);
  const known = predictions.every(({ std, legalMass }) => std !== null && legalMass !== null);
  // About the mean, and not as a difference of squares, which loses digits.
  const variance = (prediction: ClipPrediction): number => prediction.std! ** 2 + (prediction.score - score) ** 2;
  const rank = (prediction: ClipPrediction, i: number): number => ranking!.ofMembers[i]!(prediction.score);
  return {
    score: ranking === null ? score : ranking.scale.min + mean(rank) * (ranking.scale.max - ranking.scale.min),
    integer: Math.round(mean((prediction) => prediction.integer)),
    std: known && ranking === null ? Math.sqrt(mean(variance)) : null,
    legalMass: known ? mean((prediction) => prediction.legalMass!) : null,
    cached: predictions.every(({ cached }) => cached),
    members: [...predictions],
  };
}
