// The cache on disk: entries by key in a folder that processes, runs and users share. It never makes a run fail: what cannot be
// read is computed again, and where nothing can be written the run goes on without, and says so once.
import { createHash } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, commandLine, oneLine, show } from '../../core/index.ts';
import { isCode, makeFolder, openOutput, temporaryFor, writeFileAtomic } from '../../files/index.ts';
import { entryHeader, readEntry } from './entry.ts';
import { cacheFolder } from './folder.ts';
import type { EntryKind } from './sweep.ts';
import { listEntries, onDisk, removeEntries, sweep } from './sweep.ts';

/** What the cache's folder may take on disk where nothing else is said, in bytes: 10 GB. */
const DEFAULT_CACHE_LIMIT = 10_000_000_000;

/** Share of the limit that a process writes before it looks again at what is there. */
const SHARE = 1 / 64;

/** Entries by key. */
export interface CacheStore {
  /** The cache's folder. */
  readonly folder: string;
  /**
   * Reads an entry, and marks it as used now.
   * @param key - from `cacheKey`
   * @param kind - numbers or facts
   * @returns its content in memory of its own; null when it is not there, or not as it was written
   */
  read: (key: string, kind: EntryKind) => Promise<Uint8Array | null>;
  /**
   * Writes an entry, and removes others where the folder's limit asks for it. Does nothing where it cannot be written.
   * @param key - from `cacheKey`
   * @param kind - numbers or facts
   * @param content - the content
   */
  write: (key: string, kind: EntryKind, content: Uint8Array) => Promise<void>;
  /** What the folder may take on disk, in bytes. */
  limit: () => Promise<number>;
}

/** Where a store lies and who hears of it. */
export interface CacheStoreOptions {
  /** The cache's folder; default: the environment's. */
  folder?: string;
  /** Is told, once for each store, why nothing is kept. */
  onNote?: (text: string) => void;
}

/**
 * The key of something that is kept.
 * @param what - what it is
 * @param parts - everything that it depends on, as JSON
 * @returns 64 hexadecimal digits
 */
export function cacheKey(what: string, parts: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify([what, parts]))
    .digest('hex');
}

/** The folder of entries of this layout; a later layout gets one of its own. */
const rootOf = (folder: string): string => join(folder, 'store-1');

/**
 * Opens a store. Nothing is read or written before it is used.
 * @param options - folder, who is told
 * @returns null where `IOVQA_CACHE` is `off`
 */
