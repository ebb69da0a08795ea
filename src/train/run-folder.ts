// The folder of a run: begun once, gone on with by the same recipe only.
import { access, constants, readFile, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { UserError, shellWord, show } from '../core/index.ts';
import type { Lock } from '../files/index.ts';
import { isWorkerLog } from '../engine/index.ts';
import { acquireLock, isCode, isLeftover, makeFolder, removeLeftovers, writeFileAtomic } from '../files/index.ts';
import { pinnedName } from '../model/index.ts';
import { storedPixels } from '../video/index.ts';
import type { Recipe, ResolvedRecipe } from './recipe/index.ts';
import { formatRecipe, isSavedRecipe, resolveRecipe } from './recipe/index.ts';
import { checkpointSteps } from './state.ts';

/** Sections that may differ when a run goes on: they change where and how fast, not what. */
const free = new Set(['out', 'runtime']);

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

/** A run's folder, which this process alone writes to until it is given back. */
export interface RunFolder extends AsyncDisposable {
  /** Makes the folder, where it is missing, and puts the recipe into it. Everything that can be wrong has been checked by then. */
  begin: () => Promise<void>;
  /** What a user should know of it; empty for nothing. */
  readonly note: string;
  /**
   * Checks that the folder is where it was, and still this process's.
   * @throws UserError `bad-input` when it was moved, deleted or taken over
   */
  requireInPlace: () => Promise<void>;
}

/**
 * Looks at a run's folder: a new place, or a run of the same recipe. A run that has no checkpoint is begun anew, whatever its recipe:
 * nothing is lost, and who mends a mistake need not clear up. Nothing is written before {@link RunFolder.begin}, but the lock of a
 * folder that is there.
 * @param resolved - the recipe, from {@link pinModel}
 * @param resume - whether a run that was begun may go on
 * @throws UserError `bad-input` for a folder with something else in it, or that another process writes to; `bad-recipe` for a run of
 *   another recipe
 */
export async function openRunFolder(resolved: ResolvedRecipe, resume: boolean): Promise<RunFolder> {
  const { out } = resolved.recipe;
  const isThere = await requirePlace(out);
  let lock: Lock | null = isThere ? await acquireLock(join(out, LOCK_FILE), out) : null;
  const release = async (): Promise<void> => lock?.release();
  try {
    const found = isThere ? await look(out) : 'nothing';
    let keeps = false;
    let note = '';
    if (found === 'run') {
      await requireSameRecipe(resolved, resume);
      keeps = true;
    } else if (found === 'no checkpoint') {
      const same = await requireSameRecipe(resolved, true).then(
        () => true,
        () => false,
      );
      if (!same || !resume) note = `${out} held a run without a checkpoint: it is begun anew`;
    }
    return {
      note,
      begin: async () => {
        await makeFolder(out);
        lock ??= await acquireLock(join(out, LOCK_FILE), out);
        await removeLeftovers(out);
        if (keeps) return;
        // Another process may have been faster.
        if (!isThere && (await look(out)) !== 'nothing') throw await holdsSomething(out);
        for (const name of ['events.jsonl', 'plan.jsonl']) await rm(join(out, name), { force: true });
        await writeFileAtomic(join(out, RECIPE_FILE), formatRecipe(resolved.recipe, resolved.provenance));
      },
      requireInPlace: async () => lock?.requireHeld(),
      [Symbol.asyncDispose]: release,
    };
  } catch (error) {
    await release();
    throw error;
  }
}

const RECIPE_FILE = 'recipe.yaml';
const LOCK_FILE = 'run.lock';

/** Whether a folder is there; refused where there is none and none can be made. */
async function requirePlace(out: string): Promise<boolean> {
  const refuse = (got: string): UserError =>
    new UserError('bad-input', `${out}: expected a folder, or a place for one, got ${got}`);
  for (let path = resolve(out); ; path = dirname(path)) {
    const info = await stat(path).catch((error: unknown) => {
      if (isCode(error, 'ENOENT')) return null;
      throw isCode(error, 'ENOTDIR') ? refuse(`a file in the way`) : error;
    });
    if (info === null && dirname(path) !== path) continue;
    if (info?.isDirectory() !== true) throw refuse(`a file at ${path}`);
    await access(path, constants.W_OK);
    return path === resolve(out);
  }
}

/** Whether a file says what a folder holds: locks, half-written files and what workers printed are there with or without a run. */
const isSomebodys = (name: string): boolean => !name.startsWith(LOCK_FILE) && !isLeftover(name) && !isWorkerLog(name);

/** What a folder holds; an error for something that is no run. */
async function look(out: string): Promise<'nothing' | 'no checkpoint' | 'run'> {
  const entries = (await readdir(out)).filter(isSomebodys);
  if (entries.length === 0) return 'nothing';
  if (!entries.includes(RECIPE_FILE)) throw await holdsSomething(out);
  const ours = [RECIPE_FILE, 'events.jsonl', 'plan.jsonl', 'checkpoints'];
  if (entries.some((name) => !ours.includes(name)) || (await checkpointSteps(out)).length > 0) return 'run';
  // A recipe that somebody wrote there, to train by it, is theirs.
  const isOurs = entries.length > 1 || isSavedRecipe(await readFile(join(out, RECIPE_FILE), 'utf8'));
  return isOurs ? 'no checkpoint' : 'run';
}

async function holdsSomething(out: string): Promise<UserError> {
  const entries = (await readdir(out)).filter(isSomebodys);
  return new UserError('bad-input', `${out}: expected a new or empty folder, got one with ${show(entries[0])} in it`);
}

/**
 * How a run that has ended is trained further.
 * @param recipe - the run's
 */
export function howToTrainOn({ method, out }: Pick<Recipe, 'method' | 'out'>): string {
  const from = `--set ${method === 'full' ? 'model' : 'adapter'}=${shellWord(join(out, 'checkpoints', 'best'))}`;
  return `To train further, begin a new run from its best checkpoint, with a schedule of its own: ${from} --out ANOTHER_FOLDER`;
}

async function requireSameRecipe({ recipe }: ResolvedRecipe, resume: boolean): Promise<void> {
  const { out } = recipe;
  if (!resume) {
    throw new UserError('bad-input', `${out}: expected a new folder, got one that holds a run`, {
      hint: 'Add --resume to go on with that run, or choose another folder.',
    });
  }
  const { recipe: saved } = await pinModel(await readRunRecipe(out));
  const changed = changedKeys(saved, recipe);
  if (changed.length === 0) return;
  const other = changed.map((key) => (key === 'model' ? `model (${recipe.model})` : key)).join(', ');
  const hint = changed.includes('model')
    ? `The run's model is ${saved.model}; --out ${out} --resume, without a recipe, goes on with it.`
    : changed.includes('epochs')
      ? `The learning rate of that run falls to its end over ${saved.epochs} epochs. ${howToTrainOn(saved)}`
      : 'Resume without changes, or start a new run in another folder.';
  const where = join(out, RECIPE_FILE);
  throw new UserError('bad-recipe', `${where}: expected the recipe that the run was begun with, got another ${other}`, {
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
  const path = join(out, RECIPE_FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new UserError('bad-input', `${out}: expected the folder of a run, got no recipe.yaml in it`, { cause });
  }
  // Runs of versions that did not have these keys keep the pixels that they began with.
  return resolveRecipe({ base: { frames: storedPixels }, file: { path, text, isSaved: true }, sets });
}

/**
 * A run that goes on keeps its pixels where its recipe says nothing of them: the defaults of new recipes are others than those of runs
 * that began before there were such keys.
 * @param resume - whether a run goes on
 * @returns the recipe, with the run's own `frames.toneMap`, `deinterlace`, `squarePixels` and `profile` where nobody set them
 */
export async function keepPixels(resolved: ResolvedRecipe, resume: boolean): Promise<ResolvedRecipe> {
  const { out, frames } = resolved.recipe;
  const begun = resume && (await readdir(out).catch((): string[] => [])).includes('recipe.yaml');
  if (!begun) return resolved;
  const { frames: saved } = (await readRunRecipe(out)).recipe;
  const provenance = new Map(resolved.provenance);
  const keys = (Object.keys(storedPixels) as (keyof typeof storedPixels)[]).filter(
    (key) => provenance.get(`frames.${key}`) === 'default' && frames[key] !== saved[key],
  );
  for (const key of keys) provenance.set(`frames.${key}`, 'the run');
  const kept = Object.fromEntries(keys.map((key) => [key, saved[key]]));
  return { recipe: { ...resolved.recipe, frames: { ...frames, ...kept } }, provenance };
}

/**
 * Keys, joined by dots, at which two recipes of one run may not differ.
 * @param saved - what the run was begun with
 * @param recipe - what it is to go on with
 */
export function changedKeys(saved: Recipe, recipe: Recipe): string[] {
  return differences(saved, recipe).filter((key) => !free.has(key.split('.')[0]!));
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
