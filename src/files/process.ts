// Which process this is, in a way that tells it from others with the same number: before a restart, in a container, on another machine.
import { createHash } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { isCode } from './codes.ts';

/** A process. What the system does not tell is null: on others than Linux all but host and number. */
export interface ProcessIdentity {
  /** Name of its machine. */
  host: string;
  /** Hash of the machine's id, since several have the name `localhost`. */
  machine: string | null;
  /** Which start of the machine it runs in. */
  boot: string | null;
  /** Which processes it sees: in containers their numbers begin anew. */
  namespace: string | null;
  /** Its number. */
  pid: number;
  /** When it started, in ticks of the clock since the machine did. */
  started: string | null;
}

/** This process. */
export async function thisProcess(): Promise<ProcessIdentity> {
  const machine = await contentOf('/etc/machine-id');
  return {
    host: hostname(),
    // The id itself is not to be given away (man 5 machine-id).
    machine: machine === null ? null : createHash('sha256').update(`iovqa ${machine}`).digest('hex').slice(0, 16),
    boot: await contentOf('/proc/sys/kernel/random/boot_id'),
    namespace: await readlink('/proc/self/ns/pid').catch(() => null),
    pid: process.pid,
    started: (await statOf(process.pid))?.started ?? null,
  };
}

/**
 * Whether two are one process, as far as the system tells.
 * @param a - a process
 * @param b - another
 */
export function isSame(a: ProcessIdentity, b: ProcessIdentity): boolean {
  const keys = ['host', 'machine', 'boot', 'namespace', 'pid', 'started'] as const;
  return keys.every((key) => a[key] === b[key]);
}

/** Whether a process runs: `elsewhere` where this machine cannot know. */
export type Running = 'running' | 'gone' | 'elsewhere';

/**
 * Whether a process of which somebody wrote down who it is still runs.
 * @param other - the process
 * @param self - from {@link thisProcess}
 */
export async function isStillRunning(other: ProcessIdentity, self: ProcessIdentity): Promise<Running> {
  if (other.host !== self.host || differ(other.machine, self.machine)) return 'elsewhere';
  if (differ(other.boot, self.boot)) return 'gone';
  if (differ(other.namespace, self.namespace)) return 'elsewhere';
  if (!isRunning(other.pid)) return 'gone';
  const now = await statOf(other.pid);
  if (now === null) return 'running';
  // Of a process that has ended, its number stays until its parent asks; in containers often nobody does.
  if (now.state === 'Z' || now.state === 'X') return 'gone';
  return other.started !== null && other.started !== now.started ? 'gone' : 'running';
}

const differ = (a: string | null, b: string | null): boolean => a !== null && b !== null && a !== b;

/**
 * Whether a process runs on this machine.
 * @param pid - its number
 * @internal
 */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isCode(error, 'EPERM'); // somebody else's
  }
}

async function statOf(pid: number): Promise<{ state: string; started: string } | null> {
  const text = await contentOf(`/proc/${pid}/stat`);
  // Behind the name of the program, which stands in brackets and may hold brackets and spaces, the third field begins.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, started] = [fields?.[0], fields?.[19]];
  return state === undefined || started === undefined ? null : { state, started };
}

async function contentOf(path: string): Promise<string | null> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.trim() === '' ? null : text.trim();
}
