// Which score is of which clip: by the path that a name leads to, or, only where that finds none, by the name of the file alone.
import { posix, resolve } from 'node:path';
import { UserError, oneLine, show } from '../core/index.ts';
import type { ClipRow } from '../dataset/index.ts';
import { canonicalPath } from '../dataset/index.ts';

/** What is matched. */
export interface MatchInput {
  /** The clips of the table. */
  clips: readonly Pick<ClipRow, 'id' | 'path'>[];
  /** The clips' names in the scores. */
  names: readonly string[];
  /** Folders that a name may be relative to, the likeliest first; the table's own names are found by the first. */
  folders: readonly string[];
  /** The scores, for messages. */
  scoresFile: string;
  /** The table, for messages. */
  table: string;
}

/** What was found. */
export interface Match {
  /** For each name the number of its clip; undefined for none. */
  clipOf: (number | undefined)[];
  /** How, in words. */
  how: string;
}

/**
 * Finds each score's clip.
 * @param input - names and clips
 * @throws UserError `bad-input` where no name leads to a clip, or file names are not unique on both sides; it shows three of each
 */
export function matchClips({ clips, names, folders, scoresFile, table }: MatchInput): Match {
  const byPath = new Map(clips.map(({ path }, i) => [canonicalPath(path), i]));
  // A name without its ending, as some data sets have it, is that of its row.
  const byId = new Map(clips.map(({ id }, i) => [canonicalName(id), i]));
  const clipOf = names.map((name) => {
    const id = byId.get(canonicalName(name));
    if (id !== undefined) return id;
    const slashed = name.replaceAll('\\', '/');
    for (const folder of folders) {
      const found = byPath.get(canonicalPath(resolve(folder, slashed)));
      if (found !== undefined) return found;
    }
    return undefined;
  });
  if (clipOf.some((clip) => clip !== undefined)) return { clipOf, how: 'by path' };

  const clipNames = clips.map(({ path }) => fileName(path));
  const scoreNames = names.map(fileName);
  const numbers = new Map(clipNames.map((name, i) => [name, i]));
  if (!scoreNames.some((name) => numbers.has(name))) {
    throw new UserError('bad-input', `${oneLine(scoresFile)}: expected clips of ${oneLine(table)}, got none`, {
      hint: `The scores are of ${three(names)}; the table has ${three(clips.map(({ id }) => id))}.`,
    });
  }
  for (const [file, all, full] of [
    [table, clipNames, clips.map(({ id }) => id)],
    [scoresFile, scoreNames, names],
  ] as const) {
    const twice = namesTwice(all, full);
    if (twice.length === 0) continue;
    throw new UserError(
      'bad-input',
      `${oneLine(file)}: expected paths as in ${oneLine(file === table ? scoresFile : table)}, or file names that are unique, got ${three(twice)}`,
      {
        hint: `No path of a score is one of the table: ${three(names)}; the table has ${three(clips.map(({ id }) => id))}.`,
      },
    );
  }
  return { clipOf: scoreNames.map((name) => numbers.get(name)), how: 'by file name, since no path is the same' };
}

const canonicalName = (name: string): string => posix.normalize(name.replaceAll('\\', '/')).normalize('NFC');

const fileName = (path: string): string => posix.basename(canonicalName(path));

const three = (names: readonly string[]): string =>
  names
    .slice(0, 3)
    .map((name) => show(name))
    .join(', ') + (names.length > 3 ? ', …' : '');

/** Full names of files whose names come more than once, those of one name together. */
function namesTwice(names: readonly string[], full: readonly string[]): string[] {
  const places = new Map<string, number[]>();
  for (const [i, name] of names.entries()) {
    const list = places.get(name);
    if (list === undefined) places.set(name, [i]);
    else list.push(i);
  }
  return [...places.values()].filter((list) => list.length > 1).flatMap((list) => list.map((i) => full[i]!));
}
