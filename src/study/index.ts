/**
 * Several models together: ensembles, cross-validation.
 * @module study
 */
export type {
  CrossValidateOptions,
  CrossValidationEvent,
  FoldEvent,
  FoldsEndEvent,
  FoldsStartEvent,
  FoldTrainEvent,
} from './cross-validate.ts';
export { crossValidate } from './cross-validate.ts';
export type { PlannedRuns, StudyPlan, StudyRun } from './grid/plan.ts';
export { planStudy } from './grid/plan.ts';
export type { ChosenCheckpoint, FreeAnswerCount, ResultDescription, ResultScore, RunResult } from './grid/result.ts';
export type { ReportedClip, RunTold } from './grid/work.ts';
export type { RunFailure, StudyEvent, StudyForecast, StudyOptions } from './grid/study.ts';
export { forecastStudy, readFailures, readResults, runStudy } from './grid/study.ts';
export type { LearningRateSearch, Readout, Study, StudyArm } from './grid/study-file.ts';
export { readStudy } from './grid/study-file.ts';
export type { StudyTable, StudyTableArm } from './grid/table.ts';
export { tabulate } from './grid/table.ts';
export type { Trial, Trials } from './grid/trials.ts';
export { planTrials } from './grid/trials.ts';
export { fitWeights } from './ensemble-fit.ts';
export { rankAmong } from './ensemble-ranks.ts';
export type { StoredMember } from './ensemble-file.ts';
export { isEnsemble } from './ensemble-file.ts';
export { paperWeights, parseWeights } from './ensemble-weights.ts';
export type { EnsembleScore } from './ensemble-combine.ts';
export type { Ensemble, EnsembleCombination, EnsembleMember, EnsembleOptions } from './ensemble.ts';
export { createEnsemble, loadEnsemble } from './ensemble.ts';
