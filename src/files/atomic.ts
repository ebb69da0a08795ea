// Files and folders that are there whole or not at all, also when the process is killed or the power fails.
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../core/index.ts';
import { isCode } from './codes.ts';
import type { OutputFile } from './output.ts';
import { openOutput, syncFile } from './output.ts';
import { isRunning } from './process.ts';

/** Tells this process from an earlier one with the same number (in containers they often have the same). */
const token = randomBytes(4).toString('hex');
let count = 0;

/** Names of temporary files and folders: `.NAME.tmp-PID-TOKEN-N`. */
const temporaryName = /^\..+\.tmp-(\d+)-([0-9a-f]{8})-\d+$/;

/**
 * A fresh temporary name next to a path.
 * @param path - what will be written
 * @internal
 */
export function temporaryFor(path: string): string {
  const full = resolve(path);
  return join(dirname(full), `.${basename(full)}.tmp-${process.pid}-${token}-${count++}`);
}

/**
 * Writes a file under a temporary name in its folder, forces it to disk and renames it into place: readers see the old content
 * or the new one.
 * @param path - the file; its folder must be there
 * @param data - its content, or what writes it
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array | ((file: OutputFile) => Promise<void>),
): Promise<void> {
  const temporary = temporaryFor(path);
  try {
    const file = await openOutput(temporary, 'new');
    try {
      await (typeof data === 'function' ? data(file) : file.write(data));
      await file.sync();
    } finally {
      await file.close();
    }
    const { size } = await stat(temporary);
    if (size !== file.size) throw new Error(`${path}: expected ${file.size} bytes to be there, got ${size}`);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(resolve(path)));
}

/**
 * Makes a folder under a temporary name next to its place, forces it to disk and renames it: it is there whole or not at all.
 * @param path - the folder, which must not be there yet or be empty
 * @param fill - writes the content into the temporary folder
 * @param options - `parents`: whether missing folders above it are made; default true
 * @throws UserError `bad-input` when the folder is there and not empty, or cannot be written; what `fill` throws, with nothing left
 *   behind
 */
export async function writeFolderAtomic(
  path: string,
  fill: (folder: string) => Promise<void>,
  { parents = true }: { parents?: boolean } = {},
): Promise<void> {
  const parent = dirname(resolve(path));
  const temporary = temporaryFor(path);
  try {
    if (parents) await mkdir(parent, { recursive: true });
    await requireFree(path);
    await mkdir(temporary);
  } catch (error) {
    throw asWriteError(error, path);
  }
  try {
    await fill(temporary);
    await syncTree(temporary);
    await rmdir(path).catch(ignore('ENOENT', 'ENOTEMPTY', 'EEXIST'));
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    if (isCode(error, 'ENOTEMPTY', 'EEXIST', 'EPERM')) await requireFree(path);
    throw isAbout(error, temporary, path) ? asWriteError(error, path) : error;
  }
  await syncFolder(parent);
}

/** What the system says of a place that cannot be written to, or not so much. */
const cannotWrite = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOSPC', 'EDQUOT', 'EFBIG'];

/**
 * What went wrong in writing below a folder, told as the user's mistake where it is one: a full disk, a folder without rights or
 * below a file.
 * @param error - what was thrown
 * @param folder - where it was written to, as the user named it
 * @param hint - what to do about it; default: to make room or choose another folder
 * @returns a UserError `bad-input`; other errors as they are
 */
export function asWriteError(error: unknown, folder: string, hint = 'Make room, or choose another folder.'): unknown {
  if (error instanceof UserError || !isCode(error, ...cannotWrite)) return error;
  const got = (error as NodeJS.ErrnoException).message;
  return new UserError('bad-input', `${folder}: expected a folder to write to, got ${got}`, { cause: error, hint });
}

/** Whether an error is about what is written, not about a file that was to be read for it. A full disk's names no file. */
function isAbout(error: unknown, temporary: string, path: string): boolean {
  const { path: from, dest: place = from } = error as NodeJS.ErrnoException & { dest?: string };
  return place === undefined || place === path || place.startsWith(temporary);
}

/**
 * Removes a folder whole or not at all: what a kill leaves of it has a temporary name, which {@link removeLeftovers} finds.
 * @param path - the folder; nothing happens when it is missing
 */
export async function removeFolderAtomic(path: string): Promise<void> {
  const doomed = temporaryFor(path);
  try {
    await rename(path, doomed);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return;
    throw error;
  }
  await rm(doomed, { recursive: true, force: true });
}

async function requireFree(path: string): Promise<void> {
  let entries: string[];
  try {
    entries = await readdir(path);
  } catch (cause) {
    if (isCode(cause, 'ENOENT')) return;
    if (isCode(cause, 'ENOTDIR')) throw new UserError('bad-input', `${path}: expected a new folder, got a file`);
    throw cause;
  }
  if (entries.length === 0) return;
  throw new UserError('bad-input', `${path}: expected a new or empty folder, got one with ${entries.length} entries`, {
    hint: 'Remove it or choose another name; nothing is overwritten.',
  });
}

/**
 * Whether a name is one of those that are half-written, or were left so by a killed process.
 * @param name - without its folder
 * @internal
 */
export const isLeftover = (name: string): boolean => temporaryName.test(name);

/**
 * Removes what killed processes left half-written in a folder. Temporary files of processes that are running on this machine stay.
 * @param parent - the folder; nothing happens when it is missing
 * @returns names of what was removed
 */
export async function removeLeftovers(parent: string): Promise<string[]> {
  const names = await readdir(parent).catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  });
  const leftovers = names.filter((name) => {
    const match = temporaryName.exec(name);
    if (match === null) return false;
    const pid = Number(match[1]);
    return pid === process.pid ? match[2] !== token : !isRunning(pid);
  });
  for (const name of leftovers) await rm(join(parent, name), { recursive: true, force: true });
  return leftovers;
}

async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await syncTree(path);
    else if (entry.isFile()) await syncFile(path);
  }
  await syncFolder(folder);
}

/** Forces the entries of a folder to disk; Windows cannot open folders and does not need to. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function ignore(...codes: string[]): (error: unknown) => void {
  return (error) => {
    if (!isCode(error, ...codes)) throw error;
  };
}
