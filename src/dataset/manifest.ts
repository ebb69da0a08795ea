// Reads a manifest: the table of clips and scores that everything else starts from.
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { checkMedia } from './media.ts';
import type { TableOptions } from './options.ts';
import type { ColumnMap } from './presets.ts';
import type { Problem } from './problem.ts';
import { problemsError } from './problem.ts';
import type { StreamedRow } from './read-rows.ts';
import { readRows, scaleOf } from './read-rows.ts';
import type { ClipRow, RowNeeds } from './row.ts';
import type { MosScale } from './scale.ts';
import { commonScales, parseScale, scaleName } from './scale.ts';
import { openTable } from './table-file.ts';

/** How to read a manifest. What its options leave out, the file beside it may say (`clips.csv.yaml`). */
export interface ManifestOptions extends TableOptions {
  /** Whether every row needs a score; true by default. */
  requireMos?: boolean;
  /** True: scores, their deviation and the split are not looked at, and rows have no score, whatever is in the table. */
  ignoreLabels?: boolean;
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
  /** The folder that media names are relative to. */
  mediaRoot: string;
  /** How it was read: what the caller said, and the file beside it where the caller said nothing. */
  options: TableOptions;
  /** What was found out about the manifest: the file beside it that was read, columns without a header. */
  notes: string[];
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
 * @param path - a table: text with separators (`.csv`, `.tsv`, `.txt`) or JSON lines (`.jsonl`, `.ndjson`)
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
 * @param path - a table: text with separators (`.csv`, `.tsv`, `.txt`) or JSON lines (`.jsonl`, `.ndjson`)
 * @param given - columns, preset, scale, media folder, what to require
 * @returns the rows without problems, and the problems
 * @throws UserError `bad-input` when the file cannot be read at all; `bad-recipe` for a wrong option
 */
export async function loadManifest(path: string, given: ManifestOptions = {}): Promise<Manifest> {
  const table = await openTable(path, given);
  const { preset, notes } = table;
  const manifest: Manifest = {
    file: path,
    sha256: '',
    scale: scaleOf(table),
    rows: [],
    problems: [],
    numRows: 0,
    mediaRoot: table.options.mediaRoot ?? dirname(path),
    options: table.options,
    notes,
    ...(preset?.assumedFps === undefined ? {} : { assumedFps: preset.assumedFps }),
  };
  const hash = createHash('sha256');
  const parsed: StreamedRow[] = [];
  let roles: ColumnMap = {};
  for await (const batch of readRows(table, { labels: labelsOf(given) }, { hash })) {
    roles = batch.roles;
    manifest.numRows += batch.numRecords;
    for (const problem of batch.problems) manifest.problems.push(problem);
    for (const row of batch.rows) parsed.push(row);
  }
  manifest.sha256 = hash.digest('hex');
  // Where a column is missing, each row lacks what would be in it.
  const isReadable = !manifest.problems.some(({ kind }) => kind === 'missing-column');
  const rows = isReadable ? parsed.flatMap(({ row }) => (row === null || row.id === '' ? [] : row)) : [];
  const columnOf = (row: ClipRow): string => (row.kind === 'video' ? roles.video : roles.image)!;
  const mediaProblems = await checkMedia(path, rows, columnOf, given.checkMedia ?? true);
  for (const { row, problems } of parsed) {
    const mediaProblem = row === null ? undefined : mediaProblems.get(row);
    if (mediaProblem) problems.unshift(mediaProblem);
    if (problems.length === 0 && isReadable) manifest.rows.push(row!);
    for (const problem of problems) if (isReadable || row === null) manifest.problems.push(problem);
  }
  manifest.problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  suggestScale(
    manifest,
    parsed.flatMap(({ row }) => row?.mos ?? []),
  );
  return manifest;
}

/**
 * What options ask of scores.
 * @param options - of a manifest
 */
export function labelsOf({ requireMos = true, ignoreLabels = false }: ManifestOptions): RowNeeds['labels'] {
  if (ignoreLabels) return 'ignored';
  return requireMos ? 'required' : 'optional';
}

/**
 * Makes any problem of a manifest an error.
 * @param manifest - what `loadManifest` gave
 * @returns the manifest without its (empty) list of problems
 * @throws UserError `bad-input` that lists the first 20 problems and counts the rest
 */
function requireNoProblems(manifest: Manifest): Dataset {
  const { problems, numRows: _numRows, ...dataset } = manifest;
  if (problems.length > 0) throw problemsError(manifest.file, problems);
  return dataset;
}

/**
 * A row's text in a column, for breaking results down by it.
 * @param column - a column of the file, or `prompt`, `group`, `split` or `kind`
 * @returns the text; undefined where the row has none
 */
export function columnValue(row: ClipRow, column: string): string | undefined {
  if (Object.hasOwn(row.extra, column)) return row.extra[column];
  if (column === 'prompt' || column === 'group' || column === 'split' || column === 'kind') return row[column];
  return undefined;
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
