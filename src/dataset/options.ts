// What must be known of a table to read it: one set of options for every command, flag, recipe and file beside a table.
import { UserError, show } from '../core/index.ts';
import type { ColumnMap } from './presets.ts';
import type { MosScale } from './scale.ts';

/** How a table of clips is to be read. What is left out is found out, or has a default. */
export interface TableOptions {
  /** The file's names of columns that are not called as their role; goes before a preset's. */
  columns?: ColumnMap;
  /** A public data set whose label file this is; one of `presetNames`. */
  preset?: string;
  /** The scale of the scores, such as `0-100`; default: the preset's, else `1-5`. */
  scale?: string | MosScale;
  /** The folder that media names are relative to; default: the table's own. */
  mediaRoot?: string;
  /** What separates two fields: `comma`, `semicolon`, `tab`, `pipe`, or any one character. */
  delimiter?: string;
  /** Whether the first line names the columns; without it, columns are called `1`, `2` and so on. */
  header?: boolean;
}

/** Delimiters that have a name: a tab is hard to write on a command line, and `;` and `|` mean something to a shell. */
const delimiters: Readonly<Record<string, string>> = {
  comma: ',',
  semicolon: ';',
  tab: '\t',
  '\\t': '\t',
  pipe: '|',
};

/**
 * Reads the name of a delimiter.
 * @param name - `comma`, `semicolon`, `tab`, `pipe`, or the character itself
 * @returns the character
 * @throws UserError `bad-recipe` for anything else, for a quote and for a line end
 */
export function parseDelimiter(name: string): string {
  const character = Object.hasOwn(delimiters, name) ? delimiters[name]! : name;
  if (/^[\t\u0020-\u007e]$/.test(character) && !/["\w.+-]/.test(character)) return character;
  throw new UserError(
    'bad-recipe',
    `delimiter: expected comma, semicolon, tab, pipe or one character between fields, got ${show(name)}`,
  );
}

/**
 * Options of two places together. Of video and image, which are two names for one thing, those of one place hold.
 * @param over - what goes first
 * @param under - where `over` says nothing
 */
export function mergeTableOptions(over: TableOptions, under: TableOptions): TableOptions {
  const { video: _video, image: _image, ...rest } = under.columns ?? {};
  const namesMedia = over.columns?.video !== undefined || over.columns?.image !== undefined;
  const columns = { ...(namesMedia ? rest : under.columns), ...over.columns };
  const given = Object.fromEntries(Object.entries(over).filter(([, value]) => value !== undefined));
  return { ...under, ...given, ...(Object.keys(columns).length === 0 ? {} : { columns }) };
}
