// A run that starts from an adapter has that adapter's rank, scale and targets: they become the recipe's.
import { UserError } from '../core/index.ts';
import { openCheckpoint, readAdapter, startAdapter } from '../model/index.ts';
import type { ResolvedRecipe } from './recipe/index.ts';
import { isPresetOrigin } from './recipe/index.ts';

const keys = ['rank', 'alpha', 'rslora', 'targets', 'layers'] as const;

/**
 * Puts the settings of the adapter that a recipe starts from into the recipe. Dropout stays the recipe's own.
 * @param resolved - the recipe; returned as it is without an adapter
 * @throws UserError `bad-recipe` when the user set one of them otherwise; `bad-checkpoint` for an adapter that does not fit
 */
export async function inheritAdapterSettings(resolved: ResolvedRecipe): Promise<ResolvedRecipe> {
  const { recipe } = resolved;
  if (recipe.adapter === null || recipe.method === 'full') return resolved;
  const adapter = await readAdapter(startAdapter(recipe.adapter), await openCheckpoint(recipe.model));
  const provenance = new Map(resolved.provenance);
  const differs = keys.filter((key) => JSON.stringify(recipe.lora[key]) !== JSON.stringify(adapter.lora[key]));
  const clashes = differs.filter((key) => !isPresetOrigin(provenance.get(`lora.${key}`)));
  if (clashes.length > 0) {
    const expected = clashes.map((key) => `lora.${key}=${JSON.stringify(adapter.lora[key])}`).join(', ');
    const got = clashes.map((key) => JSON.stringify(recipe.lora[key])).join(', ');
    throw new UserError('bad-recipe', `${recipe.adapter}: expected ${expected}, which the adapter has, got ${got}`, {
      hint: 'Leave these keys out of the recipe.',
    });
  }
  for (const key of differs) provenance.set(`lora.${key}`, 'the adapter');
  return { recipe: { ...recipe, lora: { ...recipe.lora, ...adapter.lora, dropout: recipe.lora.dropout } }, provenance };
}
