// Who writes a file of scores, and whether it may: one process at a time, and never over what somebody else wrote.
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from '../../core/index.ts';
import type { Lock } from '../../files/index.ts';
import { acquireLock, asWriteError, lockBeside, makeFolder, realPlace } from '../../files/index.ts';
import type { ScoresMeta } from './meta.ts';
import { requireScoresMeta } from './meta.ts';
import { scoresForm } from './read.ts';

/** A file that this process alone writes. */
export interface ClaimedFile {
  /** The file itself, where the path is a link: it is what is replaced, and locked for all that lead there. */
  place: string;
  /** Held until it is given back. */
  lock: Lock;
}

/**
 * Locks a file of scores, and makes the folders above it.
 * @param path - the file, `.jsonl` or `.csv`, or a link to one
 * @throws UserError `bad-input` for another ending, and when another process writes it
 */
export async function claimFile(path: string): Promise<ClaimedFile> {
  scoresForm(path);
  try {
    await makeFolder(dirname(path));
    const place = await realPlace(path);
    return { place, lock: await acquireLock(lockBeside(place), path) };
  } catch (error) {
    throw asWriteError(error, path);
  }
}

/**
 * What a file was begun with; null where it is to be begun.
 * @param mayGoOn - whether a file that holds something may be gone on with
 * @throws UserError `bad-input` when it may not
 */
export async function beginningOf(path: string, mayGoOn: boolean): Promise<ScoresMeta | null> {
  const size = await stat(path).then(
    (info) => info.size,
    () => 0,
  );
  if (size === 0) return null;
  if (!mayGoOn) {
    throw new UserError('bad-input', `${path}: expected a new file, got one that holds something`, {
      hint: 'Add --resume to go on with it.',
    });
  }
  return requireScoresMeta(path);
}
