// Grouped k-fold cross-validation: each fold's clips are scored by a run that has seen none of their groups.
import { join } from 'node:path';
import { UserError } from '../core/index.ts';
import { groupedBy } from '../dataset/index.ts';
import type { OpenEngine } from '../engine/index.ts';
import { acquireLock, makeFolder } from '../files/index.ts';
import type { FoldEvaluation } from '../metrics/index.ts';
import { evaluateFolds } from '../metrics/index.ts';
import type { RatedRow, Recipe, RecipeSources, ResolvedRecipe, TrainEvent } from '../train/index.ts';
import {
  chooseRecipe,
  detectGrouping,
  inheritTableOptions,
  readFoldRows,
  resolveRecipe,
  train,
} from '../train/index.ts';
import { MAX_FOLDS, beginFolds, foldFolder, readFoldPlan, scoresOf } from './fold-plan.ts';
import { isWhole, joinFolds } from './fold-scores.ts';
import { scoreRows } from './score-rows.ts';

/** How a recipe is cross-validated. */
export interface CrossValidateOptions {
  /** Number of folds, at least 2 and at most the number of groups; `groups`: each group is a fold. Default 5. */
  folds?: number | 'groups';
  /** Go on with what the folder holds; default false: it must be new or empty. */
  resume?: boolean;
  /** Stops the work with its reason; the run under way leaves a checkpoint. */
  signal?: AbortSignal;
  /** Is told what a user should know of the scoring. */
  onNote?: (text: string) => void;
  /** Is told how many of a fold's clips are scored. */
  onScored?: (fold: number, done: number, total: number) => void;
  /** Opens base models; default: the engine of the project. */
  openEngine?: OpenEngine;
}

/** What happens in a cross-validation; folds are numbered from 1. */
export type CrossValidationEvent = FoldsStartEvent | FoldEvent | FoldTrainEvent | FoldsEndEvent;

/** The folds are cut. */
export interface FoldsStartEvent {
  /** Names the event. */
  type: 'start';
  /** Number of folds. */
  numFolds: number;
  /** Number of clips in all. */
  numClips: number;
  /** Number of groups that they are in. */
  numGroups: number;
  /** What a fold keeps together. */
  groupBy: 'group' | 'prompt';
}

/** A fold begins. */
export interface FoldEvent {
  /** Names the event. */
  type: 'fold';
  /** Its number. */
  fold: number;
  /** Number of its clips. */
  numHeldOut: number;
  /** Whether its scores are there already, so that nothing follows. */
  isDone: boolean;
}

/** A fold's run goes on. */
export interface FoldTrainEvent {
  /** Names the event. */
  type: 'train';
  /** Number of the fold. */
  fold: number;
  /** What happened in the run. */
  event: TrainEvent;
}

/** All is done. */
export interface FoldsEndEvent {
  /** Names the event. */
  type: 'end';
  /** The file of all scores. */
  scores: string;
  /** Number of clips without a score, which the evaluation leaves out. */
  numFailed: number;
  /** How well the others agree with the opinion scores. */
  evaluation: FoldEvaluation;
}

/**
 * Trains a run for each fold of the training rows, in `fold-1`, `fold-2`, … of the recipe's `out`, scores the fold with its best
 * checkpoint, and joins the scores, in the order of the table and each with its fold, in `scores.jsonl` there. Folds keep groups
 * together and are cut by `seeds.split`: with that set, other seeds of initial values, order and dropout have the same folds. What has
 * ended is not repeated when it goes on; what failed is tried again.
 * @param sources - the recipe, as for `resolveRecipe`; `data.fold` is set here
 * @param options - folds, resume, signal
 * @returns the events, in order; the last one is `end`
 * @throws UserError as `train` and `openScoresFile` do; `bad-input` with fewer groups than folds
 */
