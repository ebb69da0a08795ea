/**
 * Training: recipes, objectives, the step, the loop.
 * @module train
 */
export * from './adamw.ts';
export * from './adopt-adapter.ts';
export * from './adopt-groups.ts';
export * from './adopt-table.ts';
export * from './advice.ts';
export * from './choose-recipe.ts';
export * from './clip-store.ts';
export * from './data.ts';
export * from './estimate.ts';
export * from './events.ts';
export * from './feeds.ts';
export * from './lower-outputs.ts';
export * from './objective.ts';
export * from './order.ts';
export * from './recipe/index.ts';
export * from './run-folder.ts';
export * from './schedule.ts';
export * from './setup.ts';
export * from './soft-label.ts';
export * from './start-agreement.ts';
export * from './state.ts';
export * from './step.ts';
export * from './train.ts';
export * from './update.ts';
export * from './validate.ts';
