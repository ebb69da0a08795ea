// The worker processes of one machine: started together, ended together, each with a connection of its own.
import { copyFile, readFile, readdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { oneLine } from '../../core/index.ts';
import { makeTemporaryFolder } from '../../files/index.ts';
import { isWorkerLog } from '../worker-log.ts';
import type { LinkMessage, LinkTensor } from './frames.ts';
import type { Launched, LaunchOptions } from './launch.ts';
import { launchWorkers } from './launch.ts';
import { openLinkServer } from './link.ts';

/** The worker processes of one machine. */
export interface Team {
  /** The lowest rank among them. */
  readonly first: number;
  /** How many there are. */
  readonly ranks: number;
  /** Name of the machine; null for this one. */
  readonly machine: string | null;
  /**
   * Sends a message to a rank; to one that has gone, nothing is sent.
   * @returns once it is on its way
   */
  send: (rank: number, header: LinkMessage['header'], tensors?: readonly LinkTensor[]) => Promise<void>;
  /** The last lines that a rank printed, as one; empty for none. */
  said: (rank: number) => Promise<string>;
  /** Keeps what its ranks printed in a folder; gives the files that are there now. */
  keepLogs: (folder: string) => Promise<string[]>;
  /** Ends the processes at once. */
  kill: () => void;
  /** Ends the processes, and waits until they have ended. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/** What happens to a team. */
export interface TeamEvents {
  /** A rank has said something. */
  onMessage: (rank: number, message: LinkMessage) => void;
  /** A rank has ended, or whoever starts it; `why` is a sentence. */
  onEnd: (rank: number, why: string) => void;
}

/** How a team of this machine is started. */
export interface TeamOptions extends Omit<LaunchOptions, 'link' | 'folder'> {
  /** Its lowest rank. */
  first: number;
}

/**
 * Threads of each process where none are set.
 * @param ranks - processes of this machine
 */
export const threadsOf = (ranks: number): number => Math.max(1, Math.floor(availableParallelism() / ranks));

/** How long processes have to end by themselves, in ms: whoever waits in a collective does not see the end of the link. */
export const TIME_TO_END = 10_000;

/**
 * Starts the processes of this machine.
 * @param options - command, how many
 * @param events - who is told
 */
export async function startTeam(options: TeamOptions, events: TeamEvents): Promise<Team> {
  const { first, ranks } = options;
  const folder = await makeTemporaryFolder('iovqa-torch');
  const link = await openLinkServer(first, ranks, {
    onMessage: events.onMessage,
    onEnd: (rank, why) => events.onEnd(rank, `it ended (${why})`),
  });
  let child: Launched;
  try {
    child = await launchWorkers({ ...options, link, folder });
  } catch (error) {
    link.close();
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  let hasEnded = false;
  const whenEnded = child.ended.then((why) => {
    hasEnded = true;
    events.onEnd(first, why);
  });
  const kill = (): void => {
    link.close();
    if (child.pid === undefined || hasEnded) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // it has ended by itself
    }
  };
  return {
    first,
    ranks,
    machine: null,
    send: link.send,
    said: (rank) => lastLines(folder, rank, child.said()),
    keepLogs: (to) => keepLogs(folder, to),
    kill,
    [Symbol.asyncDispose]: async () => {
      link.close();
      const timer = setTimeout(kill, TIME_TO_END);
      await whenEnded;
      clearTimeout(timer);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The last lines that a rank printed, as one. */
async function lastLines(folder: string, rank: number, launcher: string): Promise<string> {
  const own = await readFile(join(folder, `worker-${rank}.log`), 'utf8').catch(() => '');
  const lines = (own.trim() === '' ? launcher : own).split('\n').filter((line) => line.trim() !== '');
  return oneLine(lines.slice(-3).join(' | '));
}

async function keepLogs(folder: string, to: string): Promise<string[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => isWorkerLog(name));
  const kept: string[] = [];
  for (const name of names) {
    const path = join(to, name);
    // A help: where it cannot be kept, the error is told without it.
    await copyFile(join(folder, name), path).then(
      () => kept.push(path),
      () => {},
    );
  }
  return kept;
}
