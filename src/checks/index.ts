/**
 * What can be found out of a data set without training: checks and opinion scores of raw votes, as data for any front end.
 * @module checks
 */
export type { OpinionOptions, OpinionReport, OpinionRow, OpinionTable } from './opinions.ts';
export { opinionsOfVotes, opinionTable, raterTable } from './opinions.ts';
export type { DataCheck, DataCheckOptions, DuplicatePictures, ScoreSummary } from './data-check.ts';
export { checkData } from './data-check.ts';
export { reversalOf } from './reversed-scale.ts';
export { tableTraps } from './traps.ts';
