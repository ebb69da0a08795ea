// The file beside a table that says how it is read, once for every command: `clips.csv.yaml` for `clips.csv`.
import { basename, dirname, relative, resolve, sep } from 'node:path';
import { UserError, nearest, oneLine, show } from '../core/index.ts';
import type { SettingsProblem, Tree } from '../files/index.ts';
import { parseYaml, readText, showValue, writeFileAtomic } from '../files/index.ts';
import { mergeTableOptions, parseDelimiter } from './options.ts';
import type { TableOptions } from './options.ts';
import type { ColumnRole } from './presets.ts';
import { columnRoles, findPreset } from './presets.ts';
import { parseScale, scaleName } from './scale.ts';

/** A file beside a table. */
export interface Sidecar {
  /** Its path. */
  path: string;
  /** What it says; `mediaRoot` is absolute. */
  options: TableOptions;
}

/** Keys with what is said when their value is wrong; the same as those of a recipe's `data`. */
const keys: Readonly<Record<string, string>> = {
  columns: 'names of columns by role',
  target: 'the name of a column',
  scale: 'MIN-MAX or dmos-MIN-MAX',
  preset: 'the name of a data set',
  mediaRoot: 'a path',
  delimiter: 'comma, semicolon, tab, pipe or one character',
  header: 'true or false',
};

const maxBytes = 65_536;

/** The place of the file beside a table. */
export function sidecarPath(table: string): string {
  return `${table}.yaml`;
}

/**
 * Reads the file beside a table.
 * @returns what it says; undefined where there is none
 * @throws UserError `bad-input` that lists everything that is wrong with it, by line
 */
export async function readSidecar(table: string): Promise<Sidecar | undefined> {
  const path = sidecarPath(table);
  const text = await readText(path, 'bad-input', maxBytes);
  if (text === undefined) return undefined;
  const problems: SettingsProblem[] = [];
  const tree = parseYaml(text, (line) => `${oneLine(path)}:${line}`, problems);
  const options = tree === undefined ? {} : optionsOf(tree, dirname(path), problems);
  if (problems.length === 0) return { path, options };
  const lines = problems.map(({ where, key, expected, got }) =>
    [where, ...(key === '' ? [] : [key]), `expected ${expected}, got ${got}`].join(': '),
  );
  const hint = problems.find((problem) => problem.hint !== undefined)?.hint;
  throw new UserError(
    'bad-input',
    lines.length === 1 ? lines[0]! : [`${oneLine(path)}: ${lines.length} problems`, ...lines].join('\n  '),
    hint === undefined ? {} : { hint },
  );
}

/** That a file beside a table was read, in words. */
export function sidecarNote(table: string, sidecar: string): string {
  return `${oneLine(sidecar)} says how ${oneLine(basename(table))} is read`;
}

/**
 * Writes the file beside a table.
 * @param options - what it is to say
 * @returns its path
 */
export async function writeSidecar(table: string, options: TableOptions): Promise<string> {
  const path = sidecarPath(table);
  await writeFileAtomic(path, formatSidecar(table, options));
  return path;
}

/**
 * Adds to the file beside a table, so that whoever reads the table next need not be told.
 * @param table - the table
 * @param options - what it is to say; it keeps what it says otherwise
 * @returns the file's path
 */
export async function storeTableOptions(table: string, options: TableOptions): Promise<string> {
  const before = await readSidecar(table);
  return writeSidecar(table, mergeTableOptions(options, before?.options ?? {}));
}

function formatSidecar(table: string, { columns = {}, scale, mediaRoot, ...rest }: TableOptions): string {
  const { mos, ...others } = columns;
  const values = {
    ...(Object.keys(others).length === 0 ? {} : { columns: others }),
    target: mos,
    scale: typeof scale === 'object' ? scaleName(scale) : scale,
    preset: rest.preset,
    mediaRoot: mediaRoot === undefined ? undefined : relativePath(dirname(table), mediaRoot),
    delimiter: rest.delimiter,
    header: rest.header,
  };
  const line = (indent: string, [key, value]: [string, unknown]): string[] => {
    if (value === undefined) return [];
    if (typeof value !== 'object' || value === null) return [`${indent}${key}: ${JSON.stringify(value)}`];
    return [`${indent}${key}:`, ...Object.entries(value).flatMap((entry) => line(`${indent}  `, entry))];
  };
  return [
    `# How to read ${oneLine(basename(table))}; written by iovqa.`,
    ...Object.entries(values).flatMap((entry) => line('', entry)),
    '',
  ].join('\n');
}

