// A manifest of any length, row by row: read in pieces that end between records, each as `loadManifest` reads a whole file.
import { createReadStream } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { UserError, oneLine } from '../core/index.ts';
import { resolveColumns } from './columns.ts';
import type { ManifestOptions } from './manifest.ts';
import { formatOf, noRows, unreadable, withSidecar } from './manifest.ts';
import { findPreset } from './presets.ts';
import type { Problem } from './problem.ts';
import { problemsError } from './problem.ts';
import type { ClipRow, RowContext } from './row.ts';
import { readRow } from './row.ts';
import { parseScale } from './scale.ts';
import type { TableFormat } from './table.ts';
import { readTable } from './table.ts';
import { lineStarts } from './text.ts';

/** A row of a manifest, and what is wrong with it. */
export interface StreamedRow {
  /** The physical line (from 1) on which it starts. */
  line: number;
  /** The row, incomplete where there are problems; null where its cells could not be told apart. */
  row: ClipRow | null;
  /** What is wrong with it. */
  problems: Problem[];
}

/** How a manifest is streamed. */
export interface StreamOptions extends Omit<ManifestOptions, 'checkMedia'> {
  /** Bytes that are read at a time; default 32 KiB: parsed, rows take up to a hundred times as much. */
  chunkBytes?: number;
}

/** Most bytes of one record. A quote that is never closed makes the rest of a file one. */
const MAX_RECORD = 16 << 20;

/**
 * Reads a manifest row by row, holding a piece of it at a time. Rows and problems are those of `loadManifest`, but that it does not
 * look whether media files are there, nor for files that are named twice, which takes a list of all of them.
 * @param path - a CSV (`.csv`) or JSONL (`.jsonl`, `.ndjson`) file
 * @param given - columns, preset, scale, media folder, what to require
 * @returns the rows in the order of the file
 * @throws UserError `bad-input` when the file cannot be read, for problems that are not one row's, and for a record of more than
 *   16 MiB; `bad-recipe` for a wrong option
 */
export async function* streamRows(path: string, given: StreamOptions = {}): AsyncGenerator<StreamedRow, void> {
  const { options } = await withSidecar(path, given);
  const preset = options.preset === undefined ? undefined : findPreset(options.preset);
  const requireMos = given.requireMos ?? true;
  const format = formatOf(path, options, preset);
  const mediaRoot = options.mediaRoot ?? dirname(path);
  const context: Omit<RowContext, 'roles'> = {
    file: path,
    scale: parseScale(options.scale ?? preset?.scale ?? '1-5'),
    requireMos,
    preset,
    resolvePath: (name) => resolve(mediaRoot, name),
  };
  const rolesOf = (columns: readonly string[]): RowContext['roles'] => {
    const { roles, problems } = resolveColumns(path, columns, options.columns ?? {}, preset, requireMos);
    if (problems.length > 0) throw problemsError(path, problems);
    return roles;
  };

  let columns: string[] = [];
  let numRecords = 0;
  let roles: RowContext['roles'] = {};
  for await (const { bytes, line: before } of readPieces(path, format, given.chunkBytes ?? 32 << 10)) {
    const isStart = before === 0;
    const known = format.kind === 'csv' && columns.length > 0 ? { ...format, header: columns } : format;
    const table = readTable(path, bytes, known, isStart);
    const problems = table.problems.map((problem) =>
      problem.line === undefined ? problem : { ...problem, line: problem.line + before },
    );
    if (table.columns.some((column) => !columns.includes(column))) {
      columns = [...new Set([...columns, ...table.columns])];
      roles = rolesOf(columns);
    }
    numRecords += table.numRecords;
    const rows = table.records.map((record): StreamedRow => {
      const line = record.line + before;
      return { line, ...readRow({ ...record, line }, { ...context, roles }) };
    });
    for (const problem of problems) {
      if (problem.scope === 'row') rows.push({ line: problem.line!, row: null, problems: [problem] });
    }
    yield* mergeLines(rows);
    const fatal = problems.filter(({ scope }) => scope === 'file');
    if (fatal.length > 0) throw problemsError(path, fatal);
  }
  if (numRecords === 0)
    throw problemsError(path, [noRows(path, columns.length === 0 ? 'an empty file' : 'a header only')]);
}

/** In the order of the file; what is wrong with one row is one entry. */
function mergeLines(rows: StreamedRow[]): StreamedRow[] {
  const merged: StreamedRow[] = [];
  for (const row of rows.sort((a, b) => a.line - b.line)) {
    const last = merged.at(-1);
    if (last?.line === row.line) last.problems.push(...row.problems);
    else merged.push(row);
  }
  return merged;
}

interface Piece {
  bytes: Buffer;
  /** Physical lines before it. */
  line: number;
}

/** A file in pieces that end between records: at a line end that no quotes enclose. */
async function* readPieces(path: string, format: TableFormat, chunkBytes: number): AsyncGenerator<Piece, void> {
  const hasQuotes = format.kind === 'csv' && format.quoted !== false;
  let held = Buffer.alloc(0);
  let line = 0;
  let isQuoted = false;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes }) as AsyncIterable<Buffer>) {
      let end = 0; // of the last whole record of `held` and `chunk`
      // CR alone ends a line too, which only the next byte tells.
      if (held.at(-1) === 0x0d && !isQuoted && chunk[0] !== 0x0a) end = held.length;
      for (let i = 0; i < chunk.length; i++) {
        const byte = chunk[i];
        if (byte === 0x22 && hasQuotes) isQuoted = !isQuoted;
        else if (isQuoted) continue;
        else if (byte === 0x0a || (byte === 0x0d && i + 1 < chunk.length && chunk[i + 1] !== 0x0a)) {
          end = held.length + i + 1;
        }
      }
      held = Buffer.concat([held, chunk]);
      if (held.length - end > MAX_RECORD) {
        const at = line + lineStarts(held.subarray(0, end)).length;
        throw new UserError(
          'bad-input',
          `${oneLine(path)}:${at}: expected a record of at most 16 MiB, got a longer one`,
          {
            hint: hasQuotes ? 'Is there a quote that is never closed?' : 'Is it a file of lines?',
          },
        );
      }
      if (end === 0) continue;
      const bytes = held.subarray(0, end);
      yield { bytes, line };
      line += lineStarts(bytes).length - 1;
      held = held.subarray(end);
    }
  } catch (cause) {
    throw cause instanceof UserError ? cause : unreadable(path, cause);
  }
  if (held.length > 0 || line === 0) yield { bytes: held, line };
}
