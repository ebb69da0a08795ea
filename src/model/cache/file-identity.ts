// Whether a file is still the one that was read: by its place, number, size and times, as git's index tells it.
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';

/**
 * Age from which on a file's times tell it from a later version of it, in milliseconds. Times of file systems go by ticks, the
 * coarsest (FAT) by two seconds: a file that was changed in this tick may change once more without a trace.
 */
export const SETTLED_MS = 2000;

/** A file at one moment. */
export interface FileIdentity {
  /** Path, number, size in bytes, time of the content and time of any change, in nanoseconds. */
  id: readonly string[];
  /** Whether it is old enough that any later change shows in `id`. */
  settled: boolean;
}

/**
 * Identifies a file. The second time is set by the system at every write, rename and change of the first one, and no program can
 * set it back: a file of the same size, put in the place of another with its time restored, is another one.
 * @param path - the file; links are followed
 * @param now - the time, in milliseconds since 1970; for tests
 */
export async function identifyFile(path: string, now: number = Date.now()): Promise<FileIdentity> {
  const { ino, size, mtimeNs, ctimeNs, mtimeMs, ctimeMs } = await stat(path, { bigint: true });
  return {
    id: [resolve(path), ...[ino, size, mtimeNs, ctimeNs].map(String)],
    // Also false for times in the future, of a clock that was set back.
    settled: now - Number(mtimeMs) >= SETTLED_MS && now - Number(ctimeMs) >= SETTLED_MS,
  };
}

/**
 * Whether two moments show the same file, unchanged.
 * @param a - one moment
 * @param b - the other
 */
export function isSameFile(a: FileIdentity, b: FileIdentity): boolean {
  return a.id.join('\n') === b.id.join('\n');
}
