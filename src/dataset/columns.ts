// Which column of a manifest plays which role, and what to say when one is missing.
import { UserError, nearest, show } from '../core/index.ts';
import type { ColumnMap, ColumnRole, Preset } from './presets.ts';
import { columnRoles, presetOfColumns } from './presets.ts';
import type { Problem } from './problem.ts';
import type { RowNeeds } from './row.ts';

/** The roles of a file's columns, as far as they could be found. */
export interface ResolvedColumns {
  /** The file's column for each role that has one. */
  roles: ColumnMap;
  /** Columns that are needed and missing. */
  problems: Problem[];
}

/**
 * Finds the column of each role: the caller's mapping first, then the preset's, then a column named as the role.
 * A column that a mapping names must be there; of video and image, a mapping of one leaves the other out.
 * @param file - the path to name in problems
 * @param columns - the file's columns
 * @param mapping - the caller's names
 * @param preset - the preset in use, if any
 * @param labels - whether the score must be there, and whether columns of labels are looked at
 * @returns the roles, and a problem for each missing column
 * @throws UserError `bad-recipe` when the mapping has an unknown role
 */
export function resolveColumns(
  file: string,
  columns: readonly string[],
  mapping: ColumnMap,
  preset: Preset | undefined,
  labels: RowNeeds['labels'],
): ResolvedColumns {
  for (const role of Object.keys(mapping)) {
    if (!columnRoles.some((known) => known === role)) {
      const near = nearest(role, columnRoles);
      const hint = near === undefined ? {} : { hint: `did you mean ${near}?` };
      throw new UserError('bad-recipe', `columns: expected ${columnRoles.join(', ')}, got ${show(role)}`, hint);
    }
  }
  const exact = new Set(columns);
  /** A column is found in any case, where that is one column. */
  const find = (name: string): string | undefined => {
    if (exact.has(name)) return name;
    const like = columns.filter((column) => column.toLowerCase() === name.toLowerCase());
    return like.length === 1 ? like[0] : undefined;
  };
  const isMedia = (role: ColumnRole): boolean => role === 'video' || role === 'image';
  const ownMedia = mapping.video !== undefined || mapping.image !== undefined;
  const presetMap = preset?.columns ?? {};
  const mapsMedia = ownMedia || presetMap.video !== undefined || presetMap.image !== undefined;
  const roles: { [role in ColumnRole]?: string } = {};
  const problems: Problem[] = [];
  for (const role of columnRoles) {
    const mapped = mapping[role] ?? (isMedia(role) && ownMedia ? undefined : presetMap[role]);
    const needed =
      role === 'mos'
        ? labels === 'required'
        : mapped !== undefined && !(mapping[role] === undefined && preset?.optional?.includes(role));
    const name = mapped ?? (isMedia(role) && mapsMedia ? undefined : role);
    const column = name === undefined ? undefined : find(name);
    // Whoever needs no labels does not mind that they are missing.
    if (labels === 'ignored' && !isMedia(role) && role !== 'prompt' && column === undefined) continue;
    if (column !== undefined) roles[role] = column;
    else if (name !== undefined && (needed || mapping[role] !== undefined))
      problems.push(missing(file, columns, role, show(name), name, mapped));
  }
  if (!mapsMedia && roles.video === undefined && roles.image === undefined) {
    problems.unshift(missing(file, columns, 'video', '"video" or "image"', 'video', undefined));
  }
  return { roles, problems };
}

function missing(
  file: string,
  columns: readonly string[],
  role: ColumnRole,
  what: string,
  name: string,
  mapped: string | undefined,
): Problem {
  const shown = columns.slice(0, SHOWN).map((column) => show(column));
  const more = columns.length > SHOWN ? ` and ${columns.length - SHOWN} more` : '';
  const got = columns.length > 0 ? `${shown.join(', ')}${more}` : 'none';
  const base: Problem = { kind: 'missing-column', scope: 'file', file, line: 1, expected: `a column ${what}`, got };
  const hint = missingHint(columns, role, name, mapped);
  return hint === undefined ? base : { ...base, hint };
}

function missingHint(
  columns: readonly string[],
  role: ColumnRole,
  name: string,
  mapped: string | undefined,
): string | undefined {
  const separator = columns.length === 1 ? [',', ';', '\t', '|'].find((mark) => columns[0]!.includes(mark)) : undefined;
  if (separator !== undefined) {
    return `the fields seem to be separated by ${show(separator)}; say it with --delimiter ${show(separator)}`;
  }
  if (columns.every((column, i) => column === String(i + 1))) {
    const [flag] = flagAndKey(role);
    return `the table has no header line: say --${flag} with the number of the column, such as --${flag} ${role === 'mos' ? 2 : 1}`;
  }
  const preset = mapped === undefined ? presetOfColumns(columns) : undefined;
  if (preset !== undefined) return `the columns are those of the preset ${preset}`;
  const near = nearest(name, columns) ?? columns.find((column) => column.toLowerCase().includes(role));
  return near === undefined ? undefined : `did you mean ${show(near)}? ${howToSay(role, near)}`;
}

/** A flag of every command that reads a table, and the recipe's key. */
function flagAndKey(role: ColumnRole): readonly [flag: string, key: string] {
  if (role === 'mos') return ['target', 'target'];
  return [role === 'video' || role === 'image' ? role : `${role}-column`, `columns.${role}`];
}

function howToSay(role: ColumnRole, column: string): string {
  const [flag, key] = flagAndKey(role);
  return `Then say --${flag} ${/^[\w.-]+$/.test(column) ? column : show(column)} (in a recipe, data.${key})`;
}

/** Columns that are listed; a table may have thousands. */
const SHOWN = 12;

/**
 * The columns of roles in a file of objects, each of which has a key or not.
 * @param mapping - the caller's names
 * @param preset - the preset in use, if any
 */
export function rolesOfObjects(mapping: ColumnMap, preset: Preset | undefined): ColumnMap {
  const names = [...columnRoles, ...Object.values(mapping), ...Object.values(preset?.columns ?? {})];
  return resolveColumns('', names, mapping, preset, 'optional').roles;
}
