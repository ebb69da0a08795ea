// A run of a study: it is trained, its best checkpoint scores the reported clips, and the result is kept.
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../core/index.ts';
import type { Lock } from '../../files/index.ts';
import { acquireLock, makeFolder, readJsonLines, readText, sha256File, writeFileAtomic } from '../../files/index.ts';
import { readScores } from '../../score/index.ts';
import type { Recipe, RecipeSources, TrainEvent } from '../../train/index.ts';
import { readRunRecipe, resolveRecipe, train } from '../../train/index.ts';
import type { RowToScore } from '../score-rows.ts';
import { openRunScorer, scoreRows } from '../score-rows.ts';
import { withoutPlaces } from './places.ts';
import type { ChosenCheckpoint, FreeAnswerCount, RunResult } from './result.ts';
import { readResult, resultScore, writeResult } from './result.ts';

/** What a process is told to do: plain data. */
export interface RunWork {
  /** Name of the study's file, absolute. */
  study: string;
  /** The run. */
  arm: string;
  /** Its seed. */
  seed: number;
  /** `ARM/seed-N`. */
  name: string;
  /** What its recipe is put together from. */
  sources: RecipeSources;
  /** What its scores depend on. */
  identity: string;
  /** The table, which must stay as it is. */
  table: { path: string; sha256: string };
  /** Clips to score; none in a trial of a learning rate. */
  report: ReportedClip[];
  /** How many of them are answered freely, too. */
  freeAnswers: number;
  /** Folder of the results. */
  results: string;
}

/** A clip to score. */
export type ReportedClip = RowToScore;

/** How a run goes on. */
export type RunTold =
  | {
      /** How far it is. */
      type: 'progress';
      /** What it does. */
      what: 'reading clips' | 'training' | 'scoring' | 'answering freely';
      /** Clips or updates so far. */
      done: number;
      /** Of how many. */
      total: number;
    }
  | {
      /** What a user should know. */
      type: 'note';
      /** One line. */
      text: string;
    };

/**
 * Does a run, or goes on with it. Nothing happens where its result is there.
 * @param work - what is to be done
 * @param tell - is told how it goes on
 * @param signal - stops it, after the present update with a checkpoint
 */
export async function doRun(work: RunWork, tell: (told: RunTold) => void, signal: AbortSignal): Promise<void> {
  const { sources, results, name, report } = work;
  const { out } = resolveRecipe(sources).recipe;
  await makeFolder(dirname(out));
  await using _lock = await waitForLock(`${out}.lock`, out, tell, signal);
  // A process of an earlier start may have finished it meanwhile.
  const before = await readResult(results, name);
  if (before?.identity === work.identity) return;
  if (before !== null) throw new UserError('bad-input', `${results}: ${name}: expected no result of another run`);
  await beginRun(out, work.identity);
  let [numTrain, totalSteps] = [0, 0];
  const errors: Record<string, number> = {};
  let hasDiverged = false;
  try {
    for await (const event of train(resolveRecipe(sources), { resume: true, signal })) {
      if (event.type === 'start') ({ numTrain, totalSteps } = event);
      const progress = progressOf(event, totalSteps);
      if (progress !== null) tell(progress);
      if (event.type === 'bad-clip') tell({ type: 'note', text: event.reason });
    }
  } catch (error) {
    // A learning rate at which the numbers run away is a finding of a trial.
    if (report.length > 0 || !(error instanceof UserError && error.code === 'non-finite')) throw error;
    hasDiverged = true;
    errors[error.message] = 1;
  }
  signal.throwIfAborted();
  const { recipe } = await readRunRecipe(out);
  const scored =
    report.length === 0
      ? { rows: [], answers: null, free: null }
      : await scoreReport(work, recipe, errors, tell, signal);
  if ((await sha256File(work.table.path)) !== work.table.sha256) {
    throw new UserError('bad-input', `${work.table.path}: expected the table that the run began with, got another`, {
      hint: `Move ${out} away, and run the study again.`,
    });
  }
  const history = (await readJsonLines(join(out, 'events.jsonl'))) as TimedEvent[];
  await writeResult(results, name, {
    arm: work.arm,
    seed: work.seed,
    identity: work.identity,
    recipe: withoutPlaces(recipe, dirname(work.study)),
    numTrain,
    totalSteps,
    chosen: chosenOf(hasDiverged ? [] : history, totalSteps / recipe.epochs),
    seconds: secondsOf(history),
    errors,
    ...scored,
  });
}

/** Notes what a folder's run is of; a run of another recipe, table or model is left alone. */
async function beginRun(out: string, identity: string): Promise<void> {
  const path = `${out}.identity`;
  const before = await readText(path, 'bad-input', 100);
  if (before === undefined) return writeFileAtomic(path, `${identity}\n`);
  if (before.trim() === identity) return;
  throw new UserError('bad-input', `${out}: expected a run of this study, got one of another recipe, table or model`, {
    hint: `Move ${out}* away, and run the study again.`,
  });
}

