// Runs a command and watches what it takes: wall time and memory of it and its children, ten times a second. Linux only.
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';

/** What a command took. */
export interface Taken {
  seconds: number;
  /** Exit status; null after a signal. */
  code: number | null;
  /** What it wrote to stdout. */
  stdout: string;
  /** Peak resident memory (VmHWM) and peak of its own (RssAnon) of the largest process, in bytes. */
  residentBytes: number;
  anonymousBytes: number;
  /** Peak of RssAnon of all its processes together. */
  allAnonymousBytes: number;
}

/** Fields of /proc/PID/status, sizes in bytes; null when the process is gone. */
export function statusOf(pid: number): { parent: number; resident: number; anonymous: number } | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    return { parent: field('PPid'), resident: field('VmHWM') * 1024, anonymous: field('RssAnon') * 1024 };
  } catch {
    return null;
  }
}

/** A process and all below it, by what their status says. */
function tree(root: number): { resident: number; anonymous: number }[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const status = statusOf(Number(name));
      return status === null ? [] : [{ pid: Number(name), ...status }];
    });
  const pids = [root];
  for (const pid of pids) pids.push(...all.filter(({ parent }) => parent === pid).map((entry) => entry.pid));
  return all.filter(({ pid }) => pids.includes(pid));
}

/**
 * Runs a command to its end.
 * @param command - program and arguments
 */
export async function watch(command: readonly string[]): Promise<Taken> {
  const started = performance.now();
  const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  const peaks = { residentBytes: 0, anonymousBytes: 0, allAnonymousBytes: 0 };
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const timer = setInterval(() => {
    const processes = child.pid === undefined ? [] : tree(child.pid);
    const most = (values: number[]): number => Math.max(0, ...values);
    peaks.residentBytes = most([peaks.residentBytes, ...processes.map(({ resident }) => resident)]);
    peaks.anonymousBytes = most([peaks.anonymousBytes, ...processes.map(({ anonymous }) => anonymous)]);
    const together = processes.reduce((total, { anonymous }) => total + anonymous, 0);
    peaks.allAnonymousBytes = most([peaks.allAnonymousBytes, together]);
  }, 100);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  clearInterval(timer);
  return { seconds: (performance.now() - started) / 1000, code, stdout, ...peaks };
}
