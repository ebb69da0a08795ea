// How a table is written, found out from its beginning: what separates fields, and whether the first line names the columns.
import { extname } from 'node:path';
import { parse } from 'csv-parse/sync';
import { UserError, oneLine, show } from '../core/index.ts';
import type { TableOptions } from './options.ts';
import { parseDelimiter } from './options.ts';
import type { ColumnMap, Preset } from './presets.ts';
import { columnRoles } from './presets.ts';
import { parseDecimal } from './number.ts';
import type { Head } from './source.ts';
import type { TableFormat } from './table.ts';

/** How a table is written. */
export interface Dialect {
  /** Format. */
  format: TableFormat;
  /** Columns of a table without a header whose role is certain. */
  columns: ColumnMap;
  /** What was found out that its reader must know. */
  notes: string[];
}

/** Endings of tables, with what separates fields where nothing else says so. */
const separated: Readonly<Record<string, string>> = {
  '.csv': ',',
  '.tsv': '\t',
  '.tab': '\t',
  '.psv': '|',
  '.txt': ',',
};
const jsonLines: readonly string[] = ['.jsonl', '.ndjson'];

/** Endings of the names of tables. */
const tableEndings: readonly string[] = [...Object.keys(separated), ...jsonLines];

/**
 * Whether a file is a table, by its name.
 * @param path - any path
 */
export function isTableName(path: string): boolean {
  return tableEndings.includes(extname(path).toLowerCase());
}

/**
 * Makes sure that a file will be read as a table, by its name.
 * @param path - any path
 * @throws UserError `bad-input` for other endings
 */
export function requireTableName(path: string): void {
  if (isTableName(path)) return;
  throw new UserError(
    'bad-input',
    `${oneLine(path)}: expected a table named ${tableEndings.join(', ')}, got ${show(extname(path))}`,
  );
}

/** Names of columns in tables of clips and scores, besides the roles: a line with one of them names columns. */
const headerWords: readonly string[] =
  'clip name id filename file path score prediction rater subject observer vote votes rating dmos sos'.split(' ');

/** Records that are looked at. */
const SAMPLE = 20;

/**
 * Finds out how a table is written.
 * @param path - the table
 * @param head - its beginning
 * @param options - what is known
 * @param preset - its data set
 * @throws UserError `bad-input` for a name that is not a table's
 */
export function dialectOf(path: string, head: Head, options: TableOptions, preset: Preset | undefined): Dialect {
  const delimiter = options.delimiter === undefined ? undefined : parseDelimiter(options.delimiter);
  const known: Dialect = { format: { kind: 'csv' }, columns: {}, notes: [] };
  if (preset?.format !== undefined) {
    return { ...known, format: { ...preset.format, ...(delimiter === undefined ? {} : { delimiter }) } };
  }
  const ending = extname(path).toLowerCase();
  const isJson = jsonLines.includes(ending) || (ending === '.txt' && /^\s*\{"/.test(head.text));
  if (isJson) return { ...known, format: { kind: 'jsonl' } };
  requireTableName(path);
  const names = headerNames(options, preset);
  const format = { kind: 'csv' as const, delimiter: delimiter ?? findDelimiter(head, separated[ending]!, names) };
  if (options.header === true) return { ...known, format };
  const records = sample(head, format.delimiter);
  const [first = []] = records;
  if (options.header !== false && !isWithoutHeader(records, names)) return { ...known, format };
  const columns = certainColumns(first);
  const taken = Object.entries(columns).map(([role, column]) => `column ${column} for the ${roleWords[role]!}`);
  const note = `${oneLine(path)} has no header line; columns are called 1 to ${first.length}`;
  return {
    format: { ...format, header: first.map((_, i) => String(i + 1)) },
    columns,
    notes: [taken.length === 0 ? note : `${note}, and ${taken.join(' and ')} is taken`],
  };
}

const roleWords: Readonly<Record<string, string>> = { video: 'clip', mos: 'score' };

/** In lower case; a column that is named by a number names nothing that could be told from a value. */
function headerNames(options: TableOptions, preset: Preset | undefined): ReadonlySet<string> {
  const mapped = [...Object.values(options.columns ?? {}), ...Object.values(preset?.columns ?? {})];
  const names = [...columnRoles, ...headerWords, ...mapped.filter((name) => parseDecimal(name) === undefined)];
  return new Set(names.map((name) => name.toLowerCase()));
}

/** Whole records; of a broken file as far as it goes. */
function sample({ text, isWhole }: Pick<Head, 'text' | 'isWhole'>, delimiter: string): string[][] {
  const records: string[][] = parse(text, {
    delimiter,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    to: SAMPLE,
  });
  // The last one may be cut in two.
  return isWhole || records.length === SAMPLE || records.length === 1 ? records : records.slice(0, -1);
}

const candidates = [',', ';', '\t', '|'] as const;

/** The delimiter by which most names of columns are found; without any, the one by which all records are of one length. */
function findDelimiter(head: Head, fallback: string, names: ReadonlySet<string>): string {
  const firstLine = /[^\r\n]*\S[^\r\n]*/.exec(head.text)?.[0] ?? '';
  const present = candidates.filter((mark) => firstLine.includes(mark));
  if (present.length === 0) return fallback;
  const found = present.map((mark) => {
    const records = sample(head, mark);
    const first = records[0] ?? [];
    return {
      mark,
      numNames: first.filter((field) => names.has(field.trim().toLowerCase())).length,
      isEven: first.length > 1 && records.every(({ length }) => length === first.length),
    };
  });
  const most = Math.max(...found.map(({ numNames }) => numNames));
  const best = most === 0 ? found : found.filter(({ numNames }) => numNames === most);
  const even = best.filter(({ isEven }) => isEven);
  // Commas between two digits alone are those of decimals.
  const onlyDecimals = !/(?:^|[^\d]),|,(?:[^\d]|$)/m.test(head.text);
  const rest = even.length > 1 && onlyDecimals ? even.filter(({ mark }) => mark !== ',') : even;
  const left = rest.length > 0 ? rest : best;
  return (left.find(({ mark }) => mark === fallback) ?? left[0]!).mark;
}

const ending = /\.([a-z][a-z0-9]{1,4})$/i;

/** Certain where no name of a column is known and a file name stands beside a number, or above one with the same ending. */
function isWithoutHeader(records: readonly string[][], names: ReadonlySet<string>): boolean {
  const [first = [], second = []] = records;
  if (first.some((field) => names.has(field.trim().toLowerCase()))) return false;
  return first.some((field, i) => {
    const own = ending.exec(field.trim())?.[1]?.toLowerCase();
    if (own === undefined) return false;
    const below = ending.exec((second[i] ?? '').trim())?.[1]?.toLowerCase();
    return own === below || first.some((other) => parseDecimal(other) !== undefined);
  });
}

/** The only column of file names, and the only column of numbers. */
function certainColumns(first: readonly string[]): ColumnMap {
  const only = (is: (field: string) => boolean): string | undefined => {
    const at = first.flatMap((field, i) => (is(field) ? [i + 1] : []));
    return at.length === 1 ? String(at[0]) : undefined;
  };
  const video = only((field) => parseDecimal(field) === undefined && ending.test(field.trim()));
  const mos = only((field) => parseDecimal(field) !== undefined);
  return { ...(video === undefined ? {} : { video }), ...(mos === undefined ? {} : { mos }) };
}
