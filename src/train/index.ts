/**
 * Training: recipes, rows, the loop, checkpoints.
 * @module train
 */
export { inheritAdapterSettings } from './inherit-adapter.ts';
export { detectGrouping } from './detect-grouping.ts';
export { inheritTableOptions } from './inherit-table.ts';
export { chooseRecipe } from './choose-recipe.ts';
export type { RatedRow } from './data.ts';
export { readFoldRows, readRunRows } from './data.ts';
export type { EstimatedPart, RunEstimate } from './estimate.ts';
export { estimateRun } from './estimate.ts';
export type { DeviceEstimate } from './estimate-devices.ts';
export { estimateDevices } from './estimate-devices.ts';
export type { TrainEvent, ValidationScores } from './events.ts';
export type { Learner } from './loop.ts';
export { resumeLoop, runLoop } from './loop.ts';
export { engineRuntime, formatRecipe, isSavedRecipe, recipeKeyNames, resolveRecipe } from './recipe/index.ts';
export type { RecipeFile, RecipeSources, ResolvedRecipe, Recipe, RecipeInput } from './recipe/index.ts';
export { changedKeys, readRunRecipe } from './run-folder.ts';
export { learningRateFactor } from './schedule.ts';
export { scorerSettings } from './scorer-settings.ts';
export { openTraining } from './setup.ts';
export { checkpointFolder, readOptimizer, writeOptimizer } from './state.ts';
export type { TrainOptions } from './train.ts';
export { train } from './train.ts';
