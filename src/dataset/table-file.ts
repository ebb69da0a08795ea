// A table on disk: how it is written, and its records, a piece at a time. Every reader of tables goes through here.
import type { Hash } from 'node:crypto';
import type { Dialect } from './dialect.ts';
import { dialectOf } from './dialect.ts';
import type { TableOptions } from './options.ts';
import { mergeTableOptions } from './options.ts';
import { cutBetweenRecords } from './pieces.ts';
import type { Preset } from './presets.ts';
import { findPreset } from './presets.ts';
import type { Problem } from './problem.ts';
import { readSidecar, sidecarNote } from './sidecar.ts';
import type { Encoding } from './source.ts';
import { readHead, readUtf8 } from './source.ts';
import type { Table, TableFormat } from './table.ts';
import { MAX_COLUMNS, readTable } from './table.ts';

/** A table whose beginning was looked at. */
export interface OpenTable {
  /** Its path, as the user wrote it. */
  path: string;
  /** Options, with what the file beside it and its beginning say below them. */
  options: TableOptions;
  /** Its data set. */
  preset?: Preset;
  /** How it is written. */
  format: TableFormat;
  /** Encoding of the file. */
  encoding: Encoding;
  /** The file beside it, where there is one. */
  sidecar?: string;
  /** What a reader must know: the file beside it that was read, and what was found out. */
  notes: string[];
}

/** How a table is read through. */
export interface ReadOptions {
  /** Bytes that are read at a time; default 32 KiB: parsed, rows take up to a hundred times as much. */
  chunkBytes?: number;
  /** Gets the file's own bytes. */
  hash?: Hash;
}

/**
 * Finds out how a table is written.
 * @param path - the table
 * @param given - what is known; goes before the file beside it
 * @throws UserError `bad-input` for a file that is no table or cannot be read; `bad-recipe` for a wrong option
 */
export async function openTable(path: string, given: TableOptions = {}): Promise<OpenTable> {
  const sidecar = await readSidecar(path);
  const options = sidecar === undefined ? given : mergeTableOptions(given, sidecar.options);
  const preset = options.preset === undefined ? undefined : findPreset(options.preset);
  const head = await readHead(path);
  const { format, columns, notes }: Dialect = dialectOf(path, head, options, preset);
  return {
    path,
    options: mergeTableOptions(options, { columns }),
    ...(preset === undefined ? {} : { preset }),
    format,
    encoding: head.encoding,
    ...(sidecar === undefined ? {} : { sidecar: sidecar.path }),
    notes: [...(sidecar === undefined ? [] : [sidecarNote(path, sidecar.path)]), ...notes],
  };
}

/**
 * Reads the records of a table. After what makes the rest unreadable nothing more comes.
 * @param table - the table, from {@link openTable}
 * @returns parts of it, each with lines counted from the file's beginning, and all columns so far
 */
export async function* readParts(
  table: OpenTable,
  { chunkBytes = 32 << 10, hash }: ReadOptions = {},
): AsyncGenerator<Table, void> {
  const { path, format, encoding } = table;
  const columns = new Set<string>(format.header);
  const chunks = readUtf8(path, encoding, chunkBytes, hash);
  for await (const { bytes, line } of cutBetweenRecords(path, chunks, format)) {
    const known = format.kind === 'csv' && columns.size > 0 ? { ...format, header: [...columns] } : format;
    const part = readTable(path, bytes, known, line === 0);
    for (const column of part.columns) columns.add(column);
    if (format.kind === 'jsonl' && columns.size > MAX_COLUMNS) part.problems.push(tooManyColumns(path));
    yield {
      columns: [...columns],
      records: part.records.map((record) => ({ ...record, line: record.line + line })),
      numRecords: part.numRecords,
      problems: part.problems.map((one) => (one.line === undefined ? one : { ...one, line: one.line + line })),
    };
    if (part.problems.some(({ scope }) => scope === 'file')) return;
  }
}

/**
 * Reads a table whole.
 * @param path - the table
 * @param given - what is known of it
 */
export async function readTableFile(path: string, given: TableOptions = {}): Promise<Table & OpenTable> {
  const table = await openTable(path, given);
  const whole: Table = { columns: [...(table.format.header ?? [])], records: [], numRecords: 0, problems: [] };
  for await (const { columns, records, numRecords, problems } of readParts(table)) {
    whole.columns = columns;
    for (const record of records) whole.records.push(record);
    for (const problem of problems) whole.problems.push(problem);
    whole.numRecords += numRecords;
  }
  return { ...table, ...whole };
}

function tooManyColumns(file: string): Problem {
  return { kind: 'syntax', scope: 'file', file, expected: `at most ${MAX_COLUMNS} columns`, got: 'more' };
}
