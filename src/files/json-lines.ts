// JSON lines: files that grow by one whole line at a time and survive a torn last one.
import { createReadStream } from 'node:fs';
import { access, open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { UserError, show } from '../core/index.ts';
import { writeFileAtomic } from './atomic.ts';
import { isCode } from './codes.ts';
import type { OutputFile } from './output.ts';
import { openOutput } from './output.ts';

/** A file of JSON lines that is open for appending. */
export interface JsonLinesWriter {
  /**
   * Appends one line. After an error nothing more is appended: it may have left a torn line, which the next to open the file cuts off.
   * @param value - anything JSON can hold; a number that it cannot hold is an error
   */
  append(value: unknown): Promise<void>;
  /** Forces what was appended to disk. */
  sync(): Promise<void>;
  /**
   * Checks that the file is still at its path.
   * @throws UserError `bad-input` when it was moved, deleted or replaced
   */
  requireInPlace(): Promise<void>;
  /** Closes the file. */
  close(): Promise<void>;
}

/**
 * Opens a file of JSON lines for appending. A torn last line, left by a killed process, is cut off first.
 * @param path - the file; made when missing
 */
export async function openJsonLines(path: string): Promise<JsonLinesWriter> {
  const file = await openOutput(path, 'append');
  try {
    await cutTornLine(file);
  } catch (error) {
    await file.close();
    throw error;
  }
  let queue = Promise.resolve();
  return {
    append(value) {
      const line = jsonLine(value);
      const done = queue.then(() => file.write(line));
      queue = done.catch(() => {}); // the caller of that append has the error
      return done;
    },
    sync: () => queue.then(() => file.sync()),
    requireInPlace: () => file.requireInPlace(),
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
 * @returns the values; none when there is no such file
 * @throws UserError `bad-input` when a whole line is not JSON
 */
export async function readJsonLines(path: string): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const { value } of readLines(path)) values.push(value);
  return values;
}

/**
 * Drops lines of a file of JSON lines, as resuming an earlier state needs it; a torn last line goes too. What goes from the end is cut
 * off where it lies, which needs no room on the disk; only where lines in the middle go is the rest written anew, whole or not at
 * all. One line is held at a time.
 * @param path - the file; nothing happens when it is missing
 * @param keep - which lines stay, by value and index from 0; or the length in bytes to cut it to, at the end of a line
 * @throws UserError `bad-input` when a line is not JSON; the file is then as it was
 */
export async function truncateJsonLines(
  path: string,
  keep: ((value: unknown, index: number) => boolean) | number,
): Promise<void> {
  // `kept` bytes at the start stay as they are; behind a line that goes, others may stay.
  let kept = 0;
  let isCut = false;
  let hasMore = false;
  let index = 0;
  const staying: boolean[] = [];
  for await (const { value, end } of readLines(path)) {
    const stays = typeof keep === 'number' ? end <= keep : keep(value, index++);
    staying.push(stays);
    if (!stays) isCut = true;
    else if (isCut) hasMore = true;
    else kept = end;
  }
  if (typeof keep === 'number' && kept !== keep) {
    throw new Error(`${path}: expected the end of a line at byte ${keep}, got it at ${kept}`);
  }
  if (!(await isThere(path))) return;
  if (hasMore) {
    await writeFileAtomic(path, async (file) => {
      let at = 0;
      let batch: Buffer[] = [];
      let size = 0;
      const flush = async (): Promise<void> => {
        await file.write(Buffer.concat(batch));
        [batch, size] = [[], 0];
      };
      for await (const { bytes } of readLines(path)) {
        if (staying[at++] !== true) continue;
        batch.push(bytes, lineEnd);
        if ((size += bytes.length + 1) >= CHUNK) await flush();
      }
      await flush();
    });
    return;
  }
  const file = await openOutput(path, 'append');
  try {
    if (file.size === kept) return;
    await file.truncate(kept);
    await file.sync();
  } finally {
    await file.close();
  }
}

const lineEnd = Buffer.from('\n');

/** Bytes that are read or written at a time. */
const CHUNK = 1 << 20;

interface Line {
  value: unknown;
  /** Without its line end. */
  bytes: Buffer;
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
      yield { value, bytes, end };
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  }
  if (numProblems === 0) return;
  const more = numProblems > 1 ? ` (and ${numProblems - 1} more lines)` : '';
  throw new UserError('bad-input', `${problem}${more}`);
}

/** Cuts off what is behind the last line end. */
async function cutTornLine(file: OutputFile): Promise<void> {
  if (file.size === 0) return;
  const reader = await open(file.path, 'r');
  let end: number;
  try {
    end = await lastLineEnd(reader, file.size);
  } finally {
    await reader.close();
  }
  if (end < file.size) await file.truncate(end);
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
