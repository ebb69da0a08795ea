// Kills `iovqa score --resume` again and again, at moments drawn from a seed: before the first row, between rows and behind the last.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { randomStream } from '../../src/core/index.ts';
import { spawnCli } from './run-cli.ts';

export interface KillOptions {
  /** Folder in which the command runs. */
  cwd: string;
  /** Arguments of `iovqa score` but for `--out` and `--resume`. */
  args: readonly string[];
  /** The file of scores. */
  out: string;
  /** How often the command is killed. */
  kills: number;
  /** Most bytes of rows that it may write before that. */
  mostBytes: number;
  seed: number;
}

/** What came of it. */
export interface Killed {
  /** Kills that met the command at work. */
  numKilled: number;
  /** Bytes in the file after each. */
  lengths: number[];
}

export async function killScore({ cwd, args, out, kills, mostBytes, seed }: KillOptions): Promise<Killed> {
  const stream = randomStream(seed);
  const path = join(cwd, out);
  const length = (): number => (existsSync(path) ? statSync(path).size : 0);
  const result: Killed = { numKilled: 0, lengths: [] };
  for (let kill = 0; kill < kills; kill++) {
    const before = length();
    // Every fifth time it is killed before it has written a row: when its lock is there, or some time after.
    const early = kill % 5 === 4;
    const growth = 1 + stream.below(mostBytes);
    const delay = stream.below(early ? 400 : 20);
    const isDue = (): boolean => (early ? existsSync(`${path}.lock`) : length() >= before + growth);
    const { code } = await spawnCli(['score', ...args, '--out', out, '--resume'], {
      cwd,
      timeout: 600_000,
      onStart: (child) => {
        const timer = setInterval(() => {
          if (!isDue()) return;
          clearInterval(timer);
          setTimeout(() => child.kill('SIGKILL'), delay);
        }, 1);
        child.on('close', () => clearInterval(timer));
      },
    });
    if (code === null) result.numKilled++;
    result.lengths.push(length());
  }
  return result;
}
