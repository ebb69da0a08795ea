// Grouped k-fold cross-validation: each fold's clips are scored by a run that has seen none of their groups.
import { join } from 'node:path';
import { groupedBy } from '../dataset/index.ts';
import type { OpenEngine } from '../engine/index.ts';
import { acquireLock, makeFolder } from '../files/index.ts';
import type { FoldEvaluation } from '../metrics/index.ts';
import { evaluateFolds } from '../metrics/index.ts';
import type { ListRow } from '../score/index.ts';
import { loadScorer, openScoresFile } from '../score/index.ts';
import type { RatedRow, RecipeSources, ResolvedRecipe, TrainEvent } from '../train/index.ts';
import {
  chooseRecipe,
  detectGrouping,
  inheritTableOptions,
  readFoldRows,
  resolveRecipe,
  train,
} from '../train/index.ts';
import { foldFolder, isWhole, joinFolds, requireFoldPlace, scoresOf } from './fold-scores.ts';

/** How a recipe is cross-validated. */
export interface CrossValidateOptions {
  /** Number of folds, at least 2 and at most the number of groups; `groups`: each group is a fold. Default 5. */
  folds?: number | 'groups';
  /** Go on with what the folder holds; default false: it must be new or empty. */
  resume?: boolean;
  /** Stops the work with its reason; the run under way leaves a checkpoint. */
  signal?: AbortSignal;
  /** Is told how many of a fold's clips are scored. */
  onScored?: (fold: number, done: number, total: number) => void;
  /** Opens base models; default: the engine of the project. */
  openEngine?: OpenEngine;
}

/** What happens in a cross-validation; folds are numbered from 1. */
export type CrossValidationEvent =
  | { type: 'start'; numFolds: number; numClips: number; numGroups: number; groupBy: 'group' | 'prompt' }
  /** A fold begins; `isDone` where its scores are there already. */
  | { type: 'fold'; fold: number; numHeldOut: number; isDone: boolean }
  /** An event of the fold's run. */
  | { type: 'train'; fold: number; event: TrainEvent }
  /** All is done: the file of all scores, clips without one, and how the others agree with the opinion scores. */
  | { type: 'end'; scores: string; numFailed: number; evaluation: FoldEvaluation };

/**
 * Trains a run for each fold of the training rows, in `fold-1`, `fold-2`, … of the recipe's `out`, scores the fold with its best
 * checkpoint, and joins the scores, in the order of the table and each with its fold, in `scores.jsonl` there. Folds keep groups
 * together and are cut by `seeds.split`: with that set, other seeds of initial values, order and dropout have the same folds. What has
 * ended is not repeated when it goes on.
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
  const first = (await settle(resolveFold(sources, { index: 1, of: 2 }))).recipe;
  const { out } = first;
  const groupBy = first.data.groupBy ?? 'group';
  const { all: rows } = await readFoldRows(first);
  const groups = groupsOf(rows, groupBy);
  const numGroups = new Set(groups).size;
  const { folds: asked = 5 } = options;
  const numFolds = asked === 'groups' ? numGroups : asked;
  const resolvedFold = async (index: number): Promise<ResolvedRecipe> =>
    settle(resolveFold(sources, { index, of: numFolds }, foldFolder(out, index)));
  await readFoldRows((await resolvedFold(1)).recipe); // too few groups are told before anything is made
  await requireFoldPlace(out, numFolds, resume);
  await makeFolder(out);
  await using lock = await acquireLock(join(out, 'cross-validation.lock'), out);
  yield { type: 'start', numFolds, numClips: rows.length, numGroups, groupBy };
  const folds: RatedRow[][] = [];
  for (let fold = 1; fold <= numFolds; fold++) {
    signal?.throwIfAborted();
    const resolved = await resolvedFold(fold);
    const { held } = await readFoldRows(resolved.recipe);
    folds.push(held);
    const isDone = await isWhole(scoresOf(foldFolder(out, fold)), held.length);
    yield { type: 'fold', fold, numHeldOut: held.length, isDone };
    if (!isDone) yield* runFold(resolved, held, fold, options);
    await lock.requireHeld();
  }
  const path = scoresOf(out);
  const scored = await joinFolds(out, path, rows, folds);
  const usable = scored.flatMap(({ score, ...rest }, i) =>
    score === null ? [] : [{ score, ...rest, group: groups[i]! }],
  );
  const evaluation = evaluateFolds({
    predictions: usable.map(({ score }) => score),
    mos: usable.map(({ mos }) => mos),
    folds: usable.map(({ fold }) => fold),
    groups: usable.map(({ group }) => group),
  });
  yield { type: 'end', scores: path, numFailed: scored.length - usable.length, evaluation };
}

/** Trains a fold's run and scores the fold. */
async function* runFold(
  resolved: ResolvedRecipe,
  held: readonly RatedRow[],
  fold: number,
  { signal, openEngine, onScored }: CrossValidateOptions,
): AsyncGenerator<CrossValidationEvent, void> {
  const { out, model, runtime } = resolved.recipe;
  const engine = openEngine === undefined ? {} : { openEngine };
  const stop = signal === undefined ? {} : { signal };
  for await (const event of train(resolved, { resume: true, ...stop, ...engine })) {
    yield { type: 'train', fold, event };
  }
  signal?.throwIfAborted();
  await using scorer = await loadScorer(out, {
    model,
    workers: runtime.workers,
    ...(runtime.cache ? {} : { cache: false }),
    runtime: { provider: runtime.provider, threads: runtime.threads },
    ...engine,
  });
  await using file = await openScoresFile(scoresOf(out), { resume: true });
  const list = async function* (): AsyncGenerator<ListRow> {
    for (const { id, path, kind, prompt } of held)
      yield { id, path, kind, ...(prompt === undefined ? {} : { prompt }) };
  };
  let done = 0;
  const onRow = (): void => onScored?.(fold, ++done, held.length);
  await file.score(scorer, list, { ...stop, onRow, onKept: (numKept) => (done = numKept) });
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
