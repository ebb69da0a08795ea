// A run of a study: it is trained, its best checkpoint scores the reported clips, and the result is kept.
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../core/index.ts';
import type { Lock } from '../../files/index.ts';
import { acquireLock, makeFolder, readJsonLines, readText, sha256File, writeFileAtomic } from '../../files/index.ts';
import type { Recipe, RecipeSources, TrainEvent } from '../../train/index.ts';
import { readRunRecipe, resolveRecipe, train } from '../../train/index.ts';
import { withoutPlaces } from './places.ts';
import { scoreReport } from './report.ts';
import type { ChosenCheckpoint, RunResult } from './result.ts';
import { readResult, writeResult } from './result.ts';
import { resolveScoring } from './scoring.ts';
import type { RunPart, RunTold, RunWork } from './work.ts';

/**
 * Does a run, or goes on with it. Nothing happens where its results are there.
 * @param work - what is to be done
 * @param tell - is told how it goes on
 * @param signal - stops it, after the present update with a checkpoint
 */
export async function doRun(work: RunWork, tell: (told: RunTold) => void, signal: AbortSignal): Promise<void> {
  const { sources, results, isTrained, gpus } = work;
  if (gpus !== null) process.env['CUDA_VISIBLE_DEVICES'] = gpus; // of this process and its workers
  const { out } = resolveRecipe(sources).recipe;
  await makeFolder(dirname(out));
  await using _lock = await waitForLock(`${out}.lock`, out, tell, signal);
  const parts: RunPart[] = [];
  for (const part of work.parts) {
    // A process of an earlier start may have finished it meanwhile.
    const before = await readResult(results, part.name);
    if (before !== null && before.identity !== part.identity) {
      throw new UserError('bad-input', `${results}: ${part.name}: expected no result of another run`);
    }
    if (before === null) parts.push(part);
  }
  if (parts.length === 0) return;
  await beginRun(out, work.identity);
  const trained = isTrained ? await trainRun(work, tell, signal) : await untrained(sources);
  for (const part of parts) {
    const { errors: failed, ...about } = trained;
    const errors = { ...failed };
    const scored =
      part.report.length === 0
        ? { rows: [], answers: null, free: null }
        : await scoreReport(work, part, trained.recipe, errors, tell, signal);
    for (const { path, sha256 } of part.tables) {
      if ((await sha256File(path)) === sha256) continue;
      throw new UserError('bad-input', `${path}: expected the table that the run began with, got another`, {
        hint: `Move ${out} away, and run the study again.`,
      });
    }
    const { arm, seed, identity, scoring } = part;
    const recipe = withoutPlaces(trained.recipe, dirname(work.study));
    const differs = scoring === null ? {} : { scoring: scoring.sets!.slice(sources.sets!.length) };
    await writeResult(results, part.name, { arm, seed, identity, ...about, recipe, ...differs, errors, ...scored });
  }
}

/** What results say of the training. */
interface Trained extends Pick<RunResult, 'numTrain' | 'totalSteps' | 'chosen' | 'seconds' | 'errors'> {
  recipe: Recipe;
}

async function trainRun(
  { sources, parts }: RunWork,
  tell: (told: RunTold) => void,
  signal: AbortSignal,
): Promise<Trained> {
  const { out } = resolveRecipe(sources).recipe;
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
    const isTrial = parts.every(({ report }) => report.length === 0);
    if (!isTrial || !(error instanceof UserError && error.code === 'non-finite')) throw error;
    hasDiverged = true;
    errors[error.message] = 1;
  }
  signal.throwIfAborted();
  const { recipe } = await readRunRecipe(out);
  const history = (await readJsonLines(join(out, 'events.jsonl'))) as TimedEvent[];
  const chosen = chosenOf(hasDiverged ? [] : history, totalSteps / recipe.epochs);
  return { recipe, numTrain, totalSteps, chosen, seconds: secondsOf(history), errors };
}

/** The model that training would start from, as it is. */
async function untrained(sources: RecipeSources): Promise<Trained> {
  const { recipe } = await resolveScoring(sources);
  const chosen = { step: 0, epoch: 0, validation: null };
  return { recipe, numTrain: 0, totalSteps: 0, chosen, seconds: 0, errors: {} };
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
