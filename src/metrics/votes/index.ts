/**
 * Raw votes to opinion scores: plain mean, screening by ITU-R BT.500, the model of ITU-T P.910 Annex E. Pure functions; of metrics.
 * @module metrics/votes
 */
export type { Bt500Rater } from './bt500.ts';
export { FEWEST_BT500_VOTES, screenBt500 } from './bt500.ts';
export type { ClipOpinion, Opinions, RaterReport, VoteMethod } from './opinions.ts';
export { intervalFormulas, opinionScores, voteMethods } from './opinions.ts';
export type { P910Fit } from './p910.ts';
export { FEWEST_P910_VOTES, fitP910, numParts } from './p910.ts';
export type { DistinctVotes, Votes } from './votes.ts';
export { countsBy, distinctVotes, meansBy, squaresBy } from './votes.ts';
