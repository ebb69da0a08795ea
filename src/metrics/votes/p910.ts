// The model of ITU-T P.910 Annex E: a clip's quality, a rater's bias and a rater's inconsistency, by maximum likelihood.
import type { Votes } from './votes.ts';
import { countsBy, meansBy, squaresBy } from './votes.ts';

/** The model fitted to votes. Lists by clip or by rater, in the order of the votes' names. */
export interface P910Fit {
  /** Quality ψ of each clip, on the scale of the votes; it may lie a little beyond the scale's ends. */
  quality: Float64Array;
  /** Standard error of each quality by the curvature of the likelihood: 1 / √(Σ υ⁻²) over the clip's votes. */
  standardError: Float64Array;
  /** Deviation of a clip's votes once biases are taken off, √(Σ (r − r̄)² / (n − 1)); NaN for a single vote. */
  std: Float64Array;
  /** Bias Δ of each rater, above 0 where they give more than others; the mean over raters is 0. NaN where `isKnown` is false. */
  bias: Float64Array;
  /** Inconsistency υ of each rater: deviation of what quality and bias leave of their votes. NaN where `isKnown` is false. */
  inconsistency: Float64Array;
  /** Whether each rater has votes enough for a bias and an inconsistency of their own. */
  isKnown: boolean[];
  /** Whether each rater's inconsistency was held at the least that is allowed. */
  isHeld: boolean[];
  /** Passes over the votes. */
  numIterations: number;
  /** Whether the last pass moved the qualities by less than 1e-8 (Euclidean norm). */
  converged: boolean;
}

/** A rater with fewer votes gets no bias, and the inconsistency of all. */
export const FEWEST_P910_VOTES = 5;

// Where to stop, and what a variance is never below: the numbers of Li et al. 2020 and of the Annex's example program.
const MAX_ITERATIONS = 1000;
const TOLERANCE = 1e-8;
const EPSILON = 1e-8;

/**
 * Least variance of a rater, as a share of the median rater's. The likelihood has no maximum where a rater's votes can be met exactly:
 * with few votes a rater would then count for all others together. No vote counts for more than ten typical ones.
 */
const LEAST_SHARE = 0.1;

/**
 * Fits the model u = ψ + Δ + υX of votes u by rater i on clip j, X normal, by alternating projection: in turn each rater's υ as
 * the deviation of their residuals, each ψ as the mean of votes less bias, weighted by υ⁻², and each Δ as the mean of votes less ψ,
 * until the qualities rest. At the end the biases' mean is moved into the qualities.
 *
 * Source: Li, Bampis, Krasula, Janowski, Katsavounidis, "A simple model for subject behavior in subjective experiments", HVEI 2020,
 * algorithm 4 and equation 6 (after Li and Bampis, DCC 2017), as ITU-T P.910 (11/2021) Annex E has it. Two things are ours, and
 * change nothing in a test where each rater sees many clips: {@link FEWEST_P910_VOTES} and the least variance.
 *
 * @param votes - votes, none of a rater twice on one clip; each clip and rater with at least one
 * @returns the fit
 */
export function fitP910(votes: Votes): P910Fit {
  const { clipOf, raterOf, scores, clips, raters } = votes;
  const n = scores.length;
  const counts = countsBy(raterOf, raters.length);
  const isKnown = Array.from(counts, (count) => count >= FEWEST_P910_VOTES);
  const isHeld = isKnown.map(() => false);
  const variance = new Float64Array(raters.length);
  const left = new Float64Array(n); // votes less quality, or less quality and bias
  let quality = meansBy(clipOf, clips.length, scores);

  function fitBias(): Float64Array {
    for (let v = 0; v < n; v++) left[v] = scores[v]! - quality[clipOf[v]!]!;
    return meansBy(raterOf, raters.length, left).map((b, i) => (isKnown[i] === true ? b : 0));
  }

  function fitVariance(): void {
    let total = 0;
    for (let v = 0; v < n; v++) {
      left[v] = scores[v]! - quality[clipOf[v]!]! - bias[raterOf[v]!]!;
      total += left[v]! ** 2;
    }
    const squares = squaresBy(raterOf, raters.length, left);
    for (let i = 0; i < raters.length; i++) variance[i] = isKnown[i] === true ? squares[i]! / counts[i]! : total / n;
    const least = LEAST_SHARE * median(variance.filter((_, i) => isKnown[i]));
    for (let i = 0; i < raters.length; i++) {
      isHeld[i] = isKnown[i] === true && variance[i]! < least;
      if (isHeld[i] === true) variance[i] = least;
    }
  }

  function fitQuality(): Float64Array {
    const sums = new Float64Array(clips.length);
    const weights = new Float64Array(clips.length);
    for (let v = 0; v < n; v++) {
      const rater = raterOf[v]!;
      const weight = 1 / (variance[rater]! + EPSILON);
      sums[clipOf[v]!]! += weight * (scores[v]! - bias[rater]!);
      weights[clipOf[v]!]! += weight;
    }
    return sums.map((sum, j) => sum / weights[j]!);
  }

  let bias = fitBias();
  let numIterations = 0;
  let converged = false;
  while (!converged && numIterations < MAX_ITERATIONS) {
    fitVariance();
    const before = quality;
    quality = fitQuality();
    bias = fitBias();
    numIterations++;
    converged = distance(before, quality) < TOLERANCE;
  }

  const information = new Float64Array(clips.length);
  for (let v = 0; v < n; v++) {
    information[clipOf[v]!]! += 1 / variance[raterOf[v]!]!;
    left[v] = scores[v]! - bias[raterOf[v]!]!;
  }
  const squares = squaresBy(clipOf, clips.length, left);
  const clipCounts = countsBy(clipOf, clips.length);
  const numKnown = isKnown.filter(Boolean).length;
  const middle = numKnown === 0 ? 0 : bias.reduce((a, b) => a + b, 0) / numKnown;
  return {
    quality: quality.map((q) => q + middle),
    standardError: information.map((sum) => 1 / Math.sqrt(sum)),
    std: squares.map((sum, j) => Math.sqrt(sum / (clipCounts[j]! - 1))),
    bias: bias.map((b, i) => (isKnown[i] === true ? b - middle : NaN)),
    inconsistency: variance.map((v, i) => (isKnown[i] === true ? Math.sqrt(v) : NaN)),
    isKnown,
    isHeld,
    numIterations,
    converged,
  };
}

/**
 * How many parts the votes fall into that have no rater in common: biases of raters in different parts cannot be compared.
 * @returns 1 where all hang together
 */
export function numParts(votes: Votes): number {
  const { clipOf, raterOf, clips, raters } = votes;
  const parent = Int32Array.from({ length: clips.length + raters.length }, (_, i) => i);
  const root = (i: number): number => {
    while (parent[i] !== i) i = parent[i] = parent[parent[i]!]!;
    return i;
  };
  let parts = parent.length;
  for (let v = 0; v < clipOf.length; v++) {
    const [a, b] = [root(clipOf[v]!), root(clips.length + raterOf[v]!)];
    if (a === b) continue;
    parent[a] = b;
    parts--;
  }
  return parts;
}

function distance(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum);
}

/** The middle value, the mean of the two for an even count; 0 of none. */
function median(values: Float64Array): number {
  const sorted = values.toSorted();
  const half = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
