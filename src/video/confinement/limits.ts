// Programs that stand before a decoding process: they limit what it may use of the machine, and take privileges from it.
import { readFileSync } from 'node:fs';
import type { Tools } from './tools.ts';

/** Files that a process may have open: Node.js has about 20 of its own. */
const maxFiles = 256;

/**
 * The start of a command that limits what follows.
 * @param tools - the programs; one that is undefined does nothing
 * @param cpuSeconds - processor time after which the kernel ends it
 */
export function limitedBy({ setpriv, prlimit }: Pick<Tools, 'setpriv' | 'prlimit'>, cpuSeconds: number): string[] {
  const files = withinHardLimit('Max open files', maxFiles);
  return [
    ...(setpriv === undefined ? [] : [setpriv, '--no-new-privs', '--pdeathsig', 'KILL', '--']),
    ...(prlimit === undefined
      ? []
      : [prlimit, `--cpu=${maxCpuSeconds(cpuSeconds)}`, `--nofile=${files}`, '--core=0', '--fsize=0', '--']),
  ];
}

/**
 * Processor time that a process can be given here.
 * @param seconds - what is wanted
 * @returns no more than the hard limit of this process
 */
export function maxCpuSeconds(seconds: number): number {
  return withinHardLimit('Max cpu time', seconds);
}

/**
 * A limit that may be set: without privileges none can be raised above the hard one.
 * @param name - as /proc has it
 * @param wanted - the limit
 * @param table - content of /proc/self/limits; default: of this process
 */
export function withinHardLimit(name: string, wanted: number, table: string = ownLimits()): number {
  const hard = new RegExp(`^${name} +\\S+ +(\\d+)`, 'm').exec(table)?.[1];
  return hard === undefined ? wanted : Math.min(wanted, Number(hard));
}

function ownLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'latin1');
  } catch {
    return ''; // not on Linux
  }
}
