// The rows of a manifest, a part at a time: what reading it whole and reading it row by row have in common, which is all but when they stop.
import { dirname } from 'node:path';
import { resolveColumns, rolesOfObjects } from './columns.ts';
import { mediaFinder } from './find-media.ts';
import type { ColumnMap } from './presets.ts';
import type { Problem } from './problem.ts';
import type { ClipRow, RowContext, RowNeeds } from './row.ts';
import { readRow } from './row.ts';
import type { MosScale } from './scale.ts';
import { parseScale } from './scale.ts';
import type { OpenTable, ReadOptions } from './table-file.ts';
import { readParts } from './table-file.ts';

/** A row of a manifest, and what is wrong with it. */
export interface StreamedRow {
  /** The physical line (from 1) on which it starts. */
  line: number;
  /** The row, incomplete where there are problems; null where its cells could not be told apart. */
  row: ClipRow | null;
  /** What is wrong with it. */
  problems: Problem[];
}

/** A part of a manifest. */
export interface RowBatch {
  /** Rows in the order of the file. */
  rows: StreamedRow[];
  /** What is wrong with the file rather than a row of it. */
  problems: Problem[];
  /** Records, with those that could not be read. */
  numRecords: number;
  /** Columns of the roles, as far as they are known. */
  roles: ColumnMap;
}

/** The scale of a table's scores. */
export function scaleOf({ options, preset }: OpenTable): MosScale {
  return parseScale(options.scale ?? preset?.scale ?? '1-5');
}

/**
 * Reads the rows of a manifest. The last part holds what is only known at the end.
 * @param needs - what is wanted
 * @param read - how it is read
 */
export async function* readRows(
  table: OpenTable,
  needs: RowNeeds,
  read: ReadOptions = {},
): AsyncGenerator<RowBatch, void> {
  const { path, options, preset, format } = table;
  const mapping = options.columns ?? {};
  const context: Omit<RowContext, 'roles'> = {
    file: path,
    scale: scaleOf(table),
    labels: needs.labels,
    preset,
    resolvePath: mediaFinder(options.mediaRoot ?? dirname(path)),
  };
  const isObjects = format.kind === 'jsonl';
  const find = (columns: readonly string[]): ReturnType<typeof resolveColumns> =>
    resolveColumns(path, columns, mapping, preset, needs.labels);
  let roles: ColumnMap | undefined;
  let columns: readonly string[] = [];
  let numRecords = 0;
  let isMissing = false;
  for await (const part of readParts(table, read)) {
    columns = part.columns;
    numRecords += part.numRecords;
    const problems = part.problems.filter(({ scope }) => scope === 'file');
    // Objects have a key or not, each for itself; which columns there are is known at the end. The first ones tell how they are spelt.
    if (isObjects) roles ??= { ...rolesOfObjects(mapping, preset), ...find(columns).roles };
    if (roles === undefined && columns.length > 0) {
      const found = find(columns);
      roles = found.roles;
      isMissing = found.problems.length > 0;
      problems.unshift(...found.problems);
    }
    const rows = isMissing
      ? []
      : part.records.map((record): StreamedRow => ({
          line: record.line,
          ...readRow(record, { ...context, roles: roles ?? {} }),
        }));
    for (const problem of part.problems) {
      if (problem.scope === 'row' && !isMissing) rows.push({ line: problem.line!, row: null, problems: [problem] });
    }
    yield { rows: mergeLines(rows), problems, numRecords: part.numRecords, roles: roles ?? {} };
    if (problems.some(({ kind }) => kind === 'syntax' || kind === 'encoding')) return;
  }
  const problems: Problem[] = isObjects && columns.length > 0 ? [...find(columns).problems] : [];
  if (numRecords === 0) problems.push(noRows(path, columns.length === 0 ? 'an empty file' : 'a header only'));
  if (problems.length > 0) yield { rows: [], problems, numRecords: 0, roles: roles ?? {} };
}

/**
 * The problem of a table without rows.
 * @param file - the table
 * @param got - what it holds
 */
export function noRows(file: string, got: string): Problem {
  return { kind: 'no-rows', scope: 'file', file, expected: 'a row for each clip', got };
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