/** Relative to the table where it lies below or beside it, so that both can be moved together. */
function relativePath(folder: string, path: string): string {
  const from = relative(resolve(folder), resolve(path));
  return from === '' ? '.' : from.split(sep).join('/');
}

function optionsOf(tree: Tree, folder: string, problems: SettingsProblem[]): TableOptions {
  const options: TableOptions = {};
  const columns: { [role in ColumnRole]?: string } = {};
  const wrong = ({ where, value }: Tree, key: string, expected: string, hint?: string): void => {
    problems.push({ where, key, expected, got: showValue(value), ...(hint === undefined ? {} : { hint }) });
  };
  /** Text, also where YAML reads a number or a truth value: a column may be called 1. */
  const text = (child: Tree, key: string, expected: string): string | undefined => {
    const given = child.source ?? child.value;
    if (typeof given === 'string' && given !== '') return given;
    wrong(child, key, expected);
    return undefined;
  };
  const checked = (child: Tree, key: string, read: (value: string) => unknown): string | undefined => {
    const value = text(child, key, keys[key]!);
    try {
      if (value !== undefined) read(value);
      return value;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      wrong(child, key, /expected (.*), got /s.exec(error.message)?.[1] ?? keys[key]!, error.hint);
      return undefined;
    }
  };
  if (tree.entries === undefined) {
    if (tree.value !== null) wrong(tree, '', `keys with values (${Object.keys(keys).join(', ')})`);
    return options;
  }
  for (const [key, child] of tree.entries) {
    const set = <K extends keyof TableOptions>(name: K, value: TableOptions[K] | undefined): void => {
      if (value !== undefined) options[name] = value;
    };
    if (!Object.hasOwn(keys, key)) {
      const hint = keyHint(key);
      problems.push({ where: child.where, key: '', expected: 'a key of a table', got: show(key), hint });
    } else if (child.value === null) continue;
    else if (key === 'columns') Object.assign(columns, readColumns(child));
    else if (key === 'target') {
      const target = text(child, key, keys[key]!);
      if (target !== undefined && columns.mos !== undefined && columns.mos !== target) {
        wrong(child, key, `the column of columns.mos (${show(columns.mos)})`);
      } else if (target !== undefined) columns.mos = target;
    } else if (key === 'header') {
      if (typeof child.value === 'boolean') options.header = child.value;
      else wrong(child, key, keys[key]!);
    } else if (key === 'scale') set('scale', checked(child, key, parseScale));
    else if (key === 'delimiter') set('delimiter', checked(child, key, parseDelimiter));
    else if (key === 'preset') set('preset', checked(child, key, findPreset));
    else {
      const root = text(child, key, keys[key]!);
      if (root !== undefined) options.mediaRoot = resolve(folder, root);
    }
  }
  return Object.keys(columns).length === 0 ? options : { ...options, columns };

  function readColumns(section: Tree): typeof columns {
    const found: typeof columns = {};
    if (section.entries === undefined)
      wrong(section, 'columns', `names of columns by role (${columnRoles.join(', ')})`);
    for (const [role, child] of section.entries ?? []) {
      const known = columnRoles.find((one) => one === role);
      if (known === undefined) {
        const near = nearest(role, columnRoles);
        const hint = near === undefined ? `roles: ${columnRoles.join(', ')}` : `did you mean ${near}?`;
        problems.push({ where: child.where, key: 'columns', expected: 'a role of a column', got: show(role), hint });
        continue;
      }
      const name = text(child, `columns.${role}`, 'the name of a column');
      if (known === 'mos' && columns.mos !== undefined && name !== undefined && name !== columns.mos) {
        wrong(child, 'columns.mos', `the column of target (${show(columns.mos)})`);
      } else if (name !== undefined) found[known] = name;
    }
    return found;
  }
}

/** A key may be written as its flag is, or a role stand outside of `columns`. */
function keyHint(key: string): string {
  const plain = key.replaceAll(/[-_]/g, '').replace(/column$/i, '');
  const roles = columnRoles.map(
    (role) => [role, role === 'mos' ? 'target' : `${role} in the section columns`] as const,
  );
  const names = new Map([...Object.keys(keys).map((name) => [name, name] as const), ...roles]);
  const near = nearest(plain, names.keys());
  return near === undefined ? `keys: ${Object.keys(keys).join(', ')}` : `did you mean ${names.get(near)}?`;
}
