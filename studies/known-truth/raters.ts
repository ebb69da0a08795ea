// Simulated raters and their votes: the model of ITU-T P.910 (Annex E) and P.913 turned round, from a known truth to votes.
import { randomStream, shuffledIndices } from '../../src/core/index.ts';

/** A simulated rater. */
export interface Rater {
  /** Column of the votes. */
  name: string;
  /** What the rater adds to every clip's score; the biases of all raters add up to 0. */
  bias: number;
  /** Standard deviation of what is added to each vote anew. */
  inconsistency: number;
}

/** How many raters there are, and how few and many of them vote on a clip. */
export const NUM_RATERS = 30;
const [FEWEST, MOST] = [5, NUM_RATERS];
/** Deviation of the biases, and ends of the inconsistencies, which are spread evenly between. */
const BIAS = 0.3;
const [STEADIEST, UNSTEADIEST] = [0.4, 0.8];

/** What a vote is, for files. */
export const voteFormula =
  'vote = round(mos + bias + inconsistency * X), X standard normal, cut to 1-5; 5 to 30 raters a clip, drawn anew for each';

/**
 * The raters.
 * @param seed - fixes them
 */
export function drawRaters(seed: number): Rater[] {
  const stream = randomStream(seed, 5);
  const drawn = Array.from({ length: NUM_RATERS }, (_, i) => ({
    name: `r${i + 1}`,
    bias: BIAS * stream.normal(),
    inconsistency: STEADIEST + (UNSTEADIEST - STEADIEST) * stream.uniform(),
  }));
  const mean = drawn.reduce((sum, { bias }) => sum + bias, 0) / NUM_RATERS;
  return drawn.map((rater) => ({ ...rater, bias: rater.bias - mean }));
}

/**
 * The votes on a clip.
 * @param mos - its true score, 1–5
 * @param raters - all raters
 * @param seed - with the clip's number fixes who votes, and how
 * @param clip - number of the clip
 * @returns for each rater a whole number of 1–5, or null for no vote
 */
export function votesOn(mos: number, raters: readonly Rater[], seed: number, clip: number): (number | null)[] {
  const stream = randomStream(seed, 6, clip);
  const numVotes = FEWEST + stream.below(MOST - FEWEST + 1);
  const voting = new Set(shuffledIndices(raters.length, seed, 7, clip).slice(0, numVotes));
  return raters.map(({ bias, inconsistency }, i) => {
    const vote = Math.round(mos + bias + inconsistency * stream.normal());
    return voting.has(i) ? Math.min(5, Math.max(1, vote)) : null;
  });
}

/**
 * The deviation of single votes from the true score, as a root mean square over the raters, rounding included and the ends of the scale
 * left out: √(mean of bias² + inconsistency², and 1/12).
 * @param raters - all raters
 */
export function voteDeviation(raters: readonly Rater[]): number {
  const squares = raters.reduce((sum, { bias, inconsistency }) => sum + bias ** 2 + inconsistency ** 2, 0);
  return Math.sqrt(squares / raters.length + 1 / 12);
}
