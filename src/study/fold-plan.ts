// The folder of a cross-validation: with what recipe and which folds it was begun. It goes on with these and no others.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError, show } from '../core/index.ts';
import { isCode, isLeftover, readJson, readText, writeFileAtomic } from '../files/index.ts';
import { listProblems } from '../model/index.ts';
import type { ResolvedRecipe } from '../train/index.ts';
import { changedKeys, formatRecipe, isSavedRecipe, readRunRecipe } from '../train/index.ts';

/** The run of a fold, counted from 1. */
export const foldFolder = (out: string, fold: number): string => join(out, `fold-${fold}`);

/** The scores in a folder. */
export const scoresOf = (folder: string): string => join(folder, 'scores.jsonl');

/** Most folds: as many as the description of a file of scores has models. */
export const MAX_FOLDS = 1000;

interface Plan {
  format: 1;
  /** Names of the clips of each fold. */
  folds: string[][];
}

const schema: z.ZodType<Plan> = z.strictObject({
  format: z.literal(1),
  folds: z.array(z.array(z.string())).min(2).max(MAX_FOLDS),
});

const planFile = (out: string): string => join(out, 'cross-validation.json');

/**
 * The folds that a folder was begun with.
 * @returns names of the clips of each; null where there is no cross-validation
 */
export async function readFoldPlan(out: string): Promise<string[][] | null> {
  const json = await readJson(planFile(out), 'bad-input');
  if (json === undefined) return null;
  const result = schema.safeParse(json);
  if (result.success) return result.data.folds;
  const problems = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new UserError(
    'bad-input',
    `${planFile(out)}: expected the folds of a cross-validation, got: ${listProblems(problems)}`,
  );
}

/**
 * Begins a folder, or checks that it was begun with the same recipe and folds.
 * @param resolved - the recipe of all folds, settled; its `out` is the folder
 * @param folds - names of the clips of each fold
 * @param resume - whether it may have been begun
 * @throws UserError `bad-input` for a folder that holds something else, or other folds; `bad-recipe` for another recipe
 */
export async function beginFolds(resolved: ResolvedRecipe, folds: readonly string[][], resume: boolean): Promise<void> {
  const { out } = resolved.recipe;
  const before = await readFoldPlan(out);
  if (before === null) {
    // A folder that was left between the two writes below has our recipe alone; one that somebody wrote is theirs.
    const recipe = await readText(join(out, RECIPE), 'bad-input', 1_000_000);
    const isOurs = recipe !== undefined && isSavedRecipe(recipe);
    const other = (await entriesOf(out)).find((name) => name !== RECIPE || !isOurs);
    if (other !== undefined) {
      throw new UserError('bad-input', `${out}: expected a new or empty folder, got one with ${show(other)} in it`);
    }
    await writeFileAtomic(join(out, RECIPE), formatRecipe(resolved.recipe, resolved.provenance));
    await writeFileAtomic(planFile(out), `${JSON.stringify({ format: 1, folds })}\n`);
    return;
  }
  if (!resume) {
    throw new UserError('bad-input', `${out}: expected a new or empty folder, got one with a cross-validation in it`, {
      hint: 'Add --resume to go on with it, or choose another folder.',
    });
  }
  const hint = 'Go on with what it was begun with, or choose another folder.';
  if (before.length !== folds.length) {
    throw new UserError('bad-input', `${out}: expected ${before.length} folds, got ${folds.length}`, { hint });
  }
  const changed = changedKeys((await readRunRecipe(out)).recipe, resolved.recipe);
  if (changed.length > 0) {
    const expected = 'expected the recipe that the cross-validation was begun with';
    throw new UserError('bad-recipe', `${join(out, RECIPE)}: ${expected}, got another ${changed.join(', ')}`, { hint });
  }
  const moved = folds.flat().find((name, i) => name !== before.flat()[i]);
  if (moved !== undefined || folds.flat().length !== before.flat().length) {
    throw new UserError(
      'bad-input',
      `${resolved.recipe.data.manifest}: expected the clips and groups that ${out} was begun with, got others`,
      { hint },
    );
  }
}

const RECIPE = 'recipe.yaml';

/** What a folder holds, but for locks and leftovers. */
async function entriesOf(out: string): Promise<string[]> {
  const entries = await readdir(out).catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  });
  return entries.filter((name) => !isLeftover(name) && !name.endsWith('.lock'));
}
