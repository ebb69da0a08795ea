/**
 * Training: objectives, the step, the loop.
 * @module train
 */
export * from './objective.ts';
