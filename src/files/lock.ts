// One writer at a time: a file beside what is written says who writes. The lock of a process that is gone is taken over.
import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { threadId } from 'node:worker_threads';
import { z } from 'zod';
import { UserError, oneLine, shellWord, show } from '../core/index.ts';
import { temporaryFor } from './leftovers.ts';
import { isCode } from './codes.ts';
import { writeNewFile } from './output.ts';
import type { ProcessIdentity, Running } from './process.ts';
import { isSame, isStillRunning, thisProcess } from './process.ts';

/** A lock that is held. */
export interface Lock extends AsyncDisposable {
  /** Path of its file. */
  readonly path: string;
  /**
   * Checks that it is still held: that nobody has removed its file, or the folder that it lies in.
   * @throws UserError `bad-input`
   */
  requireHeld(): Promise<void>;
  /** Gives it back. */
  release(): Promise<void>;
}

const schema = z.object({
  format: z.literal(1),
  host: z.string(),
  machine: z.string().nullable(),
  boot: z.string().nullable(),
  namespace: z.string().nullable(),
  pid: z.int().positive(),
  started: z.string().nullable(),
  thread: z.int(),
  token: z.string(),
});

type Content = z.infer<typeof schema>;

/** Tokens of the locks that this thread holds, also those of another copy of this module. */
const heldHere = ((globalThis as Record<symbol, unknown>)[Symbol.for('iovqa.locks')] ??= new Set()) as Set<string>;

/**
 * The lock of a file, or of a folder that becomes whole at the end: beside it.
 * @param path - the file or folder
 */
export const lockBeside = (path: string): string => `${resolve(path)}.lock`;

/**
 * Takes a lock. It says which process holds it: machine, number, when that process and its machine started. Where that process is gone
 * from this machine, the lock is taken over. Where the system does not tell when a process started, a later one with the same number
 * counts as that one.
 * @param path - file of the lock; its folder must be there
 * @param what - what it protects, as the user named it
 * @throws UserError `bad-input` when another process holds it, or one that this machine cannot see
 */
export async function acquireLock(path: string, what: string): Promise<Lock> {
  return take(path, what, 0);
}

/** Locks of locks that are being taken over: each depth needs a kill within the microseconds of the one before. */
const MAX_DEPTH = 4;

async function take(path: string, what: string, depth: number): Promise<Lock> {
  const self = await thisProcess();
  const token = randomBytes(8).toString('hex');
  const content: Content = { format: 1, ...self, thread: threadId, token };
  const text = `${JSON.stringify(content)}\n`;
  const temporary = temporaryFor(path);
  // Before the lock is there: another caller in this thread takes one with a token that is not held for given back.
  heldHere.add(token);
  try {
    await writeNewFile(temporary, text);
    // Between two looks another process may have given its lock back, and a third have taken one.
    while (!(await put(temporary, path, text)) && !(await takeOver(temporary, path, what, self, depth)));
    await rm(temporary, { force: true });
  } catch (error) {
    heldHere.delete(token);
    await rm(temporary, { force: true });
    throw error;
  }
  const isOurs = async (): Promise<boolean> => (await contentOf(path)) === text;
  const release = async (): Promise<void> => {
    try {
      if (await isOurs()) await rm(path, { force: true });
    } finally {
      heldHere.delete(token); // not before the file is gone: it would be another caller's lock by then
    }
  };
  return {
    path,
    async requireHeld() {
      if (await isOurs()) return;
      throw new UserError('bad-input', `${what}: expected the lock of this process in ${path}, got none or another's`, {
        hint: 'What is written there was moved, deleted or taken over by another process.',
      });
    },
    release,
    [Symbol.asyncDispose]: release,
  };
}

/** Puts a lock where there is none, with its content in it at once. */
async function put(temporary: string, path: string, text: string): Promise<boolean> {
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    if (!isCode(error, 'EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK')) throw error;
  }
  try {
    await writeNewFile(path, text); // a file system without links
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/**
 * Replaces the lock of a process that is gone; only one process does so at a time.
 * @returns false when it was given back or taken over meanwhile
 */
async function takeOver(
  temporary: string,
  path: string,
  what: string,
  self: ProcessIdentity,
  depth: number,
): Promise<boolean> {
  const text = await contentOf(path);
  if (text === null) return false;
  const holder = parse(text);
  if (holder === null || depth === MAX_DEPTH) throw unreadable(path, what, text);
  const isGivenBack = isSame(holder, self) && holder.thread === threadId && !heldHere.has(holder.token);
  const running = isGivenBack ? 'gone' : await isStillRunning(holder, self);
  if (running !== 'gone') throw held(path, what, holder, running);
  await using _ = await take(`${path}.takeover`, what, depth + 1);
  if ((await contentOf(path)) !== text) return false;
  await rename(temporary, path);
  return true;
}

function held(path: string, what: string, holder: Content, running: Running): UserError {
  const who = `process ${holder.pid} of ${oneLine(holder.host)}`;
  const remove = `rm ${shellWord(path)}`;
  if (running === 'elsewhere') {
    return new UserError(
      'bad-input',
      `${what}: expected no other process to write there, got ${who}, which is not seen from here`,
      {
        hint: `Where that process is gone, remove its lock: ${remove}`,
      },
    );
  }
  const sure = holder.started !== null;
  return new UserError('bad-input', `${what}: expected no other process to write there, got ${who}, which is running`, {
    hint: sure
      ? 'Wait for it, or choose another place.'
      : `Wait for it; where that is another program, remove the lock: ${remove}`,
  });
}

function unreadable(path: string, what: string, text: string): UserError {
  return new UserError('bad-input', `${what}: expected a lock that says who holds it in ${path}, got ${show(text)}`, {
    hint: `Where no process writes there, remove it: rm ${shellWord(path)}`,
  });
}

function parse(text: string): Content | null {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

async function contentOf(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  });
}
