// The smallest difference that a comparison will find, before there are scores.
import { detectableDifference } from './contrast.ts';

/** What a comparison will be like. */
export interface PlannedComparison {
  /** Number of clips. */
  numClips: number;
  /** Number of groups that they are in; default: each clip is its own. */
  numGroups?: number;
  /** Seeds of each arm. */
  numSeeds: number;
  /** Correlation with the opinion scores that is expected. Default 0.7. */
  correlation?: number;
  /** Share of the variance of errors that both arms have in common. Default 0.95. */
  sharedErrors?: number;
  /** Standard deviation over seeds. Default 0.01. */
  seedDeviation?: number;
}

/** Correlation of the qualities of two clips of a group, and of their errors: what the tables of docs/statistics.md assume. */
const WITHIN = 0.4;
/** A difference in SRCC has about 1.3 times the variance of one in PLCC, for normal data (test/metrics/detectable.test.ts): the middle. */
const OF_RANKS = 1.15;

/**
 * The smallest difference in SRCC or PLCC that a comparison finds in four of five cases, from the large-sample variance of the
 * difference of two correlations with one variable in common (Olkin and Siotani 1976), the design effect of groups and the deviation
 * over seeds. Errors that arms do not share are taken to be each arm's own, which more seeds do not average out.
 * @param planned - clips, groups, seeds and what is assumed
 */
export function expectedDetectable(planned: PlannedComparison): number {
  const { numClips, numGroups = numClips, numSeeds } = planned;
  const { correlation: r = 0.7, sharedErrors = 0.95, seedDeviation = 0.01 } = planned;
  const between = r ** 2 + sharedErrors * (1 - r ** 2);
  const covariance = between * (1 - 2 * r ** 2) - (r ** 2 * (1 - 2 * r ** 2 - between ** 2)) / 2;
  const perClip = 2 * ((1 - r ** 2) ** 2 - covariance);
  const designEffect = 1 + (numClips / numGroups - 1) * WITHIN ** 2;
  const variance = (OF_RANKS * designEffect * perClip) / numClips + (2 * seedDeviation ** 2) / numSeeds;
  return detectableDifference(Math.sqrt(variance));
}
