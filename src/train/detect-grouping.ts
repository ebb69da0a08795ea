// Detects which clips a split keeps together and stores it in the recipe, so that a resumed run has the same split.
import { UserError } from '../core/index.ts';
import { groupingOf, loadManifest } from '../dataset/index.ts';
import { tableOptions } from './inherit-table.ts';
import type { Recipe, ResolvedRecipe } from './recipe/index.ts';
import { readRunRecipe } from './run-folder.ts';

/**
 * Puts what the split keeps together into the recipe, where the recipe leaves it open and a share or a fold is held out.
 * @param resume - whether the run in the recipe's folder goes on, if there is one: then it is as that run has it, also where it was
 *   begun by a version that knew groups only. Default false
 */
export async function detectGrouping(resolved: ResolvedRecipe, resume = false): Promise<ResolvedRecipe> {
  const { recipe, provenance } = resolved;
  const { data, out } = recipe;
  const isCut = data.fold !== null || (data.validation !== null && 'fraction' in data.validation);
  if (data.groupBy !== null || !isCut) return resolved;
  const saved = resume ? await savedRecipe(out) : null;
  const groupBy =
    saved === null
      ? groupingOf((await loadManifest(data.manifest, { ...tableOptions(data), checkMedia: false })).rows)
      : saved.data.groupBy;
  if (groupBy === null) return resolved;
  const where = saved === null ? 'the table' : 'the run';
  return {
    recipe: { ...recipe, data: { ...data, groupBy } },
    provenance: new Map(provenance).set('data.groupBy', where),
  };
}

/** The recipe of a folder's run; null where there is none that can be read, so that the run begins anew. */
async function savedRecipe(out: string): Promise<Recipe | null> {
  try {
    return (await readRunRecipe(out)).recipe;
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
}
