// Tables as text: CSV (RFC 4180) and JSON lines to records of named cells, each with its physical line; and CSV back to text.
import { parse } from 'csv-parse/sync';
import { show } from '../core/index.ts';
import type { Problem } from './problem.ts';
import { decodeText, lineStarts } from './text.ts';

/** One record of a table. */
export interface TableRecord {
  /** The physical line (from 1) on which the record starts. */
  line: number;
  /** Text by column; a JSONL record has no entry for a key that it lacks or that is null. */
  cells: Map<string, string>;
  /** Columns whose values are lists or objects, of a JSONL record that has some: no cell with a role may be one. */
  nested?: ReadonlySet<string>;
}

/** A table that was read, as far as that went. */
export interface Table {
  /** Column names in the order of the file (JSONL: of first appearance). */
  columns: string[];
  /** The records that could be read. */
  records: TableRecord[];
  /** How many records the file holds, with those that could not be read. */
  numRecords: number;
  /** What could not be read. */
  problems: Problem[];
}

/** Most columns of a table; each costs time and memory in every row. */
export const MAX_COLUMNS = 10_000;

/** How a table is written. */
export interface TableFormat {
  /** `csv` or `jsonl` (one JSON object a line). */
  kind: 'csv' | 'jsonl';
  /** The one character between two CSV fields; `,` by default. */
  delimiter?: string;
  /** False where a quote is a character like any other; true by default. */
  quoted?: boolean;
  /** Column names of a CSV file without a header line; by default the first line is the header. */
  header?: readonly string[];
}

/**
 * Reads a table; what is wrong with it is returned, not thrown.
 * A row that holds a bad byte or the wrong number of fields is left out; after broken quoting nothing more is read,
 * since no later line can be told from a quoted one.
 * @param file - the path to name in problems
 * @param bytes - the whole file, or a part of it that begins and ends between records
 * @param format - how it is written; of a later part of a CSV file with its header
 * @param isStart - whether the bytes are the file's beginning. Default true
 * @returns the table and its problems; lines are counted from the first byte given
 */
export function readTable(file: string, bytes: Uint8Array, format: TableFormat, isStart = true): Table {
  const { text, badLines, notText } = decodeText(bytes, isStart);
  const unreadable = (problem: Pick<Problem, 'kind' | 'expected' | 'got' | 'hint' | 'line'>): Table => {
    return { columns: [], records: [], numRecords: 0, problems: [{ scope: 'file', file, ...problem }] };
  };
  if (notText !== undefined) {
    const hint = 'save the file as UTF-8';
    return unreadable({ kind: 'encoding', expected: 'UTF-8 or UTF-16 text', got: notText, hint });
  }
  if (format.kind === 'csv' && format.header === undefined) {
    const width = countColumns(text, format.delimiter ?? ',');
    const expected = `at most ${MAX_COLUMNS} columns`;
    if (width > MAX_COLUMNS) return unreadable({ kind: 'syntax', line: 1, expected, got: String(width) });
  }
  return format.kind === 'csv' ? readCsv(file, text, badLines, format) : readJsonLines(file, text, badLines);
}

/**
 * Writes a table as CSV (RFC 4180): fields quoted where they must be, lines ended by LF. Reading it gives the same text back,
 * but for names of columns, which it trims.
 * @param columns - the header
 * @param rows - one list of fields a row, each as long as `columns`
 * @returns the text
 */
export function formatCsv(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  return [columns, ...rows].map(formatCsvLine).join('');
}

/**
 * Writes a line of a CSV table, as {@link formatCsv} does.
 * @param fields - at least one
 * @returns the line with its end
 */
