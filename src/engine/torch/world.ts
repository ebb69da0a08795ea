// The worker processes of an engine as one thing that is asked and answers, and that fails as one.
import { copyFile, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, oneLine } from '../../core/index.ts';
import { makeTemporaryFolder } from '../../files/index.ts';
import { DeviceMemoryError, failedError } from './failed-error.ts';
import type { LinkMessage, LinkTensor } from './frames.ts';
import type { Launched, LaunchOptions } from './launch.ts';
import { launchWorkers } from './launch.ts';
import { isWorkerLog } from '../worker-log.ts';
import { openLinkServer } from './link.ts';

/** Beats of a rank's heart are 2 s apart; so many that stay out are a process that was stopped. */
const MISSED_BEATS = 10;
const BEAT_MS = 2000;
/** A rank whose heart beats so often over one micro-batch, and over so many times the median one, is in an endless loop. */
const [HANG_BEATS, HANG_FACTOR] = [300, 50];
/** What takes about as long again and again. */
const REPEATED = new Set(['accumulate', 'predict', 'encode']);

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
   * @param rank - which
   * @param header - the question
   * @param tensors - of the question
   * @param goesOn - leave the rank running where this needs more memory than there is, to ask for less; default false
   * @returns its answer
   * @throws UserError `worker-failed` when the rank fails or has failed; then all have, but for a `DeviceMemoryError` with `goesOn`
   */
  ask: (
    rank: number,
    header: LinkMessage['header'],
    tensors?: readonly LinkTensor[],
    goesOn?: boolean,
  ) => Promise<LinkMessage>;
  /** Asks all ranks the same. */
  askAll: (header: LinkMessage['header'], tensors?: readonly LinkTensor[]) => Promise<LinkMessage[]>;
  /** Ends the processes. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/** How a world is started. */
export interface WorldOptions extends Omit<LaunchOptions, 'link' | 'folder'> {
  /** Folder that keeps what the workers printed when one fails; default: none. */
  logs?: string | undefined;
  /** Beats of a micro-batch that hangs; default 300, which are 10 minutes. For tests. */
  hangBeats?: number;
  /** Beats that stay out where a process was stopped; default 10, which are 20 seconds. For tests. */
  missedBeats?: number;
}

interface Question {
  rank: number;
  op: string;
  /** Whether the rank may be asked something smaller where this needs more memory than there is. */
  goesOn: boolean;
  /** Beats of the rank since it began with this one. */
  beats: number;
  resolve: (answer: LinkMessage) => void;
  reject: (error: unknown) => void;
}

/**
 * Starts the workers, and waits until all are ready.
 * @param options - command, how many
 * @throws UserError `worker-failed` when one ends before
 */
