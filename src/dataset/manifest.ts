// Reads a manifest: the table of clips and scores that everything else starts from.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { UserError, oneLine, show, whatCame } from '../core/index.ts';
import { resolveColumns } from './columns.ts';
import { checkMedia } from './media.ts';
import type { TableOptions } from './options.ts';
import { mergeTableOptions, parseDelimiter } from './options.ts';
import type { Preset } from './presets.ts';
import { findPreset } from './presets.ts';
import type { Problem } from './problem.ts';
import { problemsError } from './problem.ts';
import type { ClipRow } from './row.ts';
import { readRow } from './row.ts';
import type { MosScale } from './scale.ts';
import { commonScales, parseScale, scaleName } from './scale.ts';
import { readSidecar } from './sidecar.ts';
import type { TableFormat } from './table.ts';
import { readTable } from './table.ts';

/** How to read a manifest. What its options leave out, the file beside it may say (`clips.csv.yaml`). */
export interface ManifestOptions extends TableOptions {
  /** Whether every row needs a score; true by default. */
  requireMos?: boolean;
  /** Whether the media files must be on disk; true by default. */
  checkMedia?: boolean;
}

/** A manifest that was read. */
export interface Dataset {
  /** The manifest, as the user wrote its path. */
  file: string;
  /** SHA-256 of the manifest's bytes, in hexadecimal: a resumed run checks that its data are the same. */
  sha256: string;
  /** The scale of the rows' scores. */
  scale: MosScale;
  /** The rows without problems, in the order of the file. */
  rows: ClipRow[];
  /** Frames a second to assume for clips that carry no timing, where the preset says so. */
  assumedFps?: number;
  /** The file beside the manifest that was read, where there is one. */
  sidecar?: string;
}

/** A manifest that was read, and what is wrong with it. */
export interface Manifest extends Dataset {
  /** What is wrong, in the order of the file. */
  problems: Problem[];
  /** How many rows the file holds, with those that have problems. */
  numRows: number;
}

/**
 * Reads a manifest that must have no problem.
 * @param path - a CSV (`.csv`) or JSONL (`.jsonl`, `.ndjson`) file
 * @param options - columns, preset, scale, media folder, what to require
 * @returns the rows and their scale
 * @throws UserError `bad-input` that lists all problems at once; `bad-recipe` for a wrong option
 */
export async function readManifest(path: string, options: ManifestOptions = {}): Promise<Dataset> {
  return requireNoProblems(await loadManifest(path, options));
}

/**
 * Reads a manifest and returns what is wrong with it instead of throwing, for callers that may go on without some rows.
 * Problems of scope `file` mean that rows may be missing or none could be read.
 * @param path - a CSV (`.csv`) or JSONL (`.jsonl`, `.ndjson`) file
 * @param given - columns, preset, scale, media folder, what to require
 * @returns the rows without problems, and the problems
 * @throws UserError `bad-input` when the file cannot be read at all; `bad-recipe` for a wrong option
 */
export async function loadManifest(path: string, given: ManifestOptions = {}): Promise<Manifest> {
  const { options, sidecar } = await withSidecar(path, given);
  const preset = options.preset === undefined ? undefined : findPreset(options.preset);
  const scale = parseScale(options.scale ?? preset?.scale ?? '1-5');
  const requireMos = given.requireMos ?? true;
  const bytes = await readBytes(path);
  const table = readTable(path, bytes, formatOf(path, options, preset));
  const manifest: Manifest = {
    file: path,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    scale,
    rows: [],
    problems: [...table.problems],
    numRows: table.numRecords,
    ...(preset?.assumedFps === undefined ? {} : { assumedFps: preset.assumedFps }),
    ...(sidecar === undefined ? {} : { sidecar }),
  };
  if (table.columns.length === 0) {
    if (table.problems.length === 0) manifest.problems.push(noRows(path, 'an empty file'));
    return manifest;
  }
  const { roles, problems } = resolveColumns(path, table.columns, options.columns ?? {}, preset, requireMos);
  manifest.problems.unshift(...problems);
  if (table.numRecords === 0) manifest.problems.push(noRows(path, 'a header only'));
  if (problems.length > 0) return manifest;

  const mediaRoot = options.mediaRoot ?? dirname(path);
  const context = {
    file: path,
    roles,
    scale,
    requireMos,
    preset,
    resolvePath: (name: string): string => resolve(mediaRoot, name),
  };
  const parsed = table.records.map((record) => readRow(record, context));
  const rows = parsed.map(({ row }) => row).filter(({ id }) => id !== '');
  const columnOf = (row: ClipRow): string => (row.kind === 'video' ? roles.video : roles.image)!;
  const mediaProblems = await checkMedia(path, rows, columnOf, given.checkMedia ?? true);
  for (const { row, problems } of parsed) {
    const mediaProblem = mediaProblems.get(row);
    if (mediaProblem) problems.unshift(mediaProblem);
    if (problems.length === 0) manifest.rows.push(row);
    manifest.problems.push(...problems);
  }
  manifest.problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  suggestScale(
    manifest,
    parsed.flatMap(({ row }) => row.mos ?? []),
  );
  return manifest;
}

