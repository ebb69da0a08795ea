// Scores rows of a table by the best checkpoint of a run, into a file that is gone on with.
import { parseSize } from '../core/index.ts';
import type { OpenEngine } from '../engine/index.ts';
import type { ListRow, Scorer, ScorerOptions } from '../score/index.ts';
import { loadScorer, openScoresFile } from '../score/index.ts';
import type { RatedRow, Recipe } from '../train/index.ts';
import { engineRuntime } from '../train/index.ts';

/** How rows are scored. */
export interface ScoreRowsOptions extends Pick<ScorerOptions, 'settings' | 'override'> {
  /** Stops the work with its reason. */
  signal?: AbortSignal | undefined;
  /** Is told how many are scored, those of before included. */
  onScored?: ((done: number, total: number) => void) | undefined;
  /** Is told what a user should know. */
  onNote?: ((text: string) => void) | undefined;
  /** Opens base models; default: the engine of the project. */
  openEngine?: OpenEngine | undefined;
}

/** A row to score. */
export type RowToScore = Pick<RatedRow, 'id' | 'path' | 'kind' | 'prompt'>;

/** The recipe of a run, whose folder is its `out`. */
type ScoringRecipe = Pick<Recipe, 'out' | 'model' | 'runtime'>;

/**
 * Opens the best checkpoint of a run, or a model or adapter.
 * @param recipe - of the run; `out` is its folder, or that of the model or adapter
 * @param options - who is told, what opens base models, what differs from the card
 */
export async function openRunScorer(
  { out, model, runtime }: ScoringRecipe,
  { onNote, openEngine, settings, override }: ScoreRowsOptions,
): Promise<Scorer> {
  return loadScorer(out, {
    model,
    workers: runtime.workers,
    ...(runtime.cache ? {} : { cache: false }),
    ...(runtime.maxMemory === null ? {} : { maxMemory: parseSize(runtime.maxMemory, 'runtime.maxMemory') }),
    runtime: { ...engineRuntime(runtime), prepack: false },
    ...(settings === undefined ? {} : { settings }),
    ...(override === undefined ? {} : { override }),
    ...(openEngine === undefined ? {} : { openEngine }),
    ...(onNote === undefined ? {} : { onNote }),
  });
}

/**
 * Scores rows; those of the file that failed before are scored again.
 * @param recipe - of the run
 * @param rows - in the order of the file
 * @param path - the file of scores
 * @param options - signal, who is told
 */
export async function scoreRows(
  recipe: ScoringRecipe,
  rows: readonly RowToScore[],
  path: string,
  options: ScoreRowsOptions,
): Promise<void> {
  const { signal, onScored, onNote } = options;
  await using scorer = await openRunScorer(recipe, options);
  await using file = await openScoresFile(path, { retryFailed: true });
  const list = async function* (): AsyncGenerator<ListRow> {
    for (const { id, path, kind, prompt } of rows)
      yield { id, path, kind, ...(prompt === undefined ? {} : { prompt }) };
  };
  let done = 0;
  await file.score(scorer, list, {
    ...(signal === undefined ? {} : { signal }),
    ...(onNote === undefined ? {} : { onNote }),
    onRow: () => onScored?.(++done, rows.length),
    onKept: (numKept) => (done = numKept),
  });
}
