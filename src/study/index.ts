/**
 * Several models together: ensembles.
 * @module study
 */
export * from './ensemble-file.ts';
export * from './ensemble-weights.ts';
export * from './ensemble.ts';
