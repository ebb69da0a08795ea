// Which column of a manifest plays which role, and what to say when one is missing.
import { UserError, nearest, show } from '../core/index.ts';
import type { ColumnMap, ColumnRole, Preset } from './presets.ts';
import { columnRoles, presetOfColumns } from './presets.ts';
import type { Problem } from './problem.ts';

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
 * @param requireMos - whether the score must be there
 * @returns the roles, and a problem for each missing column
 * @throws UserError `bad-recipe` when the mapping has an unknown role
 */
export function resolveColumns(
  file: string,
  columns: readonly string[],
  mapping: ColumnMap,
  preset: Preset | undefined,
  requireMos: boolean,
): ResolvedColumns {
  for (const role of Object.keys(mapping)) {
    if (!columnRoles.some((known) => known === role)) {
      const near = nearest(role, columnRoles);
      const hint = near === undefined ? {} : { hint: `did you mean ${near}?` };
      throw new UserError('bad-recipe', `columns: expected ${columnRoles.join(', ')}, got ${show(role)}`, hint);
    }
  }
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
        ? requireMos
        : mapped !== undefined && !(mapping[role] === undefined && preset?.optional?.includes(role));
    const name = mapped ?? (isMedia(role) && mapsMedia ? undefined : role);
    if (name !== undefined && columns.includes(name)) roles[role] = name;
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
  const got = columns.length > 0 ? columns.map((column) => show(column)).join(', ') : 'none';
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
  const separator = columns.length === 1 ? [';', '\t', '|'].find((mark) => columns[0]!.includes(mark)) : undefined;
  if (separator !== undefined)
    return `the fields seem to be separated by ${show(separator)}; write the file with commas`;
  const preset = mapped === undefined ? presetOfColumns(columns) : undefined;
  if (preset !== undefined) return `the columns are those of the preset ${preset}`;
  const near = nearest(name, columns) ?? columns.find((column) => column.toLowerCase().includes(role));
  return near === undefined ? undefined : `did you mean ${show(near)}? Then set columns.${role} to it`;
}