export async function* crossValidate(
  sources: RecipeSources,
  options: CrossValidateOptions = {},
): AsyncGenerator<CrossValidationEvent, void> {
  const { resume = false, signal } = options;
  if (!resume || sources.file?.isSaved !== true) refuseFold(sources);
  const whole = await settle(resolveFold(sources, { index: 1, of: 2 }));
  const { out } = whole.recipe;
  const groupBy = whole.recipe.data.groupBy ?? 'group';
  const { all: rows } = await readFoldRows(whole.recipe);
  const groups = groupsOf(rows, groupBy);
  const numGroups = new Set(groups).size;
  const begun = resume ? await readFoldPlan(out) : null;
  const { folds: asked = begun?.length ?? 5 } = options;
  const numFolds = asked === 'groups' ? numGroups : asked;
  if (numFolds > MAX_FOLDS) throw new UserError('bad-input', `folds: expected at most ${MAX_FOLDS}, got ${numFolds}`);
  const runs: FoldRun[] = [];
  for (let fold = 1; fold <= numFolds; fold++) {
    const resolved = await settle(resolveFold(sources, { index: fold, of: numFolds }, foldFolder(out, fold)));
    runs.push({ fold, resolved, held: (await readFoldRows(resolved.recipe)).held });
  }
  await makeFolder(out);
  await using lock = await acquireLock(join(out, 'cross-validation.lock'), out);
  const names = runs.map(({ held }) => held.map(({ id }) => id));
  await beginFolds(settledAt(out, runs[0]!.resolved), names, resume);
  yield { type: 'start', numFolds, numClips: rows.length, numGroups, groupBy };
  for (const run of runs) {
    signal?.throwIfAborted();
    const isDone = await isWhole(scoresOf(foldFolder(out, run.fold)), run.held.length);
    yield { type: 'fold', fold: run.fold, numHeldOut: run.held.length, isDone };
    if (!isDone) yield* runFold(run, options);
    await lock.requireHeld();
  }
  const scored = await joinFolds(
    out,
    rows,
    runs.map(({ held }) => held),
  );
  const usable = scored.flatMap(({ score, ...rest }, i) =>
    score === null ? [] : [{ score, ...rest, group: groups[i]! }],
  );
  const evaluation = evaluateFolds({
    predictions: usable.map(({ score }) => score),
    mos: usable.map(({ mos }) => mos),
    folds: usable.map(({ fold }) => fold),
    groups: usable.map(({ group }) => group),
  });
  yield { type: 'end', scores: scoresOf(out), numFailed: scored.length - usable.length, evaluation };
}

/** A fold, and the run that does not see it. */
interface FoldRun {
  fold: number;
  resolved: ResolvedRecipe;
  held: RatedRow[];
}

/** Trains a fold's run and scores the fold; rows that failed before are scored again. */
async function* runFold(
  { fold, resolved, held }: FoldRun,
  { signal, openEngine, onScored, onNote }: CrossValidateOptions,
): AsyncGenerator<CrossValidationEvent, void> {
  const { out, data } = resolved.recipe;
  const names = (await readFoldRows(resolved.recipe)).held.map(({ id }) => id);
  if (names.join('\n') !== held.map(({ id }) => id).join('\n')) {
    throw new UserError('bad-input', `${data.manifest}: expected the clips and groups of the first fold, got others`, {
      hint: 'The table was changed meanwhile. Restore it and add --resume, or begin in another folder.',
    });
  }
  const engine = openEngine === undefined ? {} : { openEngine };
  const stop = signal === undefined ? {} : { signal };
  for await (const event of train(resolved, { resume: true, ...stop, ...engine })) {
    yield { type: 'train', fold, event };
  }
  signal?.throwIfAborted();
  await scoreRows(resolved.recipe, held, scoresOf(out), {
    signal,
    openEngine,
    onNote,
    onScored: (done, total) => onScored?.(fold, done, total),
  });
}

/** Folds are set here. */
function refuseFold(sources: RecipeSources): void {
  let given: Recipe['data']['fold'] = null;
  try {
    given = resolveRecipe(sources).recipe.data.fold;
  } catch {
    // What is wrong is told where the recipe is used.
  }
  if (given === null) return;
  throw new UserError('bad-recipe', `data.fold: expected null, got fold ${given.index} of ${given.of}`, {
    hint: 'Cross-validation sets it for each run.',
  });
}

/** The recipe of all folds, as the folder keeps it: that of the first one. */
function settledAt(out: string, { recipe, provenance }: ResolvedRecipe): ResolvedRecipe {
  return { recipe: { ...recipe, out }, provenance };
}

/** The recipe of a fold. */
function resolveFold(sources: RecipeSources, fold: { index: number; of: number }, out?: string): ResolvedRecipe {
  const place = out === undefined ? [] : [`out=${JSON.stringify(out)}`];
  const sets = [...(sources.sets ?? []), `data.fold=${JSON.stringify(fold)}`, ...place];
  return resolveRecipe({ ...sources, sets });
}

/** What a run settles before it cuts its rows. */
const settle = async (resolved: ResolvedRecipe): Promise<ResolvedRecipe> =>
  detectGrouping(await chooseRecipe(await inheritTableOptions(resolved)));

/** What the folds keep together, for each row. */
function groupsOf(rows: readonly RatedRow[], groupBy: 'group' | 'prompt'): string[] {
  // A clip without a group is one of its own; the prefix keeps it apart from groups of that name.
  return groupedBy(rows, groupBy).map(({ id, group }) => (group === undefined ? `clip ${id}` : `group ${group}`));
}
