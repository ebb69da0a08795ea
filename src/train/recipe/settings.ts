// The values that a file, flags or a program set, key by key, each with the place it came from.
import { resolve } from 'node:path';
import { nearest, show } from '../../core/index.ts';
import type { Tree } from '../../files/index.ts';
import { parseYaml, showValue } from '../../files/index.ts';
import { EMBEDDED_MODEL, SHIPPED_ADAPTER, isHubName } from '../../model/index.ts';
import type { JsonSchema, RecipeKey, RecipeSection } from './keys.ts';
import { isSection, recipeKeys, recipeRoot } from './keys.ts';
import type { RecipeProblem } from './problem.ts';
import { fromFlag } from './problem.ts';
import { renamedKeys } from './renamed.ts';

/** A value of one key. */
export interface Setting {
  /** The value; not checked against the schema. Paths are absolute. */
  value: unknown;
  /** Where it came from: `recipe.yaml:12`, `--set`, `recipe paper`, or the name of another source. */
  where: string;
}

/** Values by key, joined by dots. */
export type Settings = Map<string, Setting>;

/**
 * Sorts a tree's values under the keys of a recipe. Later ones replace earlier ones.
 * @param tree - what was read
 * @param folder - the folder that its paths are relative to
 * @param problems - receives unknown keys, and values where a section belongs
 * @param readsOldNames - whether keys may have names of earlier versions; default false
 */
export function collectSettings(
  tree: Tree,
  folder: string,
  problems: RecipeProblem[],
  readsOldNames = false,
): Settings {
  const settings: Settings = new Map();
  const walk = (section: RecipeSection, prefix: string, { value, entries, where }: Tree): void => {
    if (entries === undefined) {
      // A section whose keys are all commented out.
      if (value === null) return;
      problems.push({ where, key: prefix, expected: 'keys with values', got: showValue(value) });
      return;
    }
    for (const [given, child] of entries) {
      const keyOf = (name: string): string => (prefix === '' ? name : `${prefix}.${name}`);
      const renamed = renamedKeys.get(keyOf(given));
      if (renamed !== undefined && !readsOldNames) {
        const hint = 'the key was renamed';
        problems.push({ where: child.where, key: '', expected: renamed, got: keyOf(given), hint });
        continue;
      }
      const name = renamed?.split('.').at(-1) ?? given;
      const known = section.children.get(name);
      const key = keyOf(name);
      if (known === undefined) problems.push(unknownKey(name, section, prefix, child.where));
      else if (isSection(known)) walk(known, key, child);
      else settings.set(key, { value: leafValue(known, child, folder), where: child.where });
    }
  };
  walk(recipeRoot, '', tree);
  return settings;
}

/**
 * Reads the arguments of `--set`.
 * @param flags - each `KEY=VALUE`: the key joined by dots, the value in YAML
 * @param folder - the folder that paths are relative to
 * @param problems - receives what is wrong
 */
export function parseSets(flags: readonly string[], folder: string, problems: RecipeProblem[]): Settings {
  const settings: Settings = new Map();
  for (const flag of flags) {
    const cut = flag.indexOf('=');
    if (cut < 1) {
      problems.push({ where: fromFlag, key: '', expected: 'KEY=VALUE', got: show(flag) });
      continue;
    }
    const [key, text] = [flag.slice(0, cut).trim(), flag.slice(cut + 1)];
    const found: RecipeProblem[] = [];
    let tree = parseYaml(text, () => fromFlag, found, false);
    problems.push(...found.map((problem) => ({ ...problem, key })));
    if (tree === undefined) continue;
    for (const name of key.split('.').toReversed()) {
      tree = { where: fromFlag, value: Object.fromEntries([[name, tree.value]]), entries: [[name, tree]] };
    }
    for (const [name, setting] of collectSettings(tree, folder, problems)) settings.set(name, setting);
  }
  return settings;
}

function leafValue({ key, schema }: RecipeKey, { value, source }: Tree, folder: string): unknown {
  if (key === 'questions' && Array.isArray(value)) return value.map((one: unknown) => withTemplatePath(one, folder));
  const alternatives = schema.anyOf ?? [schema];
  const isText = (alternative: JsonSchema): boolean =>
    alternative.type === 'string' && alternative.enum === undefined && alternative.const === undefined;
  // A column may well be called 1 or true.
  const wantsText = typeof value !== 'string' && value !== null && source !== undefined && alternatives.some(isText);
  const given = wantsText ? source : value;
  if (typeof given !== 'string' || given === '') return given;
  // A name stays one, unless it is that of a folder from where the command runs: then the path is wrong, but for that of what ships.
  const isName = isHubName(given, folder) && (given === EMBEDDED_MODEL || isHubName(given));
  if (schema.format === 'model' && isName) return given;
  if (key === 'adapter' && given === SHIPPED_ADAPTER) return given;
  const isPath =
    key === 'prompt.template'
      ? isTemplatePath(given)
      : alternatives.some(({ format }) => format === 'path' || format === 'model');
  return isPath ? resolve(folder, given) : given;
}

const isTemplatePath = (name: string): boolean => /[./\\]/.test(name);

/** A further question, not checked, whose template has an absolute path. */
function withTemplatePath(question: unknown, folder: string): unknown {
  const { template } = (question ?? {}) as { template?: unknown };
  if (typeof template !== 'string' || !isTemplatePath(template)) return question;
  return { ...(question as object), template: resolve(folder, template) };
}

function unknownKey(name: string, section: RecipeSection, prefix: string, where: string): RecipeProblem {
  const own = [...section.children.keys()];
  const base = {
    where,
    key: prefix,
    expected: prefix === '' ? 'a key of a recipe' : `a key of ${prefix}`,
    got: show(name),
  };
  const near = nearest(name.replaceAll(/[-_]/g, ''), own) ?? nearest(name, own);
  if (near !== undefined) return { ...base, hint: `did you mean ${near}?` };
  // A key that belongs into another section, or was written with dots.
  const last = name.split('.').at(-1)!;
  const lastOf = (key: string): string => key.split('.').at(-1)!;
  const elsewhere = nearest(last.replaceAll(/[-_]/g, ''), [...recipeKeys.keys()].map(lastOf));
  const keys = [...recipeKeys.keys()].filter((key) => lastOf(key) === elsewhere);
  const meant = keys.find((key) => key === name) ?? keys[0];
  return { ...base, hint: meant === undefined ? `keys: ${own.join(', ')}` : `did you mean ${inSection(meant)}?` };
}

function inSection(key: string): string {
  const [last, ...sections] = key.split('.').toReversed();
  return sections.length === 0 ? key : `${last} in the section ${sections.toReversed().join('.')}`;
}
