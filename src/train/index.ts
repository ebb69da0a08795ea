/**
 * Training: objectives, the step, the loop.
 * @module train
 */
export * from './adamw.ts';
export * from './feeds.ts';
export * from './objective.ts';
export * from './recipe/index.ts';
export * from './schedule.ts';
export * from './soft-label.ts';
export * from './step.ts';
