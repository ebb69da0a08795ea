// What lies in the cache's folder, and what leaves it: the entries that were used longest ago.
import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isCode, removeLeftovers } from '../../files/index.ts';

/** Kinds of entries, as their names end: numbers, and small facts in JSON. */
const entryKinds = ['f32', 'bf16', 'json'] as const;
/** Kind of an entry: numbers, or small facts. */
export type EntryKind = (typeof entryKinds)[number];

/** An entry in the folder. */
export interface EntryFile {
  /** Its path. */
  path: string;
  /** Numbers or facts. */
  kind: EntryKind;
  /** What it takes on disk, in bytes: whole blocks of 4 KiB. */
  sizeBytes: number;
  /** When it was last used, in milliseconds since 1970. */
  usedMs: number;
}

const shardName = /^[0-9a-f]{2}$/;
const entryName = /^[0-9a-f]{64}\.(f32|bf16|json)$/;
const BLOCK = 4096;

/**
 * What a file takes on disk.
 * @param size - its length in bytes
 */
export const onDisk = (size: number): number => Math.ceil(size / BLOCK) * BLOCK;

/**
 * Lists the entries. Whatever else lies in the folder is not looked at, and never removed.
 * @param root - the store's folder; may be missing
 */
export async function listEntries(root: string): Promise<EntryFile[]> {
  const entries: EntryFile[] = [];
  for (const shard of (await namesIn(root)).filter((name) => shardName.test(name))) {
    const names = await namesIn(join(root, shard));
    const found = await Promise.all(names.map((name) => entryAt(join(root, shard), name)));
    entries.push(...found.filter((entry) => entry !== null));
  }
  return entries;
}

async function entryAt(folder: string, name: string): Promise<EntryFile | null> {
  const kind = entryName.exec(name)?.[1] as EntryKind | undefined;
  if (kind === undefined) return null;
  const path = join(folder, name);
  try {
    const { size, mtimeMs } = await stat(path);
    return { path, kind, sizeBytes: onDisk(size), usedMs: mtimeMs };
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null; // another process removed it
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/**
 * Removes the entries that were used longest ago until the rest fits. An entry that another process reads at this moment can
 * still be read to its end; one that is gone is computed again.
 * @param root - the store's folder
 * @param sizes - `above`: nothing is removed while all entries together take at most this; `to`: what they may take afterwards; in bytes
 * @returns bytes that are left, as far as this process saw them
 */
export async function sweep(root: string, { above, to }: { above: number; to: number }): Promise<number> {
  await removeLeftovers(join(root, 'tmp'));
  const entries = await listEntries(root);
  let total = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (total <= above) return total;
  for (const { path, sizeBytes } of entries.sort((a, b) => a.usedMs - b.usedMs)) {
    if (total <= to) break;
    await rm(path, { force: true });
    total -= sizeBytes;
  }
  return total;
}

/**
 * Removes every entry.
 * @param root - the store's folder
 * @returns what was there
 */
export async function removeEntries(root: string): Promise<EntryFile[]> {
  await removeLeftovers(join(root, 'tmp'));
  const entries = await listEntries(root);
  for (const { path } of entries) await rm(path, { force: true });
  // Folders that a process writes into at this moment stay.
  for (const shard of (await namesIn(root)).filter((name) => shardName.test(name))) {
    await rmdir(join(root, shard)).catch(() => {});
  }
  return entries;
}
