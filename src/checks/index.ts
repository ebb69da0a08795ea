/**
 * What can be found out without training, as data for any front end: checks of a data set, opinion scores of raw votes, what the model
 * gets of a clip, and what this machine has.
 * @module checks
 */
export type { DataCheck, DataCheckOptions, DuplicatePictures, ScoreSummary } from './data-check.ts';
export { NEARLY_EQUAL, checkData, smallFrame } from './data-check.ts';
export type { DoctorOptions } from './doctor.ts';
export { doctor } from './doctor.ts';
export type { Finding } from './finding.ts';
export type {
  InspectedFrames,
  InspectedMask,
  InspectedModel,
  InspectFramesOptions,
  UninspectedFrames,
} from './inspect.ts';
export { inspectFrames, inspectMask, inspectModel } from './inspect.ts';
export type { OpinionOptions, OpinionReport, OpinionRow, OpinionTable } from './opinions.ts';
export { opinionsOfVotes, opinionTable, raterTable } from './opinions.ts';