/**
 * Makes any problem of a manifest an error.
 * @param manifest - what `loadManifest` gave
 * @returns the manifest without its (empty) list of problems
 * @throws UserError `bad-input` that lists the first 20 problems and counts the rest
 */
export function requireNoProblems(manifest: Manifest): Dataset {
  const { problems, numRows: _numRows, ...dataset } = manifest;
  if (problems.length > 0) throw problemsError(manifest.file, problems);
  return dataset;
}

/**
 * A row's text in a column, for breaking results down by it.
 * @param row - the row
 * @param column - a column of the file, or `prompt`, `group`, `split` or `kind`
 * @returns the text; undefined where the row has none
 */
export function columnValue(row: ClipRow, column: string): string | undefined {
  if (Object.hasOwn(row.extra, column)) return row.extra[column];
  if (column === 'prompt' || column === 'group' || column === 'split' || column === 'kind') return row[column];
  return undefined;
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/**
 * The error of a manifest that cannot be read.
 * @param path - the manifest
 * @param cause - what the system said
 */
export function unreadable(path: string, cause: unknown): UserError {
  return new UserError('bad-input', `${oneLine(path)}: expected a manifest (CSV or JSONL), got ${whatCame(cause)}`, {
    cause,
  });
}

/** Options with what the file beside a table says below them. */
export interface FullOptions {
  /** The options. */
  options: TableOptions;
  /** The file, where there is one. */
  sidecar?: string;
}

/**
 * Puts what the file beside a table says below options that were given.
 * @param path - the table
 * @param given - options that go first
 * @throws UserError `bad-input` when the file is wrong
 */
export async function withSidecar(path: string, given: TableOptions): Promise<FullOptions> {
  const sidecar = await readSidecar(path);
  if (sidecar === undefined) return { options: given };
  return { options: mergeTableOptions(given, sidecar.options), sidecar: sidecar.path };
}

/**
 * How a manifest is written, by its options, its preset and its name.
 * @param path - the manifest
 * @param options - its options
 * @param preset - its preset
 */
export function formatOf(path: string, options: TableOptions, preset: Preset | undefined): TableFormat {
  const format = preset?.format ?? formatOfName(path);
  return options.delimiter === undefined ? format : { ...format, delimiter: parseDelimiter(options.delimiter) };
}

/**
 * The format of a manifest by its name.
 * @param path - the manifest
 * @throws UserError `bad-input` for other endings
 */
export function formatOfName(path: string): TableFormat {
  const ending = extname(path).toLowerCase();
  if (ending === '.csv') return { kind: 'csv' };
  if (ending === '.jsonl' || ending === '.ndjson') return { kind: 'jsonl' };
  throw new UserError(
    'bad-input',
    `${oneLine(path)}: expected a manifest named .csv, .jsonl or .ndjson, got ${show(ending)}`,
  );
}

/**
 * The problem of a manifest without rows.
 * @param file - the manifest
 * @param got - what it holds
 */
export function noRows(file: string, got: string): Problem {
  return { kind: 'no-rows', scope: 'file', file, expected: 'a row for each clip', got };
}

/** Where most scores are off the scale, the scale is what is wrong; says which one they would fit. */
function suggestScale(manifest: Manifest, scores: readonly number[]): void {
  const first = manifest.problems.find(({ kind }) => kind === 'out-of-scale');
  const numOff = manifest.problems.filter(({ kind }) => kind === 'out-of-scale').length;
  if (!first || numOff * 2 < scores.length) return;
  const low = scores.reduce((a, b) => Math.min(a, b));
  const high = scores.reduce((a, b) => Math.max(a, b));
  const fits = commonScales.filter((name) => {
    const { min, max } = parseScale(name);
    return low >= min && high <= max;
  });
  first.hint = `the scores run from ${low} to ${high}; the scale is set to ${scaleName(manifest.scale)}${fits.length > 0 ? `, they would fit ${fits.join(' or ')}` : ''}`;
}
