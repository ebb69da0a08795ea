// Names of runs, and the recipe that reported clips are scored by.
import type { RecipeSources, ResolvedRecipe } from '../../train/index.ts';
import { inheritTableOptions, resolveRecipe } from '../../train/index.ts';

/**
 * The name of a run, which is also its path in the folders of runs and of results.
 * @returns `ARM/seed-N`
 */
export const runName = (arm: string, seed: number): string => `${arm}/seed-${seed}`;

/**
 * The recipe that reported clips are scored by.
 * @param sources - from `sourcesOfScoring`
 */
export async function resolveScoring(sources: RecipeSources): Promise<ResolvedRecipe> {
  return inheritTableOptions(resolveRecipe(sources));
}