export function openCacheStore(options: CacheStoreOptions = {}): CacheStore | null {
  const folder = options.folder ?? cacheFolder();
  if (folder === null) return null;
  const root = rootOf(folder);
  const place = (key: string, kind: EntryKind): string => join(root, key.slice(0, 2), `${key}.${kind}`);
  let writes = true;
  let isTold = false;
  let known: number | undefined;
  let fresh = 0;
  let sweeping: Promise<void> = Promise.resolve();

  const tell = (error: unknown, doing: string): void => {
    if (isTold) return;
    isTold = true;
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = oneLine(error instanceof UserError ? message : (code ?? message));
    options.onNote?.(`cache ${oneLine(folder)} cannot be ${doing} (${reason}): what it lacks is computed and not kept`);
  };

  const put = async (path: string, header: Uint8Array, content: Uint8Array): Promise<void> => {
    const temporary = temporaryFor(join(root, 'tmp', 'entry'));
    try {
      // Not forced to disk: what a power cut leaves of it is found out by the digest.
      const file = await openOutput(temporary, 'new');
      try {
        await file.write(header);
        await file.write(content);
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      throw error;
    }
  };

  const store: CacheStore = {
    folder,
    read: async (key, kind) => {
      try {
        const file = await open(place(key, kind), 'r');
        try {
          const content = await readEntry(file, key);
          const now = new Date();
          // In a folder of somebody else's, the order of leaving is that of coming.
          if (content !== null) await file.utimes(now, now).catch(() => {});
          return content;
        } finally {
          await file.close();
        }
      } catch (error) {
        if (!isCode(error, 'ENOENT')) tell(error, 'read');
        return null;
      }
    },
    write: async (key, kind, content) => {
      if (!writes) return;
      const header = entryHeader(key, content);
      const size = onDisk(header.length + content.length);
      const path = place(key, kind);
      try {
        const limit = await store.limit();
        if (size > limit) return;
        try {
          await put(path, header, content);
        } catch (error) {
          // The first entry, or somebody has cleared the cache.
          if (!isCode(error, 'ENOENT')) throw error;
          await makeFolders(root, key);
          await put(path, header, content);
        }
        fresh += size;
        await (sweeping = sweeping.then(() => lookAgain(limit)));
      } catch (error) {
        // Where open files cannot be replaced, a reader of the same entry is in the way: then it is there.
        if (isCode(error, 'EPERM', 'EACCES', 'EBUSY') && (await isThere(path))) return;
        writes = false;
        tell(error, 'written');
      }
    },
    limit: () => readLimit(root),
  };
  return store;

  /** Leaves room for what up to four processes write before each looks again. */
  async function lookAgain(limit: number): Promise<void> {
    if (known !== undefined && known + fresh <= limit && fresh < limit * SHARE) return;
    const above = limit * (1 - 4 * SHARE);
    fresh = 0;
    known = await sweep(root, { above, to: limit * (1 - 8 * SHARE) });
  }
}

async function makeFolders(root: string, key: string): Promise<void> {
  await makeFolder(join(root, 'tmp'));
  await makeFolder(join(root, key.slice(0, 2)));
  // Programs that make backups leave out folders with this file (https://bford.info/cachedir/).
  const tag = 'Signature: 8a477f597d28d172789f06886806bc55\n# Kept by iovqa; `iovqa cache clear` empties it.\n';
  if (!(await isThere(join(root, 'CACHEDIR.TAG')))) await writeFileAtomic(join(root, 'CACHEDIR.TAG'), tag);
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

const limitFile = (root: string): string => join(root, 'limit');

async function readLimit(root: string): Promise<number> {
  const text = await readFile(limitFile(root), 'utf8').catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return `${DEFAULT_CACHE_LIMIT}`;
    throw error;
  });
  const limit = Number(text);
  if (/^\d+\s*$/.test(text) && Number.isSafeInteger(limit)) return limit;
  throw new UserError('bad-input', `${limitFile(root)}: expected a number of bytes, got ${show(text)}`, {
    hint: `${commandLine('cache limit SIZE')} writes it anew.`,
  });
}

/** What a cache holds. */
export interface CacheInfo {
  /** Its folder. */
  folder: string;
  /** What it may take on disk, in bytes. */
  limitBytes: number;
  /** What it takes on disk, in bytes. */
  sizeBytes: number;
  /** Entries of features: one a clip, model and frame setting. */
  numFeatures: number;
  /** Entries of small facts, such as which pixels a file gave. */
  numFacts: number;
  /** When the entry that leaves next was last used, as an ISO date; null for an empty cache. */
  oldestUse: string | null;
}

/**
 * Looks at what a cache holds.
 * @param folder - the cache's folder
 * @throws UserError `bad-input` when the file with its limit is damaged
 */
export async function cacheInfo(folder: string): Promise<CacheInfo> {
  const root = rootOf(folder);
  const entries = await listEntries(root);
  const oldest = entries.reduce((least, { usedMs }) => Math.min(least, usedMs), Infinity);
  return {
    folder,
    limitBytes: await readLimit(root),
    sizeBytes: entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    numFeatures: entries.filter(({ kind }) => kind !== 'json').length,
    numFacts: entries.filter(({ kind }) => kind === 'json').length,
    oldestUse: entries.length === 0 ? null : new Date(oldest).toISOString(),
  };
}

/** What was removed from a cache. */
export interface ClearedCache {
  /** How many entries. */
  numEntries: number;
  /** What they took on disk, in bytes. */
  sizeBytes: number;
}

/**
 * Removes all entries of a cache, and nothing else; its limit stays.
 * @param folder - the cache's folder
 */
export async function clearCache(folder: string): Promise<ClearedCache> {
  const entries = await removeEntries(rootOf(folder));
  return { numEntries: entries.length, sizeBytes: entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
}

/**
 * Sets what a cache may take on disk, for all who use the folder, and removes what is too much.
 * @param folder - the cache's folder; made where it is missing
 * @param limitBytes - in bytes; 0: nothing is kept
 */
export async function setCacheLimit(folder: string, limitBytes: number): Promise<void> {
  const root = rootOf(folder);
  await makeFolder(root);
  await writeFileAtomic(limitFile(root), `${limitBytes}\n`);
  await sweep(root, { above: limitBytes, to: limitBytes });
}
