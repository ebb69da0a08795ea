// A blob that is on its way: ETAG.incomplete at rest, a name of its own while a process writes it.
// Node has no file locks, so whoever goes on with a part first renames it: only one can, and no two write into one file.
import { createHash, randomBytes } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { OutputFile } from '../../files/index.ts';
import { isCode, isRunning, openOutput } from '../../files/index.ts';
import type { HubFile } from './listing.ts';

/** Tells this process from an earlier one with the same number. */
const token = randomBytes(4).toString('hex');
let count = 0;

/** A blob that is on its way. */
export interface Partial {
  /** Bytes that are here. */
  readonly size: number;
  /** Writes the next bytes. */
  append: (bytes: Uint8Array) => Promise<void>;
  /** Throws everything away and begins anew. */
  restart: () => Promise<void>;
  /**
   * Makes it the blob.
   * @returns whether its hash was right; if not, it begins anew
   */
  finish: () => Promise<boolean>;
  /** Leaves what is here for a later pull. */
  close: () => Promise<void>;
}

/**
 * Bytes of a file that an earlier pull has left.
 * @param blobs - folder of the blobs
 * @param etag - name of the blob
 */
export async function partialSize(blobs: string, etag: string): Promise<number> {
  const [largest] = await findParts(blobs, etag);
  return largest?.size ?? 0;
}

/**
 * Takes over what an earlier pull has left of a file, or begins.
 * @param blobs - folder of the blobs
 */
export async function openPartial(blobs: string, file: HubFile): Promise<Partial> {
  const path = join(blobs, `${file.etag}.${process.pid}-${token}-${count++}.incomplete`);
  const parts = await findParts(blobs, file.etag);
  let taken = false;
  for (const part of parts) {
    // The largest that nobody else has taken meanwhile; smaller ones are of no use.
    if (taken) await rm(part.path, { force: true });
    else taken = await renamed(part.path, path);
  }
  let handle: OutputFile;
  let hash: Hash;
  let size: number;
  const begin = async (): Promise<void> => {
    handle = await openOutput(path, 'append');
    hash = createHash(file.hash === 'git' ? 'sha1' : 'sha256');
    if (file.hash === 'git') hash.update(`blob ${file.size}\0`);
    size = 0;
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
      hash.update(chunk as Buffer);
      size += (chunk as Buffer).length;
    }
  };
  const restart = async (): Promise<void> => {
    await handle.close();
    await rm(path, { force: true });
    await begin();
  };
  await begin();
  if (size! > file.size) await restart();
  return {
    get size() {
      return size;
    },
    async append(bytes) {
      await handle.write(bytes);
      hash.update(bytes);
      size += bytes.length;
    },
    restart,
    async finish() {
      // Another machine may have taken the part for abandoned, and gone on with it: these are then not the bytes that were hashed.
      const isOurs =
        (await handle.isInPlace()) &&
        (await stat(path).then(
          (there) => there.size === size,
          () => false,
        ));
      if (!isOurs || size !== file.size || hash.digest('hex') !== file.etag) {
        await restart();
        return false;
      }
      await handle.sync();
      await handle.close();
      await rename(path, join(blobs, file.etag));
      return true;
    },
    async close() {
      await handle.close();
      if (size > (await partialSize(blobs, file.etag))) await renamed(path, join(blobs, `${file.etag}.incomplete`));
      await rm(path, { force: true });
    },
  };
}

interface Part {
  path: string;
  size: number;
}

/** Parts that no running process writes, the largest first. */
async function findParts(blobs: string, etag: string): Promise<Part[]> {
  const parts: Part[] = [];
  for (const name of await readdir(blobs)) {
    if (!name.startsWith(`${etag}.`)) continue;
    const owner = /^\.(\d+)-([0-9a-f]{8})-\d+\.incomplete$/.exec(name.slice(etag.length));
    const isLeft = owner === null ? name === `${etag}.incomplete` : isAbandoned(Number(owner[1]), owner[2]!);
    const info = isLeft ? await stat(join(blobs, name)).catch(() => null) : null;
    if (info !== null) parts.push({ path: join(blobs, name), size: info.size });
  }
  return parts.sort((a, b) => b.size - a.size);
}

const isAbandoned = (pid: number, owner: string): boolean => (pid === process.pid ? owner !== token : !isRunning(pid));

async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
    throw error;
  }
}
