// Folders with the folders above them, the system's own word for why one cannot be made, and what links lead to.
import { mkdir, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isCode } from './codes.ts';

/**
 * Makes a folder, with those above it. Nothing happens where it is there. Node's own recursive `mkdir` says of a read-only disk that
 * there is no such folder.
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await makeOne(path);
  } catch (error) {
    const parent = dirname(resolve(path));
    if (!isCode(error, 'ENOENT') || parent === resolve(path)) throw error;
    await makeFolder(parent);
    await makeOne(path);
  }
}

async function makeOne(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (isCode(error, 'ENOENT')) throw error;
    // Of a folder that is there, a read-only disk may say either.
    const info = await stat(path).catch(() => null);
    if (info?.isDirectory() !== true) throw error;
  }
}

/**
 * Where a path leads through all links, whether or not a file is there yet.
 * @param path - the file; its folder must be there
 * @returns an absolute path without links
 */
export async function realPlace(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error;
  }
  const folder = await realpath(dirname(resolve(path)));
  const place = join(folder, basename(path));
  const target = await readlink(place).catch((error: unknown) => {
    if (isCode(error, 'ENOENT', 'EINVAL')) return null;
    throw error;
  });
  return target === null ? place : realPlace(resolve(folder, target));
}
