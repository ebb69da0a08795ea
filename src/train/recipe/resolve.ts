// Layers of settings to one checked recipe: defaults, then the recipe it starts from, then a program's, the file's, the flags'.
import { invariant, nearest } from '../../core/index.ts';
import { dirname, resolve } from 'node:path';
import { parseYaml, showValue, treeOf } from '../../files/index.ts';
import { findClashes, reasonUnused, unusedKeys } from './checks.ts';
import type { JsonSchema } from './keys.ts';
import { isSection, recipeKeys, recipeRoot } from './keys.ts';
import type { PresetName } from './presets.ts';
import { recipePresets } from './presets.ts';
import type { RecipeProblem } from './problem.ts';
import { fromFlag, recipeError } from './problem.ts';
import { recipeSchema } from './schema.ts';
import type { Setting, Settings } from './settings.ts';
import { collectSettings, parseSets } from './settings.ts';
import type { Recipe, RecipeInput } from './types.ts';

/** A recipe file that was read. */
export interface RecipeFile {
  /** Its path, as the user wrote it; messages name it so. */
  path: string;
  /** Its text: YAML, at most 65,536 characters. */
  text: string;
  /** Whether it is the recipe of a run, whose keys have the names of the version that wrote it; default false. */
  isSaved?: boolean;
}

/** What a recipe is put together from; each goes before those above it. */
export interface RecipeSources {
  /** Values given by a program; their paths are relative to `folder`. */
  base?: RecipeInput;
  /** A recipe file; paths in it are relative to the file's own folder. */
  file?: RecipeFile;
  /** Arguments of `--set`, `KEY=VALUE` with a key like `lora.rank` and a value in YAML; their paths are relative to `folder`. */
  sets?: readonly string[];
  /** The folder that paths of `base`, of `sets` and of the file's name are relative to; default: the working directory. */
  folder?: string;
}

/** A recipe with all values, and where they come from. */
export interface ResolvedRecipe {
  /** The recipe; its paths are absolute. */
  recipe: Recipe;
  /** By key (`lora.rank`): `default`, `recipe paper`, `base`, `recipe.yaml:12` or `--set`. */
  provenance: Map<string, string>;
}

/**
 * Puts a recipe together and checks it.
 * @param sources - file, flags, values
 * @returns the recipe and where its values come from
 * @throws UserError `bad-recipe` that lists everything that is wrong, with file and line
 */
export function resolveRecipe(sources: RecipeSources): ResolvedRecipe {
  const { base, file, sets = [], folder = process.cwd() } = sources;
  const problems: RecipeProblem[] = [];
  const user: Settings = base === undefined ? new Map() : collectSettings(treeOf(base, 'base'), folder, problems);
  if (file !== undefined) {
    const tree = parseYaml(file.text, (line) => `${file.path}:${line}`, problems);
    // Whatever a file without syntax lacks is no news.
    if (tree === undefined) throw recipeError(file.path, problems);
    assign(user, collectSettings(tree, dirname(resolve(folder, file.path)), problems, file.isSaved));
  }
  assign(user, parseSets(sets, folder, problems));

  const name = user.get('recipe')?.value;
  const settings = presetSettings(name, folder, problems);
  assign(settings, user);

  const wrong = findWrong(settings);
  for (const key of wrong) problems.push(wrongValue(key, settings.get(key), file?.path ?? 'recipe'));
  const recipe = parse(settings, wrong);
  for (const { keys, ...clash } of findClashes(recipe)) {
    // What follows from a value that is wrong by itself is no news either.
    if (keys.some((key) => wrong.has(key))) continue;
    const blamed = user.has(keys[0]) ? keys[0] : (keys.find((key) => user.has(key)) ?? keys[0]);
    const where = user.get(blamed)?.where ?? settings.get(blamed)?.where ?? 'default';
    problems.push({ where, ...clash, key: keys[0] });
  }
  const unused = unusedKeys(recipe);
  for (const [key, { value, where }] of user) {
    const reason = wrong.has(key) ? undefined : reasonUnused(unused, key);
    // Null says that it is not there.
    if (reason === undefined || value === null) continue;
    // A run that goes on with another engine has settings of the one that it was begun with.
    if (file?.isSaved === true && key.startsWith('runtime.') && where.startsWith(`${file.path}:`)) continue;
    problems.push({ where, key, expected: `no value ${reason}`, got: showValue(value), hint: 'remove it' });
  }
  if (problems.length > 0) throw recipeError(file?.path ?? 'recipe', problems);
  const provenance = new Map<string, string>();
  for (const { key, schema } of recipeKeys.values()) {
    const where = settings.get(key)?.where ?? ('default' in schema ? 'default' : undefined);
    if (where !== undefined) provenance.set(key, where);
  }
  return { recipe, provenance };
}

