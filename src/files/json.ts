// JSON files, and JSON lines: files that grow by one whole line at a time and survive a torn last one.
import { open, readFile, stat } from 'node:fs/promises';
import type { UserErrorCode } from '../core/index.ts';
import { UserError, show } from '../core/index.ts';
import { isCode, writeFileAtomic } from './atomic.ts';

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
 * @param path - the file
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
 * @param path - the file
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
    return await readFile(path);
  } catch (cause) {
    if (isCode(cause, 'ENOENT')) return undefined;
    if (cause instanceof UserError) throw cause;
    throw new UserError(code, `${path}: expected a readable file, got ${show((cause as Error).message)}`, { cause });
  }
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

/** A file of JSON lines that is open for appending. */
export interface JsonLinesWriter {
  /**
   * Appends one line, in a single write.
   * @param value - anything JSON can hold; a number that it cannot hold is an error
   */
  append(value: unknown): Promise<void>;
  /** Forces what was appended to disk. */
  sync(): Promise<void>;
  /** Closes the file. */
  close(): Promise<void>;
}

/**
 * Opens a file of JSON lines for appending. A torn last line, left by a killed process, is cut off first.
 * @param path - the file; made when missing
 */
export async function openJsonLines(path: string): Promise<JsonLinesWriter> {
  const file = await open(path, 'a+');
  try {
    const { size } = await file.stat();
    const last = Buffer.alloc(1);
    if (size > 0 && (await file.read(last, 0, 1, size - 1)).bytesRead === 1 && last[0] !== 0x0a) {
      const whole = (await readFile(path)).lastIndexOf(0x0a) + 1;
      await file.truncate(whole);
    }
  } catch (error) {
    await file.close();
    throw error;
  }
  let queue = Promise.resolve();
  return {
    append(value) {
      const line = Buffer.from(jsonLine(value));
      const done = queue.then(async () => {
        const { bytesWritten } = await file.write(line);
        if (bytesWritten !== line.length) throw new Error(`${path}: wrote ${bytesWritten} of ${line.length} bytes`);
      });
      queue = done.catch(() => {}); // the caller of that append has the error
      return done;
    },
    sync: () => queue.then(() => file.sync()),
    close: () => queue.then(() => file.close()),
  };
}

/**
 * Appends values to a file of JSON lines.
 * @param path - the file; made when missing
 * @param values - one line each
 */
export async function appendJsonLines(path: string, values: Iterable<unknown>): Promise<void> {
  const writer = await openJsonLines(path);
  try {
    for (const value of values) await writer.append(value);
  } finally {
    await writer.close();
  }
}

/**
 * Reads a file of JSON lines. A last line without its line end was torn by a kill and is left out.
 * @param path - the file
 * @returns the values; none when there is no such file
 * @throws UserError `bad-input` when a whole line is not JSON
 */
export async function readJsonLines(path: string): Promise<unknown[]> {
  return (await readLines(path)).map(({ value }) => value);
}

/**
 * Drops lines of a file of JSON lines, as resuming an earlier state needs it; a torn last line goes too.
 * @param path - the file; nothing happens when it is missing
 * @param keep - which lines stay, by value and index from 0; or the length in bytes to cut it to, at the end of a line
 */
export async function truncateJsonLines(
  path: string,
  keep: ((value: unknown, index: number) => boolean) | number,
): Promise<void> {
  const lines = await readLines(path);
  let kept = lines.filter(({ value }, i) => typeof keep === 'number' || keep(value, i));
  if (typeof keep === 'number') {
    kept = lines.filter(({ end }) => end <= keep);
    const length = kept.at(-1)?.end ?? 0;
    if (length !== keep) throw new Error(`${path}: expected the end of a line at byte ${keep}, got it at ${length}`);
  }
  const missing = lines.length === 0 && (await readFile(path).catch(() => null)) === null;
  if (!missing) await writeFileAtomic(path, kept.map(({ text }) => `${text}\n`).join(''));
}

interface Line {
  value: unknown;
  text: string;
  /** Bytes up to and with its line end. */
  end: number;
}

async function readLines(path: string): Promise<Line[]> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  }
  const lines: Line[] = [];
  const problems: string[] = [];
  for (let start = 0, end = bytes.indexOf(0x0a); end >= 0; start = end + 1, end = bytes.indexOf(0x0a, start)) {
    const text = bytes.toString('utf8', start, end);
    try {
      lines.push({ value: JSON.parse(text) as unknown, text, end: end + 1 });
    } catch {
      problems.push(`${path}:${lines.length + problems.length + 1}: expected a line of JSON, got ${show(text)}`);
    }
  }
  if (problems.length > 0) {
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more lines)` : '';
    throw new UserError('bad-input', `${problems[0]!}${more}`);
  }
  return lines;
}

/** JSON has no infinite numbers and writes them as null without a word. */
function jsonLine(value: unknown): string {
  const text = JSON.stringify(value, (key, item: unknown) => {
    if (typeof item !== 'number' || Number.isFinite(item)) return item;
    throw new Error(`JSON line: expected finite numbers, got ${item} at ${show(key)}`);
  });
  if (text === undefined) throw new Error(`JSON line: expected a value, got ${show(value)}`);
  return `${text}\n`;
}
