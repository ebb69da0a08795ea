// Files and folders that are there whole or not at all, also when the process is killed or the power fails.
import { mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { UserError } from '../core/index.ts';
import { isCode } from './codes.ts';
import { makeFolder } from './folder.ts';
import { sweepOnce, temporaryFor } from './leftovers.ts';
import type { OutputFile } from './output.ts';
import { openOutput, syncFile } from './output.ts';

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
    await sweepOnce(dirname(temporary));
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
    await rm(temporary, { force: true }).catch(() => {});
    throw renamed(error, temporary, path);
  }
  await syncFolder(dirname(resolve(path)));
}

/**
 * Makes a folder under a temporary name next to its place, forces it to disk and renames it: it is there whole or not at all.
 * @param path - the folder, which must not be there yet or be empty
 * @param fill - writes the content into the temporary folder
 * @param options - `parents`: whether missing folders above it are made; default true
 * @throws UserError `bad-input` when the folder is there and not empty; what `fill` throws, with nothing left behind
 */
export async function writeFolderAtomic(
  path: string,
  fill: (folder: string) => Promise<void>,
  { parents = true }: { parents?: boolean } = {},
): Promise<void> {
  const parent = dirname(resolve(path));
  const temporary = temporaryFor(path);
  try {
    if (parents) await makeFolder(parent);
    await sweepOnce(parent);
    await requireFree(path);
    await mkdir(temporary);
  } catch (error) {
    throw renamed(error, temporary, path);
  }
  try {
    await fill(temporary);
    await syncTree(temporary);
    await rmdir(path).catch(ignore('ENOENT', 'ENOTEMPTY', 'EEXIST'));
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    if (isCode(error, 'ENOTEMPTY', 'EEXIST', 'EPERM')) await requireFree(path);
    throw renamed(error, temporary, path);
  }
  await syncFolder(parent);
}

/** Names the place that was asked for, where the system's error names the temporary one. */
function renamed(error: unknown, temporary: string, path: string): unknown {
  const system = error as NodeJS.ErrnoException & { dest?: string };
  if (system.path === temporary) system.path = path;
  if (system.dest?.startsWith(temporary) === true) system.dest = path;
  else if (system.path?.startsWith(temporary) === true) system.path = join(path, relative(temporary, system.path));
  return error;
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
