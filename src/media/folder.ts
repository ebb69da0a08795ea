// What a folder holds: clips by their content, files of other kinds by their endings, so that nothing is passed over in silence.
import { readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import pMap from 'p-map';
import { mediaEndings } from './formats.ts';
import { kindOfFile } from './media-file.ts';

/** A clip of a folder. */
export interface FoundFile {
  /** Its path, below the folder as it was given. */
  path: string;
  /** What its content is: `video` also for an animation, and for a file that cannot be told. */
  kind: 'video' | 'image';
}

/** What a folder and those below it hold. */
export interface FolderListing {
  /** Files to be read as clips, in the order of their paths. */
  clips: FoundFile[];
  /** Files that are neither pictures nor videos, by content or by name. */
  others: string[];
  /** Files that systems leave behind: `._*`, `.DS_Store`, `Thumbs.db`, `desktop.ini`. */
  ignored: string[];
}

const leftBySystems = /^(?:\._.*|\.DS_Store|Thumbs\.db|desktop\.ini)$/i;

/** Files that are looked into at a time. */
const PARALLEL = 32;

/**
 * Looks into every file of a folder.
 * @returns each of its files in one of three lists; links to folders are not followed
 */
export async function listFolder(folder: string): Promise<FolderListing> {
  const entries = (await readdir(folder, { recursive: true, withFileTypes: true })).filter(
    (entry) => !entry.isDirectory(),
  );
  const isLeft = entries.map(({ name }) => leftBySystems.test(name));
  const paths = entries.map(({ parentPath, name }) => join(parentPath, name));
  const ignored = paths.filter((_, i) => isLeft[i]).sort();
  const rest = paths.filter((_, i) => !isLeft[i]).sort();
  const kinds = await pMap(rest, kindOfFile, { concurrency: PARALLEL });
  const listing: FolderListing = { clips: [], others: [], ignored };
  for (const [i, path] of rest.entries()) {
    // A name that is a clip's is meant as one: whoever reads it says what is wrong with it.
    const kind = kinds[i] ?? (mediaEndings.has(ending(path)) ? 'video' : undefined);
    if (kind === undefined) listing.others.push(path);
    else listing.clips.push({ path, kind });
  }
  return listing;
}

const ending = (path: string): string => extname(path).toLowerCase();

/**
 * What was passed over, for a user.
 * @param listing - of one folder or several
 * @returns a line for files of other kinds, by ending, and one for those that systems leave behind; none where there are none
 */
export function describeSkipped({ others, ignored }: Pick<FolderListing, 'others' | 'ignored'>): string[] {
  const counts = new Map<string, number>();
  for (const path of others) counts.set(ending(path), (counts.get(ending(path)) ?? 0) + 1);
  const most = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const named = most
    .slice(0, 10)
    .map(([name, count]) => `${count} ${name === '' ? 'without an ending' : JSON.stringify(name).slice(1, -1)}`);
  const more =
    most.length > 10 ? [`${most.slice(10).reduce((sum, [, count]) => sum + count, 0)} with other endings`] : [];
  const files = (count: number): string => `${count} ${count === 1 ? 'file' : 'files'}`;
  return [
    ...(others.length === 0 ? [] : [`${files(others.length)} not looked at: ${[...named, ...more].join(', ')}`]),
    ...(ignored.length === 0 ? [] : [`${files(ignored.length)} ignored (._*, .DS_Store, Thumbs.db, desktop.ini)`]),
  ];
}
