// One entry of the cache as a file: a mark, a digest of key and content, the content. Whatever is damaged is no entry.
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

const MARK = Buffer.from('iovqa-1\n');
const DIGEST_BYTES = 32;

/** Bytes before the content; a multiple of four, so that numbers stay aligned. */
const HEADER_BYTES: number = MARK.length + DIGEST_BYTES;

/**
 * What goes before the content. Its digest covers the key, too: a file under another's name is no entry.
 * @param key - the entry's key
 */
export function entryHeader(key: string, content: Uint8Array): Buffer {
  return Buffer.concat([MARK, digestOf(key, content)]);
}

/**
 * Reads an entry and checks every bit of it.
 * @param file - the open file
 * @param key - the key that it should be of
 * @returns the content in memory of its own; null when the file is cut short, damaged or of another key
 */
export async function readEntry(file: FileHandle, key: string): Promise<Uint8Array | null> {
  const { size } = await file.stat();
  if (size < HEADER_BYTES) return null;
  const header = Buffer.alloc(HEADER_BYTES);
  const content = new Uint8Array(size - HEADER_BYTES);
  if (!(await fill(file, header, 0)) || !(await fill(file, content, HEADER_BYTES))) return null;
  return header.equals(entryHeader(key, content)) ? content : null;
}

function digestOf(key: string, content: Uint8Array): Buffer {
  return createHash('sha256').update(`${key}\n`).update(content).digest();
}

async function fill(file: FileHandle, bytes: Uint8Array, position: number): Promise<boolean> {
  for (let done = 0; done < bytes.length;) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return true;
}
