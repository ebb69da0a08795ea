// The screening of observers by ITU-R BT.500.
import type { Votes } from './votes.ts';
import { countsBy, meansBy, squaresBy } from './votes.ts';

/** What the screening found of one rater. */
export interface Bt500Rater {
  /** Votes far above their clip's mean, P. */
  above: number;
  /** Votes far below their clip's mean, Q. */
  below: number;
  /** (P + Q) / votes of the rater. */
  share: number;
  /** |P − Q| / (P + Q); NaN where both are 0. */
  imbalance: number;
  /** Whether the rater is rejected: `share` above 0.05 and `imbalance` below 0.3. */
  rejected: boolean;
}

/**
 * Fewest votes on a clip among which one can lie two deviations S from the mean: the farthest lies (n − 1)/√n of them away.
 */
export const FEWEST_BT500_VOTES = 6;

/**
 * Screens raters by ITU-R BT.500-14 (10/2019), Annex 1 to Part 1, A1-2.3.1 (in BT.500-13: Annex 2, 2.3.1). For each clip the mean
 * ū, the deviation S = √(Σ (u − ū)² / (n − 1)) and the kurtosis β₂ = m₄ / m₂², mₓ = Σ (u − ū)ˣ / n. A vote counts into P
 * where u ≥ ū + kS and into Q where u ≤ ū − kS, with k = 2 for 2 ≤ β₂ ≤ 4, else √20. A rater is rejected where
 * (P + Q) / (votes of the rater) > 0.05 and |P − Q| / (P + Q) < 0.3: far off often, and to both sides. It is applied once.
 *
 * The Recommendation counts presentations J·K·R, all of which each observer sees; here it is the votes that the rater gave.
 * A clip whose votes are all equal has no S and counts for nobody.
 *
 * @param votes - votes, none of a rater twice on one clip; each clip and rater with at least one
 * @returns one entry a rater
 */
export function screenBt500(votes: Votes): Bt500Rater[] {
  const { clipOf, raterOf, scores, clips, raters } = votes;
  const counts = countsBy(clipOf, clips.length);
  const means = meansBy(clipOf, clips.length, scores);
  const squares = squaresBy(clipOf, clips.length, scores);
  const fourths = new Float64Array(clips.length);
  for (let v = 0; v < scores.length; v++) fourths[clipOf[v]!]! += (scores[v]! - means[clipOf[v]!]!) ** 4;
  const reach = squares.map((square, j) => {
    const n = counts[j]!;
    const kurtosis = fourths[j]! / n / (square / n) ** 2;
    return (kurtosis >= 2 && kurtosis <= 4 ? 2 : Math.sqrt(20)) * Math.sqrt(square / (n - 1));
  });
  const above = new Int32Array(raters.length);
  const below = new Int32Array(raters.length);
  for (let v = 0; v < scores.length; v++) {
    const j = clipOf[v]!;
    if (!(squares[j]! > 0)) continue;
    const off = scores[v]! - means[j]!;
    if (off >= reach[j]!) above[raterOf[v]!]!++;
    if (off <= -reach[j]!) below[raterOf[v]!]!++;
  }
  return Array.from(countsBy(raterOf, raters.length), (count, i) => {
    const [p, q] = [above[i]!, below[i]!];
    const share = (p + q) / count;
    const imbalance = Math.abs(p - q) / (p + q);
    return { above: p, below: q, share, imbalance, rejected: share > 0.05 && imbalance < 0.3 };
  });
}
