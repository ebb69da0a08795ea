// Every write of the project goes through here: all bytes are written, or an error is thrown. A disk that is nearly full takes a part
// of what it is given and says so in a number only.
import { constants, writeSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { UserError } from '../core/index.ts';
import { isCode } from './codes.ts';
import { isLeftover, sweepOnce } from './leftovers.ts';

/** A file that is open for writing. */
export interface OutputFile {
  /** Its path, as it was opened. */
  readonly path: string;
  /** Bytes in the file: those that were there and those written. */
  readonly size: number;
  /**
   * Writes at the end of the file, all of it or an error is thrown; the file is then cut to what it was before, and nothing more is
   * taken.
   * @param data - bytes, or text that is written in UTF-8
   */
  write(data: string | Uint8Array): Promise<void>;
  /**
   * Cuts the file.
   * @param size - its new length in bytes, not above {@link OutputFile.size}
   */
  truncate(size: number): Promise<void>;
  /** Forces what was written to disk. */
  sync(): Promise<void>;
  /** Whether the file is still at its path. */
  isInPlace(): Promise<boolean>;
  /**
   * Checks that the file is still at its path: who writes to one that was moved or deleted loses what is written, without an error
   * of the system's.
   * @throws UserError `bad-input` when it is gone, or another one is there
   */
  requireInPlace(): Promise<void>;
  /** Closes the file. */
  close(): Promise<void>;
}

/** What is written to: all of `FileHandle` that is needed. */
type Handle = Pick<FileHandle, 'write'>;

/**
 * Opens a file for writing at its end.
 * @param path - the file; its folder must be there
 * @param how - `new`: made, and an error where there is one; `append`: made where it is missing
 */
export async function openOutput(path: string, how: 'new' | 'append'): Promise<OutputFile> {
  const { O_RDWR, O_CREAT, O_EXCL, O_APPEND } = constants;
  // Whoever writes a file of its own name clears up what was left beside it; temporary ones have been looked after.
  if (!isLeftover(basename(path))) await sweepOnce(dirname(path));
  const handle = await open(path, O_RDWR | O_CREAT | O_APPEND | (how === 'new' ? O_EXCL : 0), 0o666);
  let size: number;
  try {
    ({ size } = await handle.stat());
  } catch (error) {
    await handle.close();
    throw error;
  }
  let failure: { error: unknown } | null = null;
  return {
    path,
    get size() {
      return size;
    },
    async write(data) {
      if (failure !== null) throw failure.error;
      const bytes = typeof data === 'string' ? Buffer.from(data) : data;
      try {
        await writeAll(handle, bytes, path);
      } catch (error) {
        failure = { error };
        await handle.truncate(size).catch(() => {}); // needs no room; where it cannot be done, the next to open it does it
        throw error;
      }
      size += bytes.length;
    },
    async truncate(length) {
      await handle.truncate(length);
      size = length;
    },
    sync: () => handle.sync(),
    isInPlace: async () => (await whatElse(handle, path)) === null,
    async requireInPlace() {
      const got = await whatElse(handle, path);
      if (got === null) return;
      throw new UserError('bad-input', `${path}: expected the file that is being written, got ${got}`, {
        hint: 'It was moved, deleted or replaced meanwhile; what was written until then is where it is now.',
      });
    },
    close: () => handle.close(),
  };
}

/**
 * Writes a new file, all of it or an error is thrown; for folders that become whole or nothing. Elsewhere `writeFileAtomic` is right.
 * @param path - the file, which must not be there
 * @param data - its content
 */
export async function writeNewFile(path: string, data: string | Uint8Array): Promise<void> {
  const file = await openOutput(path, 'new');
  try {
    await file.write(data);
  } finally {
    await file.close();
  }
}

/**
 * Writes all bytes at a handle's position.
 * @param handle - of an open file
 * @param bytes - what is written
 * @param path - the file, for the error
 * @internal
 */
export async function writeAll(handle: Handle, bytes: Uint8Array, path: string): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done).catch((error: unknown) => {
      throw Object.assign(error as Error, { path }); // the system's error of a write names no file
    });
    if (bytesWritten <= 0) throw noRoom(path, bytes.length, done);
    done += bytesWritten;
  }
}

/**
 * Writes all of a text to a file that is open, without waiting.
 * @param fd - number of the open file
 * @param text - what is written
 * @param name - what the error calls the file
 */
export function writeAllSync(fd: number, text: string, name: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length;) {
    let written: number;
    try {
      written = writeSync(fd, bytes, done);
    } catch (error) {
      throw Object.assign(error as Error, { path: name });
    }
    if (written <= 0) throw noRoom(name, bytes.length, done);
    done += written;
  }
}

/** With the system's own code, so that it is told as that. */
function noRoom(path: string, expected: number, got: number): Error {
  const message = `ENOSPC: ${path}: expected ${expected} bytes to be written, got ${got}`;
  return Object.assign(new Error(message), { code: 'ENOSPC', syscall: 'write', path });
}

/**
 * Forces what was written to a file to disk.
 * @internal
 */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** What is at a path in place of an open file, in words; null where it is that file. */
async function whatElse(handle: FileHandle, path: string): Promise<string | null> {
  const ours = await handle.stat({ bigint: true });
  const there = await stat(path, { bigint: true }).catch((error: unknown) => {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  });
  if (there === null) return 'none at that path';
  if (ours.ino === there.ino && ours.dev === there.dev) return null;
  // Some network file systems number a file anew; then it is the same in everything else.
  return ours.size === there.size && ours.mtimeNs === there.mtimeNs ? null : 'another one at that path';
}
