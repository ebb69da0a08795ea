// Recipes without the places of a machine.
import { isAbsolute, relative } from 'node:path';
import type { Recipe } from '../../train/index.ts';

/**
 * A recipe whose paths are relative to a folder, with `/` between names.
 * @param recipe - the recipe; its `out` is left out
 * @param folder - the folder, that of the study's file
 */
export function withoutPlaces({ out: _out, ...recipe }: Recipe, folder: string): Record<string, unknown> {
  const short = (path: string): string => (isAbsolute(path) ? relative(folder, path).replaceAll('\\', '/') : path);
  const { data, prompt, questions } = recipe;
  return {
    ...recipe,
    model: short(recipe.model),
    adapter: recipe.adapter && short(recipe.adapter),
    data: { ...data, manifest: short(data.manifest), mediaRoot: data.mediaRoot && short(data.mediaRoot) },
    prompt: { ...prompt, template: short(prompt.template) },
    questions: questions.map((one) => ({ ...one, template: short(one.template) })),
  };
}
