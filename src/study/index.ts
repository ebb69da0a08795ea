/**
 * Several models together: ensembles.
 * @module study
 */
export type { StoredMember } from './ensemble-file.ts';
export { isEnsemble } from './ensemble-file.ts';
export { paperWeights, parseWeights } from './ensemble-weights.ts';
export type { Ensemble, EnsembleMember, EnsembleScore } from './ensemble.ts';
export { createEnsemble, loadEnsemble } from './ensemble.ts';
