/**
 * Training: objectives, the step, the loop.
 * @module train
 */
export * from './adamw.ts';
export * from './objective.ts';
export * from './schedule.ts';
export * from './step.ts';
