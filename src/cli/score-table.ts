// Predictions and opinion scores side by side, from a scores file and a manifest or from one table.
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { UserError, show, whatCame } from '../core/index.ts';
import type { ClipRow, TableRecord } from '../dataset/index.ts';
import { columnValue, formatProblem, readManifest, readTable, sidecarNote } from '../dataset/index.ts';
import type { TableFlags } from './table-options.ts';
import { tableOptionsOf } from './table-options.ts';

/** Where the numbers come from. */
export interface ScoreTableFlags extends TableFlags {
  /** The opinion scores, by clip name. */
  manifest?: string;
  /** Only these rows of the manifest. */
  split?: string;
}

/** A clip with both numbers. */
export interface ScoredRow {
  /** Its name. */
  id: string;
  /** What was predicted. */
  prediction: number;
  /** What people said. */
  mos: number;
  /** What ties clips together; undefined for a clip on its own. */
  group: string | undefined;
  /** Its text in a column of manifest or table. */
  column: (name: string) => string | undefined;
}

/** The rows, and what is missing. */
export interface ScoreTable {
  /** Clips with both numbers. */
  rows: ScoredRow[];
  /** What a reader of the result must know, such as clips without a score. */
  notes: string[];
}

const names = ['clip', 'video', 'image', 'name', 'id'] as const;

/**
 * Reads predictions and opinion scores.
 * @param path - scores file of `score`, or a table with `prediction` (or `score`) and `mos`
 * @param flags - where the opinion scores are
 * @throws UserError `bad-input` for files without the columns, without common clips, or with text where a number belongs
 */
export async function readScoreTable(path: string, flags: ScoreTableFlags): Promise<ScoreTable> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new UserError('bad-input', `${path}: expected a table of scores, got ${whatCame(cause)}`);
  });
  const kind = extname(path).toLowerCase() === '.csv' ? 'csv' : 'jsonl';
  const table = readTable(path, bytes, { kind });
  if (table.problems.length > 0) throw new UserError('bad-input', formatProblem(table.problems[0]!));
  const find = (wanted: readonly string[]): string | undefined => wanted.find((name) => table.columns.includes(name));
  const predicted = find(['prediction', 'score']);
  if (predicted === undefined) throw missing(path, 'prediction or score', table.columns);
  const failed = table.records.filter((record) => (record.cells.get(predicted) ?? '') === '');
  const records = table.records.filter((record) => !failed.includes(record));
  const notes = failed.length > 0 ? [`${failed.length} clips have no score and are left out`] : [];
  const number = (record: TableRecord, column: string): number => {
    const text = record.cells.get(column) ?? '';
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value)) return value;
    throw new UserError('bad-input', `${path}:${record.line}: ${column}: expected a number, got ${show(text)}`);
  };
  const nameColumn = find(names);
  const nameOf = (record: TableRecord): string =>
    nameColumn === undefined ? String(record.line) : (record.cells.get(nameColumn) ?? '');

  if (flags.manifest === undefined) {
    const target = tableOptionsOf(flags).columns?.mos ?? 'mos';
    if (!table.columns.includes(target)) {
      throw missing(path, `${target}, or --manifest FILE with the opinion scores`, table.columns);
    }
    const rows = records.map((record): ScoredRow => ({
      id: nameOf(record),
      prediction: number(record, predicted),
      mos: number(record, target),
      group: record.cells.get('group'),
      column: (name) => record.cells.get(name),
    }));
    return { rows, notes };
  }
  if (nameColumn === undefined) throw missing(path, names.join(' or '), table.columns);
  const known = await manifestRows(flags.manifest, flags, notes);
  requireOnce(path, records, nameOf);
  const strangers = records.filter((record) => !known.has(nameOf(record)));
  if (strangers.length > 0) {
    notes.push(
      `${strangers.length} scores are of clips that the manifest lacks, the first ${show(nameOf(strangers[0]!))}`,
    );
  }
  const rows = records.flatMap((record): ScoredRow[] => {
    const row = known.get(nameOf(record));
    if (row === undefined) return [];
    known.delete(row.id);
    const column = (name: string): string | undefined => columnValue(row, name) ?? record.cells.get(name);
    return [{ id: row.id, prediction: number(record, predicted), mos: row.mos!, group: row.group, column }];
  });
  if (rows.length === 0) {
    throw new UserError('bad-input', `${path}: expected clips of ${flags.manifest}, got none`, {
      hint: `a score's clip is ${show(nameOf(table.records[0]!))}, a clip of the manifest ${show([...known.keys()][0])}`,
    });
  }
  const unscored = known.size - failed.length;
  if (unscored > 0) notes.push(`${unscored} clips of the manifest are not in ${path}`);
  return { rows, notes };
}

function requireOnce(path: string, records: readonly TableRecord[], nameOf: (record: TableRecord) => string): void {
  const lines = new Map<string, number>();
  for (const record of records) {
    const name = nameOf(record);
    const before = lines.get(name);
    if (before !== undefined) {
      const got = `${show(name)}, which line ${before} has too`;
      throw new UserError('bad-input', `${path}:${record.line}: expected one score a clip, got a second of ${got}`);
    }
    lines.set(name, record.line);
  }
}

async function manifestRows(path: string, flags: ScoreTableFlags, notes: string[]): Promise<Map<string, ClipRow>> {
  const { split } = flags;
  const { rows, sidecar } = await readManifest(path, { checkMedia: false, ...tableOptionsOf(flags) });
  if (sidecar !== undefined) notes.push(sidecarNote(path, sidecar));
  return new Map(rows.filter((row) => split === undefined || row.split === split).map((row) => [row.id, row]));
}

function missing(path: string, expected: string, columns: readonly string[]): UserError {
  const got = columns.map((name) => show(name)).join(', ');
  return new UserError('bad-input', `${path}: expected a column ${expected}, got ${got === '' ? 'none' : got}`);
}