/** Keys that say one thing: a layer that sets one of them leaves nothing of what is below it in the others. */
const together: readonly (readonly string[])[] = [
  ['data.columns.video', 'data.columns.image'],
  ['data.target', 'data.columns.mos'],
];

/** What a recipe starts from. Which one `auto` is depends on the model (`chooseRecipe`); until then it is the paper's. */
function presetSettings(name: unknown, folder: string, problems: RecipeProblem[]): Settings {
  if (typeof name !== 'string') return new Map();
  const preset = name === 'auto' ? 'paper' : name;
  if (!Object.hasOwn(recipePresets, preset)) return new Map();
  return collectSettings(treeOf(recipePresets[preset as PresetName], `recipe ${name}`), folder, problems);
}

function assign(settings: Settings, later: Settings): void {
  for (const keys of together) {
    if (keys.some((key) => later.has(key))) for (const key of keys) settings.delete(key);
  }
  for (const [key, setting] of later) settings.set(key, setting);
}

/** Keys whose value is wrong by itself or missing. */
function findWrong(settings: Settings): Set<string> {
  const result = recipeSchema.safeParse(nested(settings));
  const keys = new Set<string>();
  for (const { path } of result.error?.issues ?? []) {
    const key = path.map((_, i) => path.slice(0, i + 1).join('.')).find((prefix) => recipeKeys.has(prefix));
    invariant(key !== undefined, `the recipe has a problem at ${path.join('.')}, which is no key`);
    keys.add(key);
  }
  return keys;
}

/** The recipe, with something right in the place of what is wrong, so that the rest can be checked too. */
function parse(settings: Settings, wrong: ReadonlySet<string>): Recipe {
  const right: Settings = new Map([...settings].filter(([key]) => !wrong.has(key)));
  for (const { key, schema } of recipeKeys.values()) {
    if (wrong.has(key) && !('default' in schema)) right.set(key, { value: '(wrong)', where: '' });
  }
  return recipeSchema.parse(nested(right));
}

function nested(settings: Settings): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [name, child] of recipeRoot.children) if (isSection(child)) root[name] = {};
  for (const [key, { value }] of settings) {
    const names = key.split('.');
    const last = names.pop()!;
    let at = root;
    for (const name of names) at = (at[name] ??= {}) as Record<string, unknown>;
    at[last] = value;
  }
  return root;
}

function wrongValue(key: string, setting: Setting | undefined, source: string): RecipeProblem {
  const { schema, expected } = recipeKeys.get(key)!;
  if (setting === undefined) {
    const hint = `set it in the recipe or with ${fromFlag} ${key}=…`;
    return { where: source, key, expected, got: 'nothing', hint };
  }
  const { value, where } = setting;
  const near = typeof value === 'string' ? nearest(value, words(schema)) : undefined;
  return {
    where,
    key,
    expected,
    got: showValue(value),
    ...(near === undefined ? {} : { hint: `did you mean ${near}?` }),
  };
}

function words(schema: JsonSchema): string[] {
  if (schema.anyOf) return schema.anyOf.flatMap(words);
  return [...(schema.enum ?? []), schema.const].filter((word) => typeof word === 'string');
}

/**
 * Whether a value is nobody's choice: a default, or from the recipe that this one starts from.
 * @param origin - from {@link ResolvedRecipe.provenance}
 */
export function isPresetOrigin(origin: string | undefined): boolean {
  return origin === undefined || origin === 'default' || /^recipe (paper|small|auto)$/.test(origin);
}
