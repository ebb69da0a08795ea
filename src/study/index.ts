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
export type { StoredMember } from './ensemble-file.ts';
export { isEnsemble } from './ensemble-file.ts';
export { paperWeights, parseWeights } from './ensemble-weights.ts';
export type { Ensemble, EnsembleMember, EnsembleScore } from './ensemble.ts';
export { createEnsemble, loadEnsemble } from './ensemble.ts';