/** Scores the reported clips. Why some of them cannot be is counted in `errors`. */
async function scoreReport(
  { report, freeAnswers }: RunWork,
  recipe: Recipe,
  errors: Record<string, number>,
  tell: (told: RunTold) => void,
  signal: AbortSignal,
): Promise<Pick<RunResult, 'rows' | 'answers' | 'free'>> {
  const scores = `${recipe.out}.scores.jsonl`;
  await scoreRows(recipe, report, scores, {
    signal,
    onScored: (done, total) => tell({ type: 'progress', what: 'scoring', done, total }),
    onNote: (text) => tell({ type: 'note', text }),
  });
  const rows = [];
  let answers: number[] | null = null;
  for await (const row of readScores(scores)) {
    rows.push(resultScore(row));
    answers ??= row.distribution && [...row.distribution.values];
    if (row.error !== null) errors[row.error] = (errors[row.error] ?? 0) + 1;
  }
  const free = freeAnswers === 0 ? null : await countFreeAnswers(recipe, report, freeAnswers, tell, signal);
  return { rows, answers, free };
}

/** Lets the model answer clips, evenly spread over those that are reported, as it will. */
async function countFreeAnswers(
  recipe: Recipe,
  report: readonly ReportedClip[],
  count: number,
  tell: (told: RunTold) => void,
  signal: AbortSignal,
): Promise<FreeAnswerCount> {
  const total = Math.min(count, report.length);
  const clips = Array.from({ length: total }, (_, i) => report[Math.floor((i * report.length) / total)]!);
  await using scorer = await openRunScorer(recipe, { onNote: (text) => tell({ type: 'note', text }) });
  let [asked, legal, done] = [0, 0, 0];
  for await (const answer of scorer.generate(clips, signal)) {
    tell({ type: 'progress', what: 'answering freely', done: ++done, total });
    if ('error' in answer) continue;
    asked++;
    if (answer.isLegal) legal++;
  }
  return { asked, legal };
}

/** A line of events.jsonl. */
type TimedEvent = TrainEvent & { time: string };

function progressOf(event: TrainEvent, totalSteps: number): RunTold | null {
  if (event.type === 'step') return { type: 'progress', what: 'training', done: event.step, total: totalSteps };
  if (event.type !== 'prepared') return null;
  return { type: 'progress', what: 'reading clips', done: event.done, total: event.total };
}

/** The checkpoint that scores: the best of the evaluations, or the last one. */
function chosenOf(history: readonly TimedEvent[], stepsPerEpoch: number): ChosenCheckpoint {
  const best = history.findLast((event) => event.type === 'evaluation' && event.best);
  const last = history.findLast((event) => event.type === 'step');
  const step = best?.type === 'evaluation' ? best.step : (last?.step ?? 0);
  const at = { step, epoch: Number((step / stepsPerEpoch).toFixed(4)) };
  if (best?.type !== 'evaluation') return { ...at, validation: null };
  const { srcc, plcc, challenge, rmse, rmseOfMean, legalMass, undefinedBecause } = best;
  return { ...at, validation: { srcc, plcc, challenge, rmse, rmseOfMean, legalMass, undefinedBecause } };
}

/** What is logged while a run computes; notes may come before a start. */
const atWork = new Set<TrainEvent['type']>(['start', 'mask', 'step', 'evaluation', 'checkpoint', 'end']);

/** Seconds from each start to what was logged last before the next one. */
function secondsOf(history: readonly TimedEvent[]): number {
  const events = history.filter(({ type }) => atWork.has(type));
  let seconds = 0;
  for (const [i, event] of events.entries()) {
    if (i === 0 || event.type === 'start') continue;
    seconds += (Date.parse(event.time) - Date.parse(events[i - 1]!.time)) / 1000;
  }
  return Number(seconds.toFixed(1));
}

/** How often a lock is tried again: for ten minutes, many times what an update takes. */
const [RETRY_MS, MAX_ATTEMPTS] = [500, 1200];

/** Takes the run's lock. One that a process of a killed study holds is free as soon as that process has noticed. */
async function waitForLock(
  path: string,
  out: string,
  tell: (told: RunTold) => void,
  signal: AbortSignal,
): Promise<Lock> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await acquireLock(path, out);
    } catch (error) {
      if (!(error instanceof UserError) || attempt === MAX_ATTEMPTS) throw error;
      if (attempt === 0) tell({ type: 'note', text: `${error.message}: waiting for its end` });
    }
    await sleep(RETRY_MS, undefined, { signal });
  }
}
