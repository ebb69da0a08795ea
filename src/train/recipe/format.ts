// A recipe as a YAML file that says where each value came from, and gives the same recipe when it is read.
import { stringify } from 'yaml';
import { reasonUnused, unusedKeys } from './checks.ts';
import type { RecipeSection } from './keys.ts';
import { isSection, recipeRoot } from './keys.ts';
import type { Recipe } from './types.ts';

/**
 * Writes a recipe.
 * @param recipe - from `resolveRecipe`
 * @param provenance - from `resolveRecipe`
 * @returns YAML: one line for each key, with where its value came from behind it; keys without effect are comments
 */
export function formatRecipe(recipe: Recipe, provenance: ReadonlyMap<string, string>): string {
  const unused = unusedKeys(recipe);
  const write = (section: RecipeSection, values: Record<string, unknown>, indent: string): string[] =>
    [...section.children].flatMap(([name, child]) => {
      const value = values[name];
      if (value === undefined) return [];
      if (isSection(child)) {
        const lines = write(child, value as Record<string, unknown>, `${indent}  `);
        return lines.length === 0 ? [] : [`${indent}${name}:`, ...lines];
      }
      const reason = reasonUnused(unused, child.key);
      const line = `${name}: ${formatValue(value)}`;
      const origin = (provenance.get(child.key) ?? 'default').replaceAll(/\p{C}|\p{Zl}|\p{Zp}/gu, '?');
      return [reason === undefined ? `${indent}${line} # ${origin}` : `${indent}# ${line} (not used ${reason})`];
    });
  return `${write(recipeRoot, recipe as unknown as Record<string, unknown>, '').join('\n')}\n`;
}

/**
 * Whether a text is a recipe as {@link formatRecipe} writes it, and not one that somebody wrote.
 * @param text - YAML
 */
export function isSavedRecipe(text: string): boolean {
  const lines = text.split('\n').filter((line) => line !== '' && !/^ *\w+:$/.test(line));
  return lines.length > 0 && lines.every((line) => /^ *# .*\(not used .*\)$|^ *\w+: .* # ./.test(line));
}

/** One line of YAML. */
function formatValue(value: unknown): string {
  if (typeof value === 'string') {
    // JSON's quoting wherever YAML might read something else.
    return /^[\w./-][\w./ -]*$/.test(value) && stringify(value).trimEnd() === value ? value : JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map(formatValue).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return stringify(value).trimEnd();
  return `{ ${Object.entries(value)
    .map(([name, child]) => `${name}: ${formatValue(child)}`)
    .join(', ')} }`;
}
