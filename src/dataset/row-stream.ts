// A manifest of any length, row by row: what reading it whole gives, with a part of it held at a time.
import type { ManifestOptions } from './manifest.ts';
import { labelsOf } from './manifest.ts';
import { problemsError } from './problem.ts';
import type { StreamedRow } from './read-rows.ts';
import { readRows } from './read-rows.ts';
import type { OpenTable } from './table-file.ts';
import { openTable } from './table-file.ts';

/** How a manifest is streamed. */
export interface StreamOptions extends Omit<ManifestOptions, 'checkMedia'> {
  /** Bytes that are read at a time; default 32 KiB: parsed, rows take up to a hundred times as much. */
  chunkBytes?: number;
}

/**
 * Reads a manifest row by row, holding a piece of it at a time. Rows and problems are those of `loadManifest`, but that it does not
 * look whether media files are there, nor for files that are named twice, which takes a list of all of them.
 * @param source - a table, or what `openTable` gave for it
 * @param given - columns, preset, scale, media folder, what to require; of an open table, only what to require
 * @returns the rows in the order of the file
 * @throws UserError `bad-input` when the file cannot be read, for problems that are not one row's, and for a record of more than
 *   1 MiB; `bad-recipe` for a wrong option
 */
export async function* streamRows(
  source: string | OpenTable,
  given: StreamOptions = {},
): AsyncGenerator<StreamedRow, void> {
  const table = typeof source === 'string' ? await openTable(source, given) : source;
  const read = given.chunkBytes === undefined ? {} : { chunkBytes: given.chunkBytes };
  for await (const { rows, problems } of readRows(table, { labels: labelsOf(given) }, read)) {
    yield* rows;
    if (problems.length > 0) throw problemsError(table.path, problems);
  }
}
