// Processor time of a process and its descendants, as Linux counts it: what another process's clock cannot tell.
import { readFileSync } from 'node:fs';

/** Ticks of a second in /proc, the same on all of Linux's architectures that Node.js runs on. */
const ticks = 100;

/**
 * Processor time of a process and of all that descend from it, those that ended and were waited for included.
 * @param pid - the process
 * @returns milliseconds; undefined where the system does not tell
 */
export function processorTime(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Behind the name, which may hold anything: state is field 3; utime, stime, cutime, cstime are 14 to 17.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    let total = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) * (1000 / ticks);
    for (const child of childrenOf(pid)) total += processorTime(child) ?? 0;
    return total;
  } catch {
    return undefined;
  }
}

/**
 * What the descendants of this process cost.
 * @returns processor time in milliseconds, of those that ended and were waited for included; resident memory in bytes
 */
export function costOfDescendants(): { milliseconds: number; bytes: number } {
  const { user, system } = process.cpuUsage();
  const all = processorTime(process.pid);
  const milliseconds = all === undefined ? 0 : Math.max(0, all - (user + system) / 1000);
  return { milliseconds, bytes: memoryOfChildren(process.pid) };
}

function memoryOfChildren(pid: number): number {
  try {
    return childrenOf(pid).reduce((sum, child) => sum + residentMemory(child) + memoryOfChildren(child), 0);
  } catch {
    return 0; // it ended meanwhile, or the system does not tell
  }
}

/** Bytes of a page, on all machines that have a system-call filter here. */
const page = 4096;

function residentMemory(pid: number): number {
  const [, pages] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ');
  return Number(pages) * page;
}

function childrenOf(pid: number): number[] {
  const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
  return list === '' ? [] : list.split(' ').map(Number);
}
