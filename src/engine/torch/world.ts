// The worker processes of an engine as one thing that is asked and answers, and that fails as one.
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError, oneLine } from '../../core/index.ts';
import type { LinkMessage, LinkTensor } from './frames.ts';
import type { LaunchOptions } from './launch.ts';
import { launchWorkers } from './launch.ts';
import { openLinkServer } from './link.ts';

/** Beats of a rank's heart are 2 s apart; so many that stay out are a process that was stopped. */
const MISSED_BEATS = 10;
const BEAT_MS = 2000;

/** The worker processes. */
export interface World {
  /** How many there are. */
  readonly ranks: number;
  /** Whether they run: once one has failed, all are ended. */
  readonly isRunning: boolean;
  /** What they run with, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /**
   * Asks a rank. What is asked first is answered first.
   * @returns its answer
   * @throws UserError `worker-failed` when the rank fails or has failed; then all have
   */
  ask: (rank: number, header: LinkMessage['header'], tensors?: readonly LinkTensor[]) => Promise<LinkMessage>;
  /** Asks all ranks the same. */
  askAll: (header: LinkMessage['header'], tensors?: readonly LinkTensor[]) => Promise<LinkMessage[]>;
  /** Ends the processes. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/** How a world is started. */
export interface WorldOptions extends Omit<LaunchOptions, 'link' | 'folder'> {
  /** Folder for what the workers print; default: a temporary one, which goes with them. */
  logs?: string | undefined;
}

interface Question {
  rank: number;
  resolve: (answer: LinkMessage) => void;
  reject: (error: unknown) => void;
}

/**
 * Starts the workers, and waits until all are ready.
 * @param options - command, how many
 * @throws UserError `worker-failed` when one ends before
 */
export async function startWorld(options: WorldOptions): Promise<World> {
  const { ranks } = options;
  const temporary = options.logs === undefined ? await mkdtemp(join(tmpdir(), 'iovqa-torch-')) : null;
  const folder = options.logs ?? temporary!;
  const questions = new Map<number, Question>();
  const ready = new Map<number, LinkMessage['header']>();
  const missed = Array.from({ length: ranks }, () => 0);
  let nextId = 0;
  let failure: UserError | null = null;
  let isClosing = false;
  let child: ChildProcess | null = null;
  let whenReady: { resolve: () => void; reject: (error: unknown) => void };
  const isReady = new Promise<void>((resolve, reject) => (whenReady = { resolve, reject }));

  const kill = (): void => {
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // it has ended by itself
    }
  };
  const fail = (error: UserError): void => {
    if (failure !== null || isClosing) return;
    failure = error;
    kill();
    link.close();
    for (const { reject } of questions.values()) reject(error);
    questions.clear();
    whenReady.reject(error);
  };
  const failOf = async (rank: number, why: string): Promise<void> => {
    if (failure !== null || isClosing) return;
    const said = await lastLines(folder, rank);
    fail(new UserError('worker-failed', `torch worker ${rank} of ${ranks}: ${why}${said === '' ? '' : `: ${said}`}`));
  };

  const link = await openLinkServer(ranks, {
    onMessage: (rank, message) => {
      missed[rank] = 0;
      const { op, id } = message.header;
      if (op === 'ready') {
        ready.set(rank, message.header);
        if (ready.size === ranks) whenReady.resolve();
      }
      const question = questions.get(id as number);
      if (question === undefined) return;
      questions.delete(id as number);
      if (op === 'done') question.resolve(message);
      else if (op === 'failed') fail(failedError(rank, ranks, message.header));
      if (op === 'failed') question.reject(failure);
    },
    onEnd: (rank, why) => void failOf(rank, `it ended (${why})`),
  });
  try {
    child = await launchWorkers({ ...options, link, folder });
  } catch (error) {
    link.close();
    throw error;
  }
  child.once('error', (error) => fail(new UserError('worker-failed', `${options.python}: ${oneLine(error.message)}`)));
  const hasEnded = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve();
      void failOf(0, `the process ended with ${signal ?? `status ${code}`}`);
    });
    child.once('error', () => resolve());
  });
  // Beats that stay out are counted where messages are read: a process of ours that was busy itself counts none meanwhile.
  const watch = setInterval(() => {
    for (const rank of ready.keys()) {
      missed[rank]!++;
      if (missed[rank]! > MISSED_BEATS) void failOf(rank, 'it was stopped: it has shown no sign of life for 20 s');
    }
  }, BEAT_MS);
  watch.unref();

  const dispose = async (): Promise<void> => {
    isClosing = true;
    clearInterval(watch);
    link.close();
    const timer = setTimeout(kill, 10_000); // whoever waits in a collective does not see the end of the link
    await hasEnded;
    clearTimeout(timer);
    if (temporary !== null) await rm(temporary, { recursive: true, force: true });
  };
  try {
    await isReady;
  } catch (error) {
    await dispose();
    throw error;
  }
  const ask: World['ask'] = (rank, header, tensors = []) =>
    new Promise((resolve, reject) => {
      if (failure !== null) {
        reject(failure);
        return;
      }
      const id = nextId++;
      questions.set(id, { rank, resolve, reject });
      link.send(rank, { ...header, id }, tensors).catch(reject);
    });
  return {
    ranks,
    get isRunning() {
      return failure === null && !isClosing;
    },
    versions: ready.get(0)!['versions'] as Record<string, string>,
    ask,
    askAll: (header, tensors) => Promise.all(Array.from({ length: ranks }, (_, rank) => ask(rank, header, tensors))),
    [Symbol.asyncDispose]: dispose,
  };
}

function failedError(rank: number, ranks: number, { kind, message, stack }: LinkMessage['header']): UserError {
  const who = `torch worker ${rank} of ${ranks}`;
  if (kind === 'memory') {
    return new UserError(
      'worker-failed',
      `${who}: expected the work to fit into the device's memory, got ${oneLine(String(message))}`,
      {
        hint: 'Use a smaller microBatch, train.gradientCheckpointing, or runtime.shard: full.',
      },
    );
  }
  return new UserError('worker-failed', `${who}: ${oneLine(String(message))}`, { cause: new Error(String(stack)) });
}

/** The last lines that a rank printed, as one. */
async function lastLines(folder: string, rank: number): Promise<string> {
  for (const name of [`worker-${rank}.log`, 'launcher.log']) {
    const text = await readFile(join(folder, name), 'utf8').catch(() => '');
    const lines = text
      .trim()
      .split('\n')
      .filter((line) => line.trim() !== '');
    if (lines.length > 0) return oneLine(lines.slice(-3).join(' | '));
  }
  return '';
}
