// Names of what is half-written, and the removal of what killed processes left so.
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { lstat, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { isCode } from './codes.ts';
import { isRunning } from './process.ts';

/** Tells this process from an earlier one with the same number (in containers they often have the same). */
const token = randomBytes(4).toString('hex');
let count = 0;

/** Machine and container: elsewhere, the numbers of processes mean others. */
const place = createHash('sha256')
  .update(
    [
      hostname(),
      attempt(() => readFileSync('/etc/machine-id', 'utf8')),
      attempt(() => readlinkSync('/proc/self/ns/pid')),
    ].join('\n'),
  )
  .digest('hex')
  .slice(0, 8);

/** `.NAME.tmp-PID-TOKEN-PLACE-N`; of earlier versions without the place. */
const temporaryName = /^\..+\.tmp-(\d+)-([0-9a-f]{8})(?:-([0-9a-f]{8}))?-\d+$/;

/** After so long without a change, what a process elsewhere has left is taken for abandoned: a week. */
const ABANDONED_MS = 7 * 24 * 3600 * 1000;

/**
 * A fresh temporary name next to a path.
 * @param path - what will be written
 * @internal
 */
export function temporaryFor(path: string): string {
  const full = resolve(path);
  return join(dirname(full), `.${basename(full)}.tmp-${process.pid}-${token}-${place}-${count++}`);
}

/**
 * Whether a name is one of those that are half-written, or were left so by a killed process.
 * @param name - without its folder
 * @internal
 */
export const isLeftover = (name: string): boolean => temporaryName.test(name);

/**
 * Removes what killed processes left half-written in a folder. Temporary files of processes that are running on this machine stay, and
 * so do those of other machines for a week.
 * @param parent - the folder; nothing happens when it is missing
 * @returns names of what was removed
 */
export async function removeLeftovers(parent: string): Promise<string[]> {
  const names = await readdir(parent).catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  });
  const removed: string[] = [];
  for (const name of names) {
    if (!(await isAbandoned(parent, name))) continue;
    await rm(join(parent, name), { recursive: true, force: true });
    removed.push(name);
  }
  return removed;
}

async function isAbandoned(parent: string, name: string): Promise<boolean> {
  const match = temporaryName.exec(name);
  if (match === null) return false;
  const [, pid, itsToken, itsPlace = place] = match;
  if (itsPlace !== place) {
    const info = await lstat(join(parent, name)).catch(() => null);
    return info !== null && Date.now() - info.mtimeMs > ABANDONED_MS;
  }
  return Number(pid) === process.pid ? itsToken !== token : !isRunning(Number(pid));
}

const swept = new Set<string>();

/**
 * Removes what killed processes left in a folder, the first time that this process writes there. Where that does not work, nothing
 * happens: whoever writes is told by the write itself.
 * @param folder - the folder
 */
export async function sweepOnce(folder: string): Promise<void> {
  const full = resolve(folder);
  if (swept.has(full)) return;
  swept.add(full);
  await removeLeftovers(full).catch(() => {});
}

function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
