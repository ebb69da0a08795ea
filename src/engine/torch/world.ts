// The worker processes of an engine as one thing that is asked and answers, and that fails as one.
import { UserError } from '../../core/index.ts';
import { DeviceMemoryError, failedError } from './failed-error.ts';
import type { LinkMessage, LinkTensor } from './frames.ts';
import type { Machine } from './machine.ts';
import type { Machines } from './machines.ts';
import type { PythonFacts } from './python-facts.ts';
import type { Team, TeamEvents, TeamOptions } from './team.ts';
import { startTeam } from './team.ts';

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

/** The processes of other machines. */
export interface OtherMachines {
  /** The machines. */
  machines: Machines;
  /** What they must have, too. */
  facts: PythonFacts;
  /** Processes on each: a number, or by what a machine has. */
  ranksOn: (facts: PythonFacts, machine: string) => number;
  /** Threads of each process; 0: by the cores of its machine. */
  threads: number;
}

/** How a world is started: `ranks` are those of this machine. */
export interface WorldOptions extends Omit<TeamOptions, 'first' | 'placement'> {
  /** Those of other machines; default: none. */
  others?: OtherMachines | undefined;
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
  const { others, hangBeats = HANG_BEATS, missedBeats = MISSED_BEATS } = options;
  const crews = others === undefined ? [] : await crewsOf(others, options.ranks);
  const ranks = crews.reduce((total, crew) => total + crew.ranks, options.ranks);
  const durations: number[] = [];
  const questions = new Map<number, Question>();
  const ready = new Map<number, LinkMessage['header']>();
  const missed = Array.from({ length: ranks }, () => 0);
  let nextId = 0;
  let failure: UserError | null = null;
  let isClosing = false;
  let isFailing = false;
  const teams: Team[] = [];
  let whenReady: { resolve: () => void; reject: (error: unknown) => void };
  const isReady = new Promise<void>((resolve, reject) => (whenReady = { resolve, reject }));

  const fail = (error: UserError): void => {
    if (failure !== null || isClosing) return;
    failure = error;
    for (const team of teams) team.kill();
    for (const { reject } of questions.values()) reject(error);
    questions.clear();
    whenReady.reject(error);
  };
  const nameOf = (rank: number): string => {
    const machine = teamOf(teams, rank)?.machine ?? null;
    return `torch worker ${rank} of ${ranks}${machine === null ? '' : ` on ${machine}`}`;
  };
  const failOf = async (rank: number, why: string): Promise<void> => {
    if (isFailing || failure !== null || isClosing) return;
    isFailing = true; // the first cause counts, though what was printed is read meanwhile
    const said = (await teamOf(teams, rank)?.said(rank)) ?? '';
    const { logs } = options;
    const kept = logs === undefined ? [] : (await Promise.all(teams.map((team) => team.keepLogs(logs)))).flat();
    const hint = kept.length === 0 ? {} : { hint: `What the workers printed is in ${kept.join(', ')}.` };
    fail(new UserError('worker-failed', `${nameOf(rank)}: ${why}${said === '' ? '' : `: ${said}`}`, hint));
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
  const events: TeamEvents = {
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
      if (op === 'failed') {
        const error = failedError(nameOf(rank), question.op, message.header);
        if (error instanceof DeviceMemoryError && question.goesOn) {
          questions.delete(id as number);
          question.reject(error);
          return;
        }
        // Where a machine was lost, ranks of others fail in a collective, and may say so before the loss is seen here.
        if (crews.length > 0) setTimeout(fail, BEAT_MS, error);
        else fail(error);
        return;
      }
      questions.delete(id as number);
      if (REPEATED.has(question.op)) durations.push(question.beats);
      question.resolve(message);
    },
    onEnd: (rank, why) => void failOf(rank, why),
  };
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
    await Promise.all(teams.map((team) => team[Symbol.asyncDispose]()));
  };
  try {
    const placement = others === undefined ? null : await others.machines.place();
    teams.push(await startTeam({ ...options, first: 0, placement }, events));
    for (const [i, { machine, ...crew }] of crews.entries()) {
      const { device } = options;
      teams.push(machine.start({ ...crew, device, placement: { ...placement!, node: i + 1 } }, events));
    }
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
      const sent = teamOf(teams, rank)!.send(rank, { ...header, id }, tensors);
      sent.catch((error: unknown) => {
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

/** What is started on each of the other machines, whose ranks stand behind those of this one. */
async function crewsOf(
  { machines, facts, ranksOn, threads }: OtherMachines,
  ownRanks: number,
): Promise<{ machine: Machine; first: number; ranks: number; threads: number }[]> {
  let next = ownRanks;
  return (await machines.gather(facts)).map((machine) => {
    const [first, ranks] = [next, ranksOn(machine.facts, machine.name)];
    next += ranks;
    return { machine, first, ranks, threads };
  });
}

const teamOf = (teams: readonly Team[], rank: number): Team | undefined =>
  teams.find(({ first, ranks }) => rank >= first && rank < first + ranks);

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
