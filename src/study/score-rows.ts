// Scores rows of a table by the best checkpoint of a run, into a file that is gone on with.
import { parseSize } from '../core/index.ts';
import type { OpenEngine } from '../engine/index.ts';
import type { ListRow } from '../score/index.ts';
import { loadScorer, openScoresFile } from '../score/index.ts';
import type { RatedRow, Recipe } from '../train/index.ts';

/** How rows are scored. */
export interface ScoreRowsOptions {
  /** Stops the work with its reason. */
  signal?: AbortSignal | undefined;
  /** Is told how many are scored, those of before included. */
  onScored?: ((done: number, total: number) => void) | undefined;
  /** Is told what a user should know. */
  onNote?: ((text: string) => void) | undefined;
  /** Opens base models; default: the engine of the project. */
  openEngine?: OpenEngine | undefined;
}

/**
 * Scores rows; those of the file that failed before are scored again.
 * @param recipe - of the run, whose folder is its `out`
 * @param rows - in the order of the file
 * @param path - the file of scores
 * @param options - signal, who is told
 */
export async function scoreRows(
  { out, model, runtime }: Pick<Recipe, 'out' | 'model' | 'runtime'>,
  rows: readonly Pick<RatedRow, 'id' | 'path' | 'kind' | 'prompt'>[],
  path: string,
  { signal, onScored, onNote, openEngine }: ScoreRowsOptions,
): Promise<void> {
  const notes = onNote === undefined ? {} : { onNote };
  await using scorer = await loadScorer(out, {
    model,
    workers: runtime.workers,
    ...(runtime.cache ? {} : { cache: false }),
    ...(runtime.maxMemory === null ? {} : { maxMemory: parseSize(runtime.maxMemory, 'runtime.maxMemory') }),
    runtime: { provider: runtime.provider, threads: runtime.threads },
    ...(openEngine === undefined ? {} : { openEngine }),
    ...notes,
  });
  await using file = await openScoresFile(path, { retryFailed: true });
  const list = async function* (): AsyncGenerator<ListRow> {
    for (const { id, path, kind, prompt } of rows)
      yield { id, path, kind, ...(prompt === undefined ? {} : { prompt }) };
  };
  let done = 0;
  await file.score(scorer, list, {
    ...(signal === undefined ? {} : { signal }),
    ...notes,
    onRow: () => onScored?.(++done, rows.length),
    onKept: (numKept) => (done = numKept),
  });
}
