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

/** A process and those that its main threads started. */
function family(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    return [pid, ...children.flatMap((child) => family(Number(child)))];
  } catch {
    return [];
  }
}

/** The largest RssAnon among a process and those that it started, in bytes; 0 when it is gone. */
export function largestAnonymous(pid: number): number {
  return Math.max(0, ...family(pid).map((one) => statusOf(one)?.anonymous ?? 0));
}

/** Processor time of a process and those that it started and that still run, in seconds, to 0.01 of each. */
export function processorSeconds(pid: number): number {
  return family(pid).reduce((total, one) => {
    // Fields 14 and 15, behind the name in parentheses, in hundredths.
    const fields = readFileSync(`/proc/${one}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return total + (Number(fields[11]) + Number(fields[12])) / 100;
  }, 0);
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
