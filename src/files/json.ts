// Text and JSON files that somebody else wrote: read whole, within limits.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { UserErrorCode } from '../core/index.ts';
import { UserError, show } from '../core/index.ts';
import { isCode } from './codes.ts';

/** How much is read of a JSON file that somebody else wrote. */
export interface JsonLimits {
  /** Most bytes. */
  bytes: number;
  /** Most values; parsed, one takes up to 60 bytes, however short it is in the file. */
  values: number;
}

/** Far above every config, index of shards and card that there is: the index of the 72B model has 1,500 values and 100 kB. */
const usualLimits: JsonLimits = { bytes: 16_000_000, values: 1_000_000 };

/**
 * Reads a text file whole.
 * @param code - code of the error when it cannot be read
 * @param maxBytes - what is larger is refused before a byte of it is read
 * @returns the text; undefined when there is no such file
 * @throws UserError when it is there but no file of text in UTF-8, or too large
 */
export async function readText(path: string, code: UserErrorCode, maxBytes: number): Promise<string | undefined> {
  const bytes = await readWhole(path, code, maxBytes);
  return bytes === undefined ? undefined : decode(path, code, bytes, 'text');
}

/**
 * Reads a JSON file.
 * @param code - code of the error when it cannot be read
 * @param limits - default: 16 MB and a million values
 * @returns the parsed value; undefined when there is no such file
 * @throws UserError when it is there but not JSON in UTF-8, of at most 100 levels, within the limits
 */
export async function readJson(
  path: string,
  code: UserErrorCode = 'bad-input',
  limits: JsonLimits = usualLimits,
): Promise<unknown> {
  const bytes = await readWhole(path, code, limits.bytes);
  if (bytes === undefined) return undefined;
  if (countValues(bytes) > limits.values) {
    throw new UserError(code, `${path}: expected at most ${limits.values} values, got more`);
  }
  try {
    const value = JSON.parse(decode(path, code, bytes, 'JSON')) as unknown;
    if (!isWithin(value, MAX_DEPTH)) throw new Error(`more than ${MAX_DEPTH} levels`);
    return value;
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError(code, `${path}: expected JSON, got ${show((cause as Error).message)}`, { cause });
  }
}

async function readWhole(path: string, code: UserErrorCode, maxBytes: number): Promise<Buffer | undefined> {
  try {
    const info = await stat(path); // before it is opened: opening a pipe waits for its writer
    if (!info.isFile()) throw new UserError(code, `${path}: expected a file, got something that is none`);
    if (info.size > maxBytes) {
      throw new UserError(code, `${path}: expected at most ${maxBytes} bytes, got ${info.size}`);
    }
    return await readUpTo(path, code, maxBytes);
  } catch (cause) {
    if (isCode(cause, 'ENOENT')) return undefined;
    if (cause instanceof UserError) throw cause;
    throw new UserError(code, `${path}: expected a readable file, got ${show((cause as Error).message)}`, { cause });
  }
}

/** A file may grow, and some of the system's say that they are empty and have no end. */
async function readUpTo(path: string, code: UserErrorCode, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of createReadStream(path, { end: maxBytes, highWaterMark: 1 << 20 })) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
  }
  if (length > maxBytes) throw new UserError(code, `${path}: expected at most ${maxBytes} bytes, got more`);
  return Buffer.concat(chunks, length);
}

function decode(path: string, code: UserErrorCode, bytes: Buffer, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new UserError(code, `${path}: expected ${what}, got ${show((cause as Error).message)}`, { cause });
  }
}

/** At least as many as there are values; those in texts count too. */
function countValues(bytes: Buffer): number {
  let count = 1;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === 0x2c || byte === 0x5b || byte === 0x7b) count++; // , [ {
  }
  return count;
}

/** Deeper ones exhaust the stack of whatever walks them; no file of ours or of a model's has ten. */
const MAX_DEPTH = 100;

function isWithin(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((item) => isWithin(item, levels - 1));
}
