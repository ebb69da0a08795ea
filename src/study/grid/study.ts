// Runs a study: every run that has no result yet, several at a time, each in a process of its own.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import pMap from 'p-map';
import { UserError, callForkedWork, machineMemory } from '../../core/index.ts';
import { acquireLock, makeFolder } from '../../files/index.ts';
import type { RunEstimate } from '../../train/index.ts';
import { estimateRun } from '../../train/index.ts';
import type { PlannedRuns, StudyPlan, StudyRun } from './plan.ts';
import type { RunResult } from './result.ts';
import { readResult } from './result.ts';
import type { RunTold, RunWork } from './run.ts';

/** What happens in a study. */
export type StudyEvent =
  | {
      /** A run begins or goes on. */
      type: 'began';
      /** `ARM/seed-N`. */
      run: string;
    }
  | {
      /** A run goes on. */
      type: 'told';
      /** `ARM/seed-N`. */
      run: string;
      /** What it tells. */
      told: RunTold;
    }
  | {
      /** A run has ended. */
      type: 'ended';
      /** `ARM/seed-N`. */
      run: string;
      /** What went wrong; null where nothing did. */
      error: string | null;
    };

/** What a study will take. */
export interface StudyForecast {
  /** Forecast of a run of each arm, by its name. */
  arms: ReadonlyMap<string, RunEstimate>;
  /** Seconds of all that is to be done, with so many runs at a time. */
  seconds: number;
  /** Most memory of their own of runs that go on at a time, in bytes. */
  ownBytes: number;
  /** Runs at a time. */
  jobs: number;
  /** Runs that are to be done. */
  numRuns: number;
}

/** How a study is run. */
export interface StudyOptions {
  /** Folder of the results. */
  results: string;
  /** Folder of the runs. */
  out: string;
  /** Runs at a time. */
  jobs: number;
  /** Stops all runs, each after its present update with a checkpoint. */
  signal?: AbortSignal;
  /** Is told what happens. */
  onEvent?: (event: StudyEvent) => void;
}

/**
 * The results that are there.
 * @param plan - the plan
 * @param results - their folder
 * @returns by name of the run
 * @throws UserError `bad-input` for results of other recipes, tables or models, which are left alone
 */
export async function readResults(plan: StudyPlan, results: string): Promise<Map<string, RunResult>> {
  const found = new Map<string, RunResult>();
  const others: string[] = [];
  for (const { name, identity } of plan.runs) {
    const result = await readResult(results, name);
    if (result === null) continue;
    if (result.identity !== identity) others.push(name);
    else found.set(name, result);
  }
  if (others.length === 0) return found;
  const which = `${others.slice(0, 3).join(', ')}${others.length > 3 ? ` and ${others.length - 3} more` : ''}`;
  throw new UserError(
    'bad-input',
    `${results}: expected results of the study as it is now, got those of another recipe, table or model: ${which}`,
    { hint: 'Move them away to run these again, or give changed arms other names.' },
  );
}

/**
 * Forecasts runs.
 * @param planned - runs without a result
 * @param jobs - runs at a time; default: as many as cores and memory allow
 * @param onProgress - is told how many of how many arms are forecast
 */
export async function forecastStudy(
  { study, runs }: PlannedRuns,
  jobs: number | undefined,
  onProgress: (done: number, total: number) => void,
): Promise<StudyForecast> {
  const arms = new Map<string, RunEstimate>();
  const names = [...new Set(runs.map(({ arm }) => arm))];
  for (const name of names) {
    arms.set(name, await estimateRun(runs.find(({ arm }) => arm === name)!.resolved));
    onProgress(arms.size, names.length);
  }
  const largest = Math.max(1, ...[...arms.values()].map(({ ownBytes }) => ownBytes));
  const atATime =
    jobs ??
    Math.max(1, Math.min(availableParallelism() / study.threads, (0.8 * machineMemory()) / largest, runs.length));
  const whole = Math.floor(atATime);
  const seconds = runs.reduce((sum, { arm }) => sum + arms.get(arm)!.seconds, 0) / whole;
  return { arms, seconds, ownBytes: largest * whole, jobs: whole, numRuns: runs.length };
}

/**
 * Does the runs that have no result. A run that fails leaves the others alone.
 * @param planned - from `planStudy`, or trials
 * @param options - folders, how many at a time, signal
 * @returns what went wrong, by name of the run
 * @throws UserError `bad-input` where another process runs the study; the signal's reason when it was stopped
 */
export async function runStudy(
  { study, runs, reported }: PlannedRuns,
  { results, out, jobs, signal, onEvent }: StudyOptions,
): Promise<Map<string, string>> {
  await makeFolder(out);
  await using lock = await acquireLock(join(out, 'study.lock'), out);
  const failed = new Map<string, string>();
  const todo: StudyRun[] = [];
  for (const run of runs) {
    if ((await readResult(results, run.name))?.identity !== run.identity) todo.push(run);
  }
  const doOne = async ({ arm, seed, name, sources, identity }: StudyRun): Promise<void> => {
    await lock.requireHeld();
    onEvent?.({ type: 'began', run: name });
    const report = reported
      .get(arm)!
      .map(({ id, path, kind, prompt }) => ({ id, path, kind, ...(prompt === undefined ? {} : { prompt }) }));
    const work: RunWork = { study: study.path, arm, seed, name, sources, identity, report, results };
    let error: string | null = null;
    try {
      await callForkedWork<RunTold>(import.meta.url, './run-child', work, {
        onTold: (told) => onEvent?.({ type: 'told', run: name, told }),
        signal,
      });
    } catch (thrown) {
      signal?.throwIfAborted();
      error = thrown instanceof Error ? thrown.message : String(thrown);
      failed.set(name, error);
    }
    onEvent?.({ type: 'ended', run: name, error });
  };
  // All end before an error is thrown: a run that is stopped writes its checkpoint first.
  const settled = await pMap(
    todo,
    (run) =>
      signal?.aborted === true
        ? undefined
        : doOne(run).then(
            () => undefined,
            (error: unknown) => ({ error }),
          ),
    { concurrency: jobs },
  );
  signal?.throwIfAborted();
  const first = settled.find((one) => one !== undefined);
  if (first !== undefined) throw first.error;
  return failed;
}
