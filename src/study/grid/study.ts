// Runs a study: every run that has no result yet, several at a time, each in a process of its own.
import { availableParallelism } from 'node:os';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import pMap from 'p-map';
import { z } from 'zod';
import { UserError, callForkedWork, machineMemory } from '../../core/index.ts';
import { acquireLock, makeFolder, readJson, writeFileAtomic } from '../../files/index.ts';
import type { RunEstimate } from '../../train/index.ts';
import { estimateRun } from '../../train/index.ts';
import { shareGpus } from './gpus.ts';
import type { PlannedRuns, StudyRun } from './plan.ts';
import type { RunResult } from './result.ts';
import { readResult } from './result.ts';
import type { RunPart, RunTold, RunWork } from './work.ts';

/** What happens in a study. */
export type StudyEvent =
  | {
      /** A run begins or goes on. */
      type: 'began';
      /** `ARM/seed-N` of the first arm that has it. */
      run: string;
    }
  | {
      /** A run goes on. */
      type: 'told';
      /** `ARM/seed-N` of the first arm that has it. */
      run: string;
      /** What it tells. */
      told: RunTold;
    }
  | {
      /** A run has ended for an arm. */
      type: 'ended';
      /** `ARM/seed-N`. */
      run: string;
      /** What went wrong; null where nothing did. */
      failure: RunFailure | null;
    };

/** What a study will take. */
export interface StudyForecast {
  /** Forecast of a run of each arm that trains, by its name; null where none can be made. Arms with another arm's runs are left out. */
  arms: ReadonlyMap<string, RunEstimate | null>;
  /** Seconds of all that is to be done, with so many runs at a time. */
  seconds: number;
  /** Most memory of their own of runs that go on at a time, in bytes. */
  ownBytes: number;
  /** Runs at a time. */
  jobs: number;
  /** `CUDA_VISIBLE_DEVICES` of each run at a time, for the torch engine; null where runs do not divide GPUs among them. */
  gpus: string[] | null;
  /** Runs that are to be done. */
  numRuns: number;
  /** What a reader must know. */
  notes: string[];
}

/** How a study is run. */
export interface StudyOptions {
  /** Folder of the results. */
  results: string;
  /** Folder of the runs. */
  out: string;
  /** Runs at a time. */
  jobs: number;
  /** `CUDA_VISIBLE_DEVICES` of each run at a time, at least `jobs` of them; null, the default: all GPUs for each. */
  gpus?: readonly string[] | null;
  /** Stops all runs, each after its present update with a checkpoint. */
  signal?: AbortSignal;
  /** Is told what happens. */
  onEvent?: (event: StudyEvent) => void;
}

/** What went wrong in a run, beside the results until it has one. */
export interface RunFailure {
  /** What the run was. */
  identity: string;
  /** What went wrong, in a line. */
  message: string;
  /** What to do about it. */
  hint?: string | undefined;
}

/**
 * The results that are there.
 * @param plan - the plan
 * @param results - their folder
 * @returns by name of the run
 * @throws UserError `bad-input` for results of other recipes, tables or models, which are left alone
 */
export async function readResults(plan: PlannedRuns, results: string): Promise<Map<string, RunResult>> {
  const found = new Map<string, RunResult>();
  const others: string[] = [];
  for (const { arm, seed, name, identity } of plan.runs) {
    const result = await readResult(results, name);
    if (result === null) continue;
    const isWhole = result.rows.length === plan.reported.get(arm)!.length;
    if (result.identity !== identity || result.arm !== arm || result.seed !== seed || !isWhole) others.push(name);
    else found.set(name, result);
  }
  if (others.length === 0) return found;
  const which = `${others.slice(0, 3).join(', ')}${others.length > 3 ? ` and ${others.length - 3} more` : ''}`;
  throw new UserError(
    'bad-input',
    `${results}: expected results of the study as it is now, got those of another recipe, table or model: ${which}`,
    {
      hint: 'Give changed arms other names, or move these results and the runs of the same names away to run them again.',
    },
  );
}

const failureOf = (results: string, name: string): string => join(results, `${name}.failed.json`);
const failureSchema = z.object({ identity: z.string(), message: z.string(), hint: z.string().optional() });

/**
 * The runs that have failed and have no result yet.
 * @param plan - the plan
 * @param results - folder of the results
 * @returns by name of the run
 */
