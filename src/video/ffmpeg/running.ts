// The programs that this process has started, so that none outlives it.
import type { ChildProcess } from 'node:child_process';

const running = new Set<ChildProcess>();

/**
 * Remembers a program until it has ended.
 * @param child - the program
 */
export function remember(child: ChildProcess): void {
  running.add(child);
  child.on('error', () => running.delete(child)).on('close', () => running.delete(child));
}

/** Ends every program, before this process ends itself. */
export function killPrograms(): void {
  for (const child of running) child.kill('SIGKILL');
}
