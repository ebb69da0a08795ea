// The bytes of a table as UTF-8, whatever of the usual encodings the file is in; plain files only, a piece at a time.
import type { Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { UserError, oneLine, whatCame } from '../core/index.ts';
import { problemsError } from './problem.ts';

/** How the characters of a table are written. */
export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be';

/** The beginning of a table. */
export interface Head {
  /** Encoding of the file. */
  encoding: Encoding;
  /** Its text without a byte order mark; what cannot be decoded is U+FFFD. */
  text: string;
  /** Whether that is all of it. */
  isWhole: boolean;
}

/** Bytes that are looked at to find out how a table is written. */
const HEAD = 1 << 16;

/**
 * Reads the beginning of a table.
 * @throws UserError `bad-input` when it cannot be read, or is a folder, a device or a pipe: these may have no end, or wait for ever
 */
export async function readHead(path: string): Promise<Head> {
  try {
    const info = await stat(path); // before it is opened: opening a pipe waits for its writer
    if (!info.isFile()) throw unreadable(path, what(info));
    const file = await open(path);
    try {
      const bytes = Buffer.alloc(Math.min(HEAD, Math.max(1, info.size)));
      let length = 0;
      while (length < bytes.length) {
        const { bytesRead } = await file.read(bytes, length, bytes.length - length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      const head = bytes.subarray(0, length);
      const encoding = encodingOf(head);
      return { encoding, text: new TextDecoder(encoding).decode(head), isWhole: info.size <= length };
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw unreadable(path, whatCame(cause), cause);
  }
}

/**
 * Reads a table as UTF-8.
 * @param path - the file, from {@link readHead}
 * @param chunkBytes - bytes that are read at a time
 * @param hash - gets the file's own bytes
 * @returns pieces that end anywhere
 */
export async function* readUtf8(
  path: string,
  encoding: Encoding,
  chunkBytes: number,
  hash?: Hash,
): AsyncGenerator<Buffer, void> {
  const decoder = encoding === 'utf-8' ? undefined : new TextDecoder(encoding, { fatal: true });
  const decode = (chunk?: Buffer): Buffer => {
    try {
      return Buffer.from(chunk === undefined ? decoder!.decode() : decoder!.decode(chunk, { stream: true }));
    } catch {
      const got = 'UTF-16 with half a character in it';
      throw problemsError(path, [
        { kind: 'encoding', scope: 'file', file: path, expected: 'UTF-8 or UTF-16 text', got },
      ]);
    }
  };
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes }) as AsyncIterable<Buffer>) {
      hash?.update(chunk);
      const text = decoder === undefined ? chunk : decode(chunk);
      if (text.length > 0) yield text;
    }
    if (decoder !== undefined) yield decode();
  } catch (cause) {
    if (cause instanceof UserError || (cause as NodeJS.ErrnoException).code === undefined) throw cause;
    throw unreadable(path, whatCame(cause), cause);
  }
}

/** By the byte order mark; without one, where all is text in UTF-16 and half of it is Latin, whose every other byte is zero. */
function encodingOf(bytes: Uint8Array): Encoding {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  if (bytes.length < 4 || bytes.length % 2 !== 0) return 'utf-8';
  const zeros = [0, 0];
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === 0) zeros[i % 2]!++;
  const isMostly = (half: 0 | 1): boolean => zeros[half]! > bytes.length / 4 && zeros[1 - half] === 0;
  const encoding = isMostly(1) ? 'utf-16le' : isMostly(0) ? 'utf-16be' : 'utf-8';
  const isText = encoding === 'utf-8' || !/[^\P{Cc}\t\r\n]/u.test(new TextDecoder(encoding).decode(bytes));
  return isText ? encoding : 'utf-8';
}

function what(info: Stats): string {
  if (info.isDirectory()) return 'a folder';
  if (info.isFIFO()) return 'a named pipe';
  return info.isSocket() ? 'a socket' : 'a device';
}

function unreadable(path: string, got: string, cause?: unknown): UserError {
  const hint = /pipe|socket|device/.test(got) ? { hint: 'Write the table into a plain file first.' } : {};
  return new UserError('bad-input', `${oneLine(path)}: expected a table (CSV, TSV, text or JSON lines), got ${got}`, {
    ...hint,
    cause,
  });
}
