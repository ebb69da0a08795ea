// Names of what is half-written, and the removal of what killed processes left so.
import { createHash, randomInt } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { lstat, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { isCode } from './codes.ts';
import { isRunning } from './process.ts';

/**
 * Tells this process from an earlier one with the same number (in containers they often have the same): when it started, so that all
 * its threads and all copies of this module have the same. Undefined where the system does not tell.
 */
const token = hashOf(
  attempt(() => {
    const status = readFileSync('/proc/self/stat', 'latin1');
    // Behind the name, which may hold anything: the start is field 22, the first one there is field 3.
    const started = status.slice(status.lastIndexOf(')') + 2).split(' ')[19]!;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')}${started}`;
  }),
);
/** Names count from a random number on, or threads would take each other's. */
let count = randomInt(2 ** 32);

/** Machine and container: elsewhere, the numbers of processes mean others. */
const place = hashOf(
  [
    hostname(),
    attempt(() => readFileSync('/etc/machine-id', 'utf8')),
    attempt(() => readlinkSync('/proc/self/ns/pid')),
  ].join('\n'),
)!;

/** `.NAME.tmp-PID-TOKEN-PLACE-N`; of earlier versions without the place. */
const temporaryName = /^\..+\.tmp-(\d+)-([0-9a-f]{8})(?:-([0-9a-f]{8}))?-\d+$/;

/** Stands for the token where there is none. */
const noToken = '00000000';

/** After so long without a change, what a process elsewhere has left is taken for abandoned: a week. */
const ABANDONED_MS = 7 * 24 * 3600 * 1000;

/**
 * A fresh temporary name next to a path.
 * @param path - what will be written
 * @internal
 */
export function temporaryFor(path: string): string {
  const full = resolve(path);
  return join(dirname(full), `.${basename(full)}.tmp-${process.pid}-${token ?? noToken}-${place}-${count++}`);
}

/**
 * Whether a name is one of those that are half-written, or were left so by a killed process.
 * @param name - without its folder
 * @internal
 */
export const isLeftover = (name: string): boolean => temporaryName.test(name);

/**
 * Removes what killed processes left half-written in a folder. Temporary files of processes that are running on this machine stay, and
 * so do those of other machines for a week. Where anybody may write, as in the folder for temporary files, only this user's are removed:
 * what another one has there might change while it is looked at.
 * @param parent - the folder; nothing happens when it is missing
 * @returns names of what was removed
 */
export async function removeLeftovers(parent: string): Promise<string[]> {
  const names = await readdir(parent).catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  });
  const removed: string[] = [];
  const found = names.filter(isLeftover);
  const isShared = found.length > 0 && ((await stat(parent)).mode & 0o002) !== 0;
  for (const name of found) {
    if (isShared && !(await isOwn(join(parent, name)))) continue;
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
  // Where the system does not tell when this process started, an earlier one with its number cannot be told from another thread.
  if (Number(pid) === process.pid) return token !== undefined && itsToken !== token;
  return !isRunning(Number(pid));
}

/** Whether a file is this user's; true on systems without owners. */
async function isOwn(path: string): Promise<boolean> {
  const info = await lstat(path).catch(() => null);
  return info !== null && (process.getuid === undefined || info.uid === process.getuid());
}

const swept = new Set<string>();

/**
 * Removes what killed processes left in a folder, the first time that this process writes there. Where that does not work, nothing
 * happens: whoever writes is told by the write itself. A temporary folder is this process's own, with nothing left in it, and is not
 * remembered: there is one for each clip that is given as bytes.
 */
export async function sweepOnce(folder: string): Promise<void> {
  const full = resolve(folder);
  if (swept.has(full) || full.split(sep).some(isLeftover)) return;
  swept.add(full);
  await removeLeftovers(full).catch(() => {});
}

/**
 * Makes a folder in the system's folder for temporary files that only this user can look into. What a killed process leaves of it is
 * removed by the next that makes one.
 * @param name - what it is for, in its name
 * @returns its path; whoever asks removes it
 */
export async function makeTemporaryFolder(name: string): Promise<string> {
  const path = temporaryFor(join(tmpdir(), name));
  await sweepOnce(dirname(path));
  await mkdir(path, { mode: 0o700 });
  return path;
}

/** @returns eight hexadecimal digits; undefined for no text */
function hashOf(text: string): string | undefined {
  return text === '' ? undefined : createHash('sha256').update(text).digest('hex').slice(0, 8);
}

function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
