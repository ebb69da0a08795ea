// What other layers use of recipes.
export { recipeDocs } from './docs.ts';
export { formatRecipe, isSavedRecipe } from './format.ts';
export type { JsonSchema } from './keys.ts';
export { recipeJsonSchema } from './keys.ts';
export { recipePresets } from './presets.ts';
export type { RecipeFile, RecipeSources, ResolvedRecipe } from './resolve.ts';
export { resolveRecipe } from './resolve.ts';
export { recipeNames, recipeSchema } from './schema.ts';
export type { Recipe, RecipeInput } from './types.ts';
