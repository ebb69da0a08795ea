// JSON lines: files that grow by one whole line at a time and survive a torn last one.
import { createReadStream } from 'node:fs';
import { access, open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { UserError, show } from '../core/index.ts';
import { isCode, writeFileAtomic } from './atomic.ts';

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
      await file.truncate(await lastLineEnd(file, size));
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
  const values: unknown[] = [];
  for await (const { value } of readLines(path)) values.push(value);
  return values;
}

/**
 * Drops lines of a file of JSON lines, as resuming an earlier state needs it; a torn last line goes too. One line is held at a time.
 * @param path - the file; nothing happens when it is missing
 * @param keep - which lines stay, by value and index from 0; or the length in bytes to cut it to, at the end of a line
 */
export async function truncateJsonLines(
  path: string,
  keep: ((value: unknown, index: number) => boolean) | number,
): Promise<void> {
  const requireEnd = (length: number): void => {
    if (typeof keep !== 'number' || length === keep) return;
    throw new Error(`${path}: expected the end of a line at byte ${keep}, got it at ${length}`);
  };
  if (!(await isThere(path))) {
    requireEnd(0);
    return;
  }
  await writeFileAtomic(path, async (file) => {
    let index = 0;
    let length = 0;
    let batch = '';
    for await (const { value, text, end } of readLines(path)) {
      if (typeof keep === 'number' ? end > keep : !keep(value, index++)) continue;
      length = end;
      batch += `${text}\n`;
      if (batch.length < CHUNK) continue;
      await file.write(batch);
      batch = '';
    }
    await file.write(batch);
    requireEnd(length);
  });
}

/** Bytes that are read or written at a time. */
const CHUNK = 1 << 20;

interface Line {
  value: unknown;
  text: string;
  /** Bytes up to and with its line end. */
  end: number;
}

/** Whole lines, one at a time; those that are no JSON are an error at the end. */
async function* readLines(path: string): AsyncGenerator<Line> {
  if (!(await isThere(path))) return;
  let problem = '';
  let numProblems = 0;
  let number = 0;
  let end = 0;
  let rest: Buffer[] = [];
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK }) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let at = chunk.indexOf(0x0a); at >= 0; start = at + 1, at = chunk.indexOf(0x0a, start)) {
      const bytes = Buffer.concat([...rest, chunk.subarray(start, at)]);
      rest = [];
      end += bytes.length + 1;
      number++;
      const text = bytes.toString('utf8');
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        if (numProblems++ === 0) problem = `${path}:${number}: expected a line of JSON, got ${show(text)}`;
        continue;
      }
      yield { value, text, end };
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  }
  if (numProblems === 0) return;
  const more = numProblems > 1 ? ` (and ${numProblems - 1} more lines)` : '';
  throw new UserError('bad-input', `${problem}${more}`);
}

/** Where the last line end of a file is, counted from its start and with it; 0 for none. */
async function lastLineEnd(file: FileHandle, size: number): Promise<number> {
  const part = Buffer.alloc(Math.min(size, CHUNK));
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - part.length);
    const { bytesRead } = await file.read(part, 0, end - start, start);
    const at = part.subarray(0, bytesRead).lastIndexOf(0x0a);
    if (at >= 0) return start + at + 1;
    end = start;
  }
  return 0;
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    (error: unknown) => {
      if (isCode(error, 'ENOENT')) return false;
      throw error;
    },
  );
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
