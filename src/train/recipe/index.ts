// What other layers use of recipes.
export { recipeDocs } from './docs.ts';
export { formatRecipe, isSavedRecipe } from './format.ts';
export type { JsonSchema } from './keys.ts';
export { recipeJsonSchema, recipeKeyNames } from './keys.ts';
export type { PresetName } from './presets.ts';
export { SMALL_MODEL, recipePresets, smallLearningRates } from './presets.ts';
export type { RecipeFile, RecipeSources, ResolvedRecipe } from './resolve.ts';
export { isPresetOrigin, resolveRecipe } from './resolve.ts';
export { engineRuntime } from './runtime.ts';
export { recipeNames, recipeSchema } from './schema.ts';
export type { Recipe, RecipeInput } from './types.ts';