export async function startWorld(options: WorldOptions): Promise<World> {
  const { ranks, hangBeats = HANG_BEATS, missedBeats = MISSED_BEATS } = options;
  const folder = await makeTemporaryFolder('iovqa-torch');
  const durations: number[] = [];
  const questions = new Map<number, Question>();
  const ready = new Map<number, LinkMessage['header']>();
  const missed = Array.from({ length: ranks }, () => 0);
  let nextId = 0;
  let failure: UserError | null = null;
  let isClosing = false;
  let child: Launched | null = null;
  let hasEnded = false;
  let whenReady: { resolve: () => void; reject: (error: unknown) => void };
  const isReady = new Promise<void>((resolve, reject) => (whenReady = { resolve, reject }));

  const kill = (): void => {
    if (child?.pid === undefined || hasEnded) return;
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
    const said = await lastLines(folder, rank, child?.said() ?? '');
    const kept = await keepLogs(folder, options.logs);
    const hint = kept.length === 0 ? {} : { hint: `What the workers printed is in ${kept.join(', ')}.` };
    const message = `torch worker ${rank} of ${ranks}: ${why}${said === '' ? '' : `: ${said}`}`;
    fail(new UserError('worker-failed', message, hint));
  };

  /** A rank answers in order: what it was asked first is what it does. */
  const watchProgress = (rank: number): void => {
    const first = [...questions.values()].find((question) => question.rank === rank);
    if (first === undefined) return;
    first.beats++;
    const limit = Math.max(hangBeats, HANG_FACTOR * median(durations));
    if (!REPEATED.has(first.op) || first.beats <= limit) return;
    void failOf(rank, `it hangs: it is alive, and has not ended one ${first.op} in ${(limit * BEAT_MS) / 1000} s`);
  };
  const link = await openLinkServer(ranks, {
    onMessage: (rank, message) => {
      missed[rank] = 0;
      const { op, id } = message.header;
      if (op === 'alive') watchProgress(rank);
      if (op === 'ready') {
        ready.set(rank, message.header);
        if (ready.size === ranks) whenReady.resolve();
      }
      const question = questions.get(id as number);
      if (question === undefined) return;
      questions.delete(id as number);
      if (REPEATED.has(question.op)) durations.push(question.beats);
      if (op === 'done') question.resolve(message);
      if (op !== 'failed') return;
      const error = failedError(rank, ranks, question.op, message.header);
      const goesOn = error instanceof DeviceMemoryError && question.goesOn;
      if (!goesOn) fail(error);
      question.reject(error);
    },
    onEnd: (rank, why) => void failOf(rank, `it ended (${why})`),
  });
  try {
    child = await launchWorkers({ ...options, link, folder });
  } catch (error) {
    link.close();
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  const whenEnded = child.ended.then((why) => {
    hasEnded = true;
    void failOf(0, why);
  });
  // Beats that stay out are counted where messages are read: a process of ours that was busy itself counts none meanwhile.
  const watch = setInterval(() => {
    for (const rank of missed.keys()) {
      missed[rank]!++;
      // Before it is ready, a worker loads libraries, during which Python's threads may stand still.
      const limit = ready.has(rank) ? missedBeats : hangBeats;
      if (missed[rank]! > limit) void failOf(rank, `it has shown no sign of life for ${(limit * BEAT_MS) / 1000} s`);
    }
  }, BEAT_MS);
  watch.unref();

  const dispose = async (): Promise<void> => {
    isClosing = true;
    clearInterval(watch);
    link.close();
    const timer = setTimeout(kill, 10_000); // whoever waits in a collective does not see the end of the link
    await whenEnded;
    clearTimeout(timer);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await isReady;
  } catch (error) {
    await dispose();
    throw error;
  }
  const ask: World['ask'] = (rank, header, tensors = [], goesOn = false) =>
    new Promise((resolve, reject) => {
      if (failure !== null) {
        reject(failure);
        return;
      }
      const id = nextId++;
      questions.set(id, { rank, op: String(header['op']), goesOn, beats: 0, resolve, reject });
      link.send(rank, { ...header, id }, tensors).catch((error: unknown) => {
        questions.delete(id); // nobody will answer what was not sent
        reject(error);
      });
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

/** The last lines that a rank printed, as one. */
async function lastLines(folder: string, rank: number, launcher: string): Promise<string> {
  const own = await readFile(join(folder, `worker-${rank}.log`), 'utf8').catch(() => '');
  const lines = (own.trim() === '' ? launcher : own).split('\n').filter((line) => line.trim() !== '');
  return oneLine(lines.slice(-3).join(' | '));
}

/** Keeps what the workers printed; gives the files that are there now. */
async function keepLogs(folder: string, logs: string | undefined): Promise<string[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => isWorkerLog(name));
  const kept: string[] = [];
  for (const name of logs === undefined ? [] : names) {
    const path = join(logs!, name);
    // A help: where it cannot be kept, the error is told without it.
    await copyFile(join(folder, name), path).then(
      () => kept.push(path),
      () => {},
    );
  }
  return kept;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
