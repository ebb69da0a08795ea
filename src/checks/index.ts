/**
 * What can be found out of a data set without training: checks and opinion scores of raw votes, as data for any front end.
 * @module checks
 */
export type { OpinionOptions, OpinionReport, OpinionRow, OpinionTable } from './opinions.ts';
export { opinionsOfVotes, opinionTable, raterTable } from './opinions.ts';
