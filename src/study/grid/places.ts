// Recipes without the places of a machine.
import { isAbsolute, relative } from 'node:path';
import type { Recipe } from '../../train/index.ts';

/**
 * A recipe with paths relative to a folder.
 * @param recipe - the recipe; its `out` is left out
 * @param folder - the folder, that of the study's file
 */
export function withoutPlaces({ out: _out, ...recipe }: Recipe, folder: string): Record<string, unknown> {
  const text = JSON.stringify(recipe, (_, value: unknown) =>
    typeof value === 'string' && isAbsolute(value) ? relative(folder, value) : value,
  );
  return JSON.parse(text) as Record<string, unknown>;
}