export async function readFailures(plan: PlannedRuns, results: string): Promise<Map<string, RunFailure>> {
  const found = new Map<string, RunFailure>();
  for (const { name, identity } of plan.runs) {
    const failure = failureSchema.safeParse(await readJson(failureOf(results, name), 'bad-input'));
    if (failure.success && failure.data.identity === identity) found.set(name, failure.data);
  }
  return found;
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
  const arms = new Map<string, RunEstimate | null>();
  const notes: string[] = [];
  // Of arms that have one run, the first.
  const trainings = [...new Map(runs.map((run) => [run.training, run])).values()];
  const trained = trainings.filter(({ isTrained }) => isTrained);
  const nameOf = ({ training }: StudyRun): string => training.slice(0, training.indexOf('/'));
  const names = [...new Set(trained.map(nameOf))];
  for (const name of names) {
    try {
      arms.set(name, await estimateRun(trained.find((run) => nameOf(run) === name)!.resolved));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      arms.set(name, null); // the run says so, too, and the others go on
      notes.push(`arm ${name} has no forecast: ${error.message}`);
    }
    onProgress(arms.size, names.length);
  }
  const known = [...arms.values()].filter((one) => one !== null);
  const largest = Math.max(1, ...known.map(({ ownBytes }) => ownBytes));
  // Another device than the processor is one.
  const isCpu = runs.every(({ resolved }) => resolved.recipe.runtime.provider === 'cpu');
  const gpus = await shareGpus(runs);
  const places = gpus?.length ?? (isCpu ? availableParallelism() / study.threads : 1);
  const fitting = Math.min(places, (0.8 * machineMemory()) / largest);
  const atATime = Math.floor(Math.max(1, Math.min(jobs ?? fitting, gpus?.length ?? Infinity, trainings.length)));
  if (largest * atATime > 0.8 * machineMemory()) notes.push('that is more memory than the machine has to spare');
  const seconds = trained.reduce((sum, run) => sum + (arms.get(nameOf(run))?.seconds ?? 0), 0) / atATime;
  return { arms, seconds, ownBytes: largest * atATime, jobs: atATime, gpus, numRuns: runs.length, notes };
}

/**
 * Does the runs that have no result. A run that fails leaves the others alone.
 * @param planned - from `planStudy`, or trials
 * @param options - folders, how many at a time, signal
 * @returns what went wrong, by name of the run
 * @throws UserError `bad-input` where another process runs the study; the signal's reason when it was stopped
 */
export async function runStudy(
  planned: PlannedRuns,
  { results, out, jobs, gpus = null, signal, onEvent }: StudyOptions,
): Promise<Map<string, RunFailure>> {
  const { study, runs, reported } = planned;
  await makeFolder(out);
  await using lock = await acquireLock(join(out, 'study.lock'), out);
  const done = new Set((await readResults(planned, results)).keys());
  const failed = new Map<string, RunFailure>();
  const partOf = ({ arm, seed, name, identity, tables, scoring }: StudyRun): RunPart => {
    const report = reported.get(arm)!.map(({ id, path, kind, prompt }) => {
      return { id, path, kind, ...(prompt === undefined ? {} : { prompt }) };
    });
    return { arm, seed, name, identity, tables, scoring, report };
  };
  const freeGpus = [...(gpus ?? [])];
  const doOne = async (some: readonly StudyRun[]): Promise<void> => {
    await lock.requireHeld();
    const [{ training, sources, isTrained, trainingIdentity }] = some as [StudyRun, ...StudyRun[]];
    onEvent?.({ type: 'began', run: training });
    const work: RunWork = {
      study: study.path,
      sources,
      identity: trainingIdentity,
      isTrained,
      parts: some.map(partOf),
      freeAnswers: study.freeAnswers,
      gpus: freeGpus.pop() ?? null,
      results,
    };
    let failure: Omit<RunFailure, 'identity'> | null = null;
    try {
      await callForkedWork<RunTold>(import.meta.url, './run-child', work, {
        onTold: (told) => onEvent?.({ type: 'told', run: training, told }),
        signal,
      });
    } catch (thrown) {
      signal?.throwIfAborted();
      const [message] = (thrown instanceof Error ? thrown.message : String(thrown)).split('\n');
      failure = { message: message!, hint: thrown instanceof UserError ? thrown.hint : undefined };
    } finally {
      if (work.gpus !== null) freeGpus.push(work.gpus);
    }
    for (const { name, identity } of some) {
      const hasFailed = failure !== null && (await readResult(results, name)) === null;
      const own = hasFailed ? { identity, ...failure! } : null;
      if (own === null) await rm(failureOf(results, name), { force: true });
      else {
        failed.set(name, own);
        await makeFolder(dirname(failureOf(results, name)));
        await writeFileAtomic(failureOf(results, name), `${JSON.stringify(own, null, 1)}\n`);
      }
      onEvent?.({ type: 'ended', run: name, failure: own });
    }
  };
  const todo = runs.filter(({ name }) => !done.has(name));
  const trainings = [...new Set(todo.map(({ training }) => training))];
  // All end before an error is thrown: a run that is stopped writes its checkpoint first.
  const settled = await pMap(
    trainings,
    (training) =>
      signal?.aborted === true
        ? undefined
        : doOne(todo.filter((run) => run.training === training)).then(
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