export function formatCsvLine(fields: readonly string[]): string {
  const field = (text: string): string =>
    /[",\r\n\uFEFF]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  // A lone empty field is quoted, since an empty line is no row.
  const line = fields.join('') === '' && fields.length === 1 ? '""' : fields.map(field).join(',');
  return `${line}\n`;
}

/** Fields of the first line, counted without taking it apart. */
function countColumns(text: string, delimiter: string): number {
  const end = text.search(/\S[^\r\n]*/) < 0 ? 0 : /\s*[^\r\n]*/.exec(text)![0].length;
  let count = 1;
  for (let at = text.indexOf(delimiter); at >= 0 && at < end; at = text.indexOf(delimiter, at + 1)) count++;
  return count;
}

function readCsv(file: string, text: string, badLines: ReadonlySet<number>, format: TableFormat): Table {
  const bytes = Buffer.from(text);
  const starts = lineStarts(bytes);
  const problems: Problem[] = [];
  const rows: { line: number; endLine: number; fields: string[] }[] = [];
  let end = 0; // byte at which the last record ended
  let line = 1; // line of that byte
  let broken = false;
  const advance = (to: number): number => {
    while (line < starts.length && starts[line]! <= to) line++;
    return line;
  };
  parse(bytes, {
    delimiter: format.delimiter ?? ',',
    quote: format.quoted === false ? false : '"',
    record_delimiter: ['\r\n', '\n', '\r'], // mixed line ends are read too
    relax_column_count: true, // ragged rows are reported here
    skip_records_with_error: true, // the error is reported here
    on_record: (fields: string[], context): null => {
      if (broken) return null;
      const blank = bytes.toString('utf8', end, context.bytes).trim() === '';
      const startLine = advance(end);
      const endLine = advance(context.bytes - 1);
      end = context.bytes;
      if (!blank) rows.push({ line: startLine, endLine, fields });
      return null;
    },
    on_skip: (error): undefined => {
      if (broken) return;
      broken = true;
      const startLine = advance(end);
      problems.push({
        kind: 'syntax',
        scope: 'file',
        file,
        line: startLine,
        expected: 'fields in balanced double quotes (a quote within a field is written twice)',
        got:
          error?.code === 'CSV_QUOTE_NOT_CLOSED' ? 'a quote that is never closed' : 'a quote in the middle of a field',
        hint: 'nothing after this row was read, since it cannot be told what the quotes enclose',
      });
    },
  });
  const columns = (format.header ?? rows.shift()?.fields ?? []).map((name) => name.trim());
  const once = new Set<string>();
  const twice = new Set<string>();
  for (const name of columns) (once.has(name) ? twice : once).add(name);
  for (const name of twice) {
    problems.push({
      kind: 'duplicate-column',
      scope: 'file',
      file,
      line: 1,
      expected: 'each column once',
      got: `${show(name)} twice`,
    });
  }
  const records: TableRecord[] = [];
  for (const { line, endLine, fields } of rows) {
    const at = { scope: 'row', file, line } as const;
    if (hasBadLine(badLines, line, endLine)) problems.push(badBytes(file, line, fields.join(format.delimiter ?? ',')));
    else if (fields.length !== columns.length) {
      problems.push({
        ...at,
        kind: 'ragged',
        expected: `${columns.length} fields as in the header`,
        got: `${fields.length}: ${show(fields.join(','))}`,
      });
    } else records.push({ line, cells: new Map(columns.map((name, i) => [name, fields[i]!])) });
  }
  return { columns, records, numRecords: rows.length + (broken ? 1 : 0), problems };
}

function readJsonLines(file: string, text: string, badLines: ReadonlySet<number>): Table {
  const problems: Problem[] = [];
  const records: TableRecord[] = [];
  const columns = new Set<string>();
  let numRecords = 0;
  for (const [i, source] of text.split(/\r\n|\n|\r/).entries()) {
    if (source.trim() === '') continue;
    numRecords++;
    const line = i + 1;
    const at = { scope: 'row', file, line } as const;
    if (badLines.has(line)) {
      problems.push(badBytes(file, line, source));
      continue;
    }
    if (depthOf(source) > MAX_DEPTH) {
      const got = `one of more than ${MAX_DEPTH} levels`;
      problems.push({ ...at, kind: 'syntax', expected: 'one JSON object', got });
      continue;
    }
    const object = parseObject(source);
    if (!object) {
      problems.push({ ...at, kind: 'syntax', expected: 'one JSON object', got: show(source) });
      continue;
    }
    const cells = new Map<string, string>();
    const nested = new Set<string>();
    for (const [column, value] of Object.entries(object)) {
      columns.add(column);
      if (value === null) continue;
      if (typeof value === 'object') nested.add(column);
      cells.set(column, textOf(value));
    }
    records.push({ line, cells, ...(nested.size === 0 ? {} : { nested }) });
  }
  return { columns: [...columns], records, numRecords, problems };
}

/** A list of texts, such as the notes of a row of scores, is one text, as in CSV. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const isTexts = Array.isArray(value) && value.every((one) => typeof one === 'string');
  return isTexts ? value.join('; ') : JSON.stringify(value);
}

/** Deeper ones exhaust the stack of whatever walks them. */
const MAX_DEPTH = 100;

/** Levels of a JSON text, or of a broken one at least as many. */
function depthOf(source: string): number {
  let depth = 0;
  let most = 0;
  let isQuoted = false;
  for (let i = 0; i < source.length; i++) {
    const c = source[i];
    if (isQuoted) {
      if (c === '\\') i++;
      else if (c === '"') isQuoted = false;
    } else if (c === '"') isQuoted = true;
    else if (c === '{' || c === '[') most = Math.max(most, ++depth);
    else if (c === '}' || c === ']') depth--;
  }
  return most;
}

function parseObject(source: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(source);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function hasBadLine(badLines: ReadonlySet<number>, from: number, to: number): boolean {
  if (badLines.size === 0) return false;
  for (let line = from; line <= to; line++) if (badLines.has(line)) return true;
  return false;
}

function badBytes(file: string, line: number, text: string): Problem {
  const hint = 'save the file as UTF-8';
  return { kind: 'encoding', scope: 'row', file, line, expected: 'UTF-8 text', got: show(text), hint };
}
