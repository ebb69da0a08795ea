// A process that is measured: it says when it is ready, then does its work once for each line it gets and says how long that took.
// Several can be alive at once and take turns, so that all see the same machine; their memory is watched from outside.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { largestAnonymous, processorSeconds } from './process.ts';

/** A contestant at work. */
export interface Contestant {
  /** What it is called in tables. */
  readonly name: string;
  /** What it said when it was ready. */
  readonly about: Readonly<Record<string, unknown>>;
  /** Has it work once; gives what it answers, `seconds` among it. */
  run: (command?: string) => Promise<Turn>;
  /** Most memory of its own (RssAnon) so far, in bytes: of its process, or of the largest one that it started. */
  peakAnonymousBytes: () => number;
  /** Ends it. */
  stop: () => Promise<void>;
}

/** One turn. */
export interface Turn {
  /** How long the work took. */
  seconds: number;
  /** Processor time, of all threads; other work on the machine does not change it by much. */
  processor: number;
  /** Anything else. */
  [key: string]: unknown;
}

/**
 * Starts a contestant.
 * @param name - for tables
 * @param command - program and arguments
 * @param first - a line that it gets at once
 */
export async function startContestant(name: string, command: readonly string[], first?: string): Promise<Contestant> {
  const child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, child.pid === undefined ? 0 : largestAnonymous(child.pid));
  }, 20);
  const answer = async (): Promise<Record<string, unknown>> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`${name}: ended early (${command.join(' ')})`);
    return JSON.parse(value) as Record<string, unknown>;
  };
  if (first !== undefined) child.stdin.write(`${first}\n`);
  const about = await answer();
  return {
    name,
    about,
    run: async (line = '') => {
      const before = processorSeconds(child.pid!);
      child.stdin.write(`${line}\n`);
      const said = (await answer()) as { seconds: number };
      return { ...said, processor: processorSeconds(child.pid!) - before };
    },
    peakAnonymousBytes: () => peak,
    stop: async () => {
      child.stdin.end();
      await ended;
      clearInterval(timer);
    },
  };
}

/**
 * The other side: works once for each line on stdin.
 * @param about - said first
 * @param work - gives more to say than its time, or nothing
 */
export async function contend(
  about: Readonly<Record<string, unknown>>,
  work: (line: string) => Promise<Record<string, unknown>>,
): Promise<void> {
  const say = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
  say({ ready: true, ...about });
  for await (const line of createInterface({ input: process.stdin })) {
    const started = performance.now();
    const more = await work(line);
    say({ seconds: (performance.now() - started) / 1000, ...more }); // `more` may know better
  }
}

/** Median, and the quartiles around it. */
export function spread(values: readonly number[]): { median: number; low: number; high: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (q: number): number => {
    const place = q * (sorted.length - 1);
    const [lower, upper] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
    return lower + (upper - lower) * (place - Math.floor(place));
  };
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}
