// A disk of a chosen size, or a read-only one, where the tests run as root on Linux.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk extends Disposable {
  /** Where it is. */
  readonly path: string;
  at: (...names: string[]) => string;
  /** Makes it larger or smaller, in KiB. */
  resize: (kib: number) => void;
  /** Makes it read-only. */
  freeze: () => void;
}

/** Why there can be no such disk; null where there can. */
export const noDisks: string | null = findReason();

function findReason(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'small disks (tmpfs) need root on Linux';
  try {
    openSmallDisk(64)[Symbol.dispose]();
    return null;
  } catch (error) {
    return `small disks (tmpfs) cannot be mounted here: ${String(error)}`;
  }
}

if (noDisks !== null) process.stderr.write(`skipped: ${noDisks}\n`);

/** @param kib - its size, a multiple of 4 KiB, which is what a file takes at least */
export function openSmallDisk(kib: number): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), 'iovqa-disk-'));
  const mount = (...options: string[]): void => void execFileSync('mount', options, { stdio: 'pipe' });
  mount('-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', path);
  return {
    path,
    at: (...names) => join(path, ...names),
    resize: (size) => mount('-o', `remount,size=${size}k`, path),
    freeze: () => mount('-o', 'remount,ro', path),
    [Symbol.dispose]() {
      execFileSync('umount', ['-l', path]);
      rmSync(path, { recursive: true, force: true });
    },
  };
}
