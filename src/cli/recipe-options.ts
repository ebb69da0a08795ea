// The recipe of a command: a file, flags, or both.
import { UserError, oneLine } from '../core/index.ts';
import type { EngineName } from '../engine/index.ts';
import type { DecoderName } from '../video/index.ts';
import { readText } from '../files/index.ts';
import type { RecipeSources, ResolvedRecipe } from '../train/index.ts';
import type { TableFlags } from './table-options.ts';
import { tableSets } from './table-options.ts';
import { isSavedRecipe, readRunRecipe, resolveRecipe } from '../train/index.ts';

/** Most bytes of a recipe; one with every key has 3,000. */
export const MAX_RECIPE = 1_000_000;

/** Flags that set keys of a recipe. */
export interface RecipeFlags extends TableFlags, EngineFlags {
  /** `KEY=VALUE` each. */
  set?: string[];
  /** Same as `--set data.manifest=`. */
  manifest?: string;
  /** Same as `--set model=`. */
  model?: string;
  /** Same as `--set out=`. */
  out?: string;
  /** Same as `--set frames.decoder=`. */
  decoder?: DecoderName;
}

/** Flags of the engine: the same as `--set runtime.NAME=`. */
export interface EngineFlags {
  /** Who computes. */
  engine?: EngineName;
  /** Python of the torch engine. */
  python?: string;
  /** Its devices. */
  devices?: 'auto' | number;
  /** How these hold the model. */
  shard?: 'auto' | 'none' | 'full';
  /** Type of frozen weights and products. */
  precision?: 'auto' | 'float32' | 'bfloat16';
}

/**
 * Puts the recipe of a command together. Flags alone start from the recipe `auto`; a file says for itself what it starts from. What
 * depends on the model or the table is settled by who uses it.
 * @param path - recipe file; undefined for none
 * @param flags - what is set on the command line
 * @param fallback - values where neither says anything, such as the `out` of commands that write none
 */
export async function recipeOf(
  path: string | undefined,
  flags: RecipeFlags,
  fallback: Readonly<Record<string, string>> = {},
): Promise<ResolvedRecipe> {
  return resolveRecipe(await recipeSources(path, flags, fallback));
}

/** What {@link recipeOf} puts together. */
export async function recipeSources(
  path: string | undefined,
  flags: RecipeFlags,
  fallback: Readonly<Record<string, string>> = {},
): Promise<RecipeSources> {
  const sets = setsOf(flags);
  if (path === undefined) return { base: { recipe: 'auto', ...fallback }, sets };
  const text = await readText(path, 'bad-input', MAX_RECIPE);
  if (text === undefined)
    throw new UserError('bad-input', `${oneLine(path)}: expected a recipe file, got no such file`);
  // A run's own recipe may have been written by an earlier version.
  return { base: fallback, file: { path, text, isSaved: isSavedRecipe(text) }, sets };
}

/**
 * The recipe of a run that goes on: the one it was begun with, unless another is given.
 * @param path - recipe file; undefined for none
 * @param flags - what is set on the command line; `out` names the run when there is no file
 */
export async function recipeToResume(path: string | undefined, flags: RecipeFlags): Promise<ResolvedRecipe> {
  if (path === undefined && flags.out !== undefined) return readRunRecipe(flags.out, setsOf(flags));
  return recipeOf(path, flags);
}

/** All that the command line sets, as `KEY=VALUE`. */
function setsOf(flags: RecipeFlags): string[] {
  const named = {
    'data.manifest': flags.manifest,
    model: flags.model,
    out: flags.out,
    'frames.decoder': flags.decoder,
    'runtime.engine': flags.engine,
    'runtime.devices': flags.devices,
    'runtime.shard': flags.shard,
    'runtime.precision': flags.precision,
  };
  const given = Object.entries(named).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${JSON.stringify(value)}`],
  );
  return [...given, ...tableSets(flags), ...(flags.set ?? [])];
}
