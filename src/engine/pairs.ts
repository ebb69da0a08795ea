// Pairs of clips of a group, of which a loss may have a term: which there are, and how likely raters find the first one better.
import type { AnswerTarget } from '../inputs/index.ts';
import { probabilityBetter } from '../objectives/index.ts';

/** Of all pairs of B clips, float32 [B, B]; what is no pair has weight 0. */
export interface PairTargets {
  /** 1 over the pairs of the update. */
  pairWeights: Float32Array;
  /** √p of the first being better. */
  pairRoots: Float32Array;
  /** √(1 − p). */
  pairCoRoots: Float32Array;
}

/**
 * Pairs of an update.
 * @param numExamples - its examples
 * @param groupSize - of a group; the last one may be smaller
 */
export function countPairs(numExamples: number, groupSize: number): number {
  const pairsOf = (n: number): number => (n * (n - 1)) / 2;
  return Math.floor(numExamples / groupSize) * pairsOf(groupSize) + pairsOf(numExamples % groupSize);
}

/**
 * What the term `fidelity` is told of the pairs of a micro-batch: float32 [B, B] each.
 * @param targets - of the clips of a micro-batch, group after group
 * @param groupSize - of a group; the last one may be smaller
 * @param numPairs - of the whole update
 */
export function pairTargets(targets: readonly AnswerTarget[], groupSize: number, numPairs: number): PairTargets {
  const B = targets.length;
  const made = () => new Float32Array(B * B);
  const [weights, roots, coRoots] = [made(), made(), made()];
  for (let j = 0; j < B; j++) {
    for (let i = j - (j % groupSize); i < j; i++) {
      weights[i * B + j] = 1 / numPairs;
      roots[i * B + j] = Math.sqrt(probabilityBetter(targets[i]!, targets[j]!));
      coRoots[i * B + j] = Math.sqrt(probabilityBetter(targets[j]!, targets[i]!));
    }
  }
  return { pairWeights: weights, pairRoots: roots, pairCoRoots: coRoots };
}
