// The folder of a run: begun once, gone on with by the same recipe only.
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, show } from '../core/index.ts';
import { removeLeftovers, writeFileAtomic } from '../files/index.ts';
import { pinnedName } from '../model/index.ts';
import type { Recipe, ResolvedRecipe } from './recipe/index.ts';
import { formatRecipe, resolveRecipe } from './recipe/index.ts';

/** Sections that may differ when a run goes on: they change where and how fast, not what. */
const free = new Set(['out', 'run']);

/**
 * Names a recipe's model of the hub by its commit: a run stays with the one that it was begun with, also when another is pulled.
 * @param resolved - the recipe; returned as it is where the model is a folder
 */
export async function pinModel(resolved: ResolvedRecipe): Promise<ResolvedRecipe> {
  const { recipe, provenance } = resolved;
  const model = await pinnedName(recipe.model);
  if (model === recipe.model) return resolved;
  const where = `${provenance.get('model') ?? 'default'}: ${recipe.model} at the time`;
  return { recipe: { ...recipe, model }, provenance: new Map(provenance).set('model', where) };
}

/**
 * Makes a run's folder, or checks that the one there is of the same recipe.
 * @param resolved - the recipe, from {@link pinModel}
 * @param resume - whether a run that was begun may go on
 * @throws UserError `bad-input` for a folder with something else in it; `bad-recipe` for a run of another recipe
 */
export async function openRunFolder(resolved: ResolvedRecipe, resume: boolean): Promise<void> {
  const { out } = resolved.recipe;
  await mkdir(out, { recursive: true }).catch((cause: unknown) => {
    throw new UserError('bad-input', `${out}: expected a folder, or a place for one, got ${(cause as Error).message}`);
  });
  await removeLeftovers(out);
  const entries = await readdir(out);
  const file = join(out, 'recipe.yaml');
  if (!entries.includes('recipe.yaml')) {
    if (entries.length > 0) {
      throw new UserError(
        'bad-input',
        `${out}: expected a new or empty folder, got one with ${show(entries[0])} in it`,
      );
    }
    await writeFileAtomic(file, formatRecipe(resolved.recipe, resolved.provenance));
    return;
  }
  if (!resume) {
    throw new UserError('bad-input', `${out}: expected a new folder, got one that holds a run`, {
      hint: 'Add --resume to go on with that run, or choose another folder.',
    });
  }
  const { recipe: saved } = await pinModel(await readRunRecipe(out));
  const changed = differences(saved, resolved.recipe).filter((key) => !free.has(key.split('.')[0]!));
  if (changed.length === 0) return;
  const other = changed.map((key) => (key === 'model' ? `model (${resolved.recipe.model})` : key)).join(', ');
  const hint = changed.includes('model')
    ? `The run's model is ${saved.model}; --out ${out} --resume, without a recipe, goes on with it.`
    : 'Resume without changes, or start a new run in another folder.';
  throw new UserError('bad-recipe', `${file}: expected the recipe that the run was begun with, got another ${other}`, {
    hint,
  });
}

/**
 * The recipe of a run.
 * @param out - the run folder
 * @param sets - `KEY=VALUE` each, which go before the run's own; default none
 * @throws UserError `bad-input` when there is none
 */
export async function readRunRecipe(out: string, sets: readonly string[] = []): Promise<ResolvedRecipe> {
  const path = join(out, 'recipe.yaml');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new UserError('bad-input', `${out}: expected the folder of a run, got no recipe.yaml in it`, { cause });
  }
  return resolveRecipe({ file: { path, text }, sets });
}

/** Keys, joined by dots, at which two recipes differ. */
function differences(a: Recipe, b: Recipe): string[] {
  const walk = (x: unknown, y: unknown, key: string): string[] => {
    const isTree = (v: unknown): v is Record<string, unknown> =>
      typeof v === 'object' && v !== null && !Array.isArray(v);
    if (!isTree(x) || !isTree(y)) return JSON.stringify(x) === JSON.stringify(y) ? [] : [key];
    const names = [...new Set([...Object.keys(x), ...Object.keys(y)])];
    return names.flatMap((name) => walk(x[name], y[name], key === '' ? name : `${key}.${name}`));
  };
  return walk(a, b, '');
}
