// Reads a file of scores record by record: which row each is of, what made it, and where it ends.
import { createReadStream } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { UserError, show } from '../../core/index.ts';
import { scoreColumns, shapeOfMeta } from './line.ts';
import type { ScoresMeta } from './meta.ts';
import { rowsOfPart } from './part.ts';

/** What a file of scores is written in. */
export type ScoresForm = 'jsonl' | 'csv';

/**
 * The form of a file of scores.
 * @throws UserError `bad-input` for another ending than `.jsonl` and `.csv`
 */
export function scoresForm(path: string): ScoresForm {
  if (path.endsWith('.jsonl')) return 'jsonl';
  if (path.endsWith('.csv')) return 'csv';
  throw new UserError('bad-input', `--out: expected a name that ends in .jsonl or .csv, got ${path}`);
}

/** A row of a file. */
export interface StoredLine {
  /** Its number in the list. */
  row: number;
  /** Name of the clip. */
  clip: string;
  /** Hash of what made it. */
  key: string;
  /** Whether it has an error instead of a score. */
  hasFailed: boolean;
  /** All that it has, by name: JSON's values, or the texts of CSV. */
  fields: Readonly<Record<string, unknown>>;
  /** The line of the file that it begins on, from 1. */
  line: number;
  /** The row as it stands in the file, with its end. */
  bytes: Buffer;
  /** Bytes of the file up to its end. */
  end: number;
}

/** Bytes that are read at a time. */
const CHUNK = 1 << 20;

/**
 * Reads the whole rows of a file of scores; a last one that a kill or a full disk left torn is not among them. Rows must be those of the
 * list, or of the file's part of it, from the first on without a gap.
 * @param meta - the file's description
 * @param chunk - bytes that are read at a time
 * @throws UserError `bad-input` for what is no file of scores of this version
 */
export async function* readStoredLines(
  path: string,
  meta: ScoresMeta,
  chunk: number = CHUNK,
): AsyncGenerator<StoredLine, void> {
  const form = scoresForm(path);
  const columns = scoreColumns(shapeOfMeta(meta));
  const part = rowsOfPart(meta.part, meta.runtime.batchSize);
  let expected = part.after(0);
  let hasHeader = form === 'csv';
  for await (const { bytes, line, end } of records(path, form === 'csv', chunk)) {
    const where = `${path}:${line}`;
    if (hasHeader) {
      const header = `${columns.join()}\n`;
      if (bytes.toString() !== header) {
        throw new UserError(
          'bad-input',
          `${where}: expected the header ${header.trim()}, got ${show(bytes.toString())}`,
        );
      }
      hasHeader = false;
      continue;
    }
    const fields = form === 'csv' ? csvFields(bytes, columns) : jsonFields(bytes);
    if (fields === null) {
      throw new UserError('bad-input', `${where}: expected a row of scores, got ${show(bytes.toString().trimEnd())}`);
    }
    if (fields.row !== expected) {
      throw new UserError('bad-input', `${where}: expected row ${expected}, got row ${fields.row}`, {
        hint: 'Rows were taken out or moved; score the list to another file.',
      });
    }
    expected = part.after(expected);
    yield { ...fields, line, bytes, end };
  }
}

type Fields = Pick<StoredLine, 'row' | 'clip' | 'key' | 'hasFailed' | 'fields'>;

function jsonFields(bytes: Buffer): Fields | null {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const fields = value as Record<string, unknown>;
  const { row, clip, key, error } = fields;
  const isRow = typeof row === 'number' && typeof clip === 'string' && typeof key === 'string';
  return isRow ? { row, clip, key, hasFailed: error !== undefined, fields } : null;
}

function csvFields(bytes: Buffer, columns: readonly string[]): Fields | null {
  let texts: string[];
  try {
    [texts = []] = parse(bytes, { relax_column_count: true });
  } catch {
    return null;
  }
  if (texts.length !== columns.length) return null;
  const fields: Record<string, string> = Object.fromEntries(columns.map((name, i) => [name, texts[i]!]));
  const { row, clip, key, error } = fields as Record<'row' | 'clip' | 'key' | 'error', string>;
  return { row: Number(row), clip, key, hasFailed: error !== '', fields };
}

interface FileRecord {
  bytes: Buffer;
  line: number;
  end: number;
}

const [QUOTE, LINE_END] = [0x22, 0x0a];

/** Records with their ends; with quotes, a line end between two of them is a part of a field. */
async function* records(path: string, hasQuotes: boolean, chunkSize: number): AsyncGenerator<FileRecord, void> {
  let rest: Buffer[] = [];
  let isQuoted = false;
  let [line, nextLine, end] = [1, 1, 0];
  for await (const chunk of createReadStream(path, { highWaterMark: chunkSize }) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      if (chunk[at] === QUOTE && hasQuotes) isQuoted = !isQuoted;
      if (chunk[at] !== LINE_END) continue;
      nextLine++;
      if (isQuoted) continue;
      const bytes = Buffer.concat([...rest, chunk.subarray(start, at + 1)]);
      [rest, start] = [[], at + 1];
      end += bytes.length;
      yield { bytes, line, end };
      line = nextLine;
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  }
}
