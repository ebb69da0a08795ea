// The rows of a run: which train, which select checkpoints, and what score each is to get.
import { UserError, show } from '../core/index.ts';
import type { ClipRow, Dataset, Split } from '../dataset/index.ts';
import {
  groupedBy,
  kFold,
  leakingGroups,
  readManifest,
  rowsOfSplit,
  splitByGroup,
  stdToMos5,
  toMos5,
} from '../dataset/index.ts';
import { tableOptions } from './inherit-table.ts';
import type { Recipe } from './recipe/index.ts';
import { seedsOf } from './seeds.ts';

/** A row of a table with its opinion score. */
export interface RatedRow extends ClipRow {
  /** The score on the manifest's scale. */
  mos: number;
  /** The score on 1–5. */
  mos5: number;
  /** Standard deviation of the votes on 1–5; undefined where the manifest has none. */
  std5?: number;
  /** Scores of the recipe's further questions on 1–5, in their order; left out where it has none, and for validation. */
  further?: readonly number[];
}

/** The rows of a run. */
export interface RunData {
  /** The manifest. */
  dataset: Dataset;
  /** Rows to train on. */
  train: RatedRow[];
  /** Rows to select checkpoints on; none without validation. */
  validation: RatedRow[];
  /** What to know of the split, a sentence each. */
  notes: string[];
}

/** Rows that are cut into folds. */
export interface FoldRows {
  /** All of them, in the order of the file. */
  all: RatedRow[];
  /** Those of the recipe's fold. */
  held: RatedRow[];
}

/** The rows of a run, unsplit. */
export interface RunRows {
  /** The manifest. */
  dataset: Dataset;
  /** All its rows, in the order of the file. */
  rows: RatedRow[];
}

/**
 * Reads the manifest of a recipe, for whoever only looks at clips: no split is made, one row is enough.
 * @param recipe - its `data`
 * @throws UserError `bad-input` that lists every bad row
 */
export async function readRunRows(recipe: Pick<Recipe, 'data'>): Promise<RunRows> {
  const dataset = await readManifest(recipe.data.manifest, tableOptions(recipe.data));
  const rows = dataset.rows.map((row): RatedRow => {
    const mos5 = toMos5(dataset.scale, row.mos!);
    const std = row.std === undefined ? {} : { std5: stdToMos5(dataset.scale, row.std) };
    return { ...row, mos: row.mos!, mos5, ...std };
  });
  return { dataset, rows: nonEmpty(rows, recipe.data.manifest) };
}

/**
 * The rows of a run as a forecast needs them: as {@link readRunData}, but where nothing can be held out, all of them train.
 * @param recipe - its `data` and seeds
 */
export async function readForecastData(recipe: RowsOf): Promise<RunData> {
  const { validation } = recipe.data;
  if (validation === null || !('fraction' in validation)) return readRunData(recipe);
  const whole = { ...recipe, data: { ...recipe.data, validation: null } };
  const { train } = await readRunData(whole);
  const rows = groupedBy(train, recipe.data.groupBy ?? 'group');
  const isOneGroup = new Set(rows.map(({ id, group }) => group ?? id)).size < 2;
  return readRunData(isOneGroup ? whole : recipe);
}

/**
 * Reads the manifest of a recipe and splits its rows.
 * @param recipe - its `data` and seeds
 * @throws UserError `bad-input` that lists every bad row; `bad-recipe` for splits that cannot be
 */
export async function readRunData(recipe: RowsOf): Promise<RunData> {
  const data = await readSplitRows(recipe);
  return { ...data, train: await withFurtherScores(recipe, data.train) };
}

/** The parts of a recipe that say which rows a run has. */
type RowsOf = Pick<Recipe, 'data' | 'questions' | 'seed' | 'seeds'>;

/** Rows with the scores of further questions: the table is read once more for each. */
async function withFurtherScores({ data, questions }: RowsOf, rows: RatedRow[]): Promise<RatedRow[]> {
  if (questions.length === 0) return rows;
  const scores = await Promise.all(
    questions.map(async ({ target }) => {
      const { mos: _mos, ...columns } = data.columns;
      const { rows: own } = await readRunRows({ data: { ...data, target, columns } });
      return new Map(own.map(({ id, mos5 }) => [id, mos5]));
    }),
  );
  return rows.map((row) => ({ ...row, further: scores.map((of) => of.get(row.id)!) }));
}

async function readSplitRows(recipe: RowsOf): Promise<RunData> {
  const { manifest, validation } = recipe.data;
  const { dataset, pool, holdout } = await readRowsInUse(recipe);
  const { train: seen } = splitOffFold(recipe, pool);
  if (validation === null) return { dataset, train: nonEmpty(seen, manifest), validation: [], notes: [] };
  if ('split' in validation) {
    return { dataset, train: nonEmpty(seen, manifest), validation: holdout, notes: leaksBetween(seen, holdout) };
  }
  const grouping = recipe.data.groupBy ?? 'group';
  const parts = splitByGroup(groupedBy(seen, grouping), validation.fraction, seedsOf(recipe).split);
  const notes =
    grouping === 'prompt'
      ? ['clips of one prompt stay on one side of the split into training and validation (data.groupBy: prompt)']
      : [];
  return { dataset, train: nonEmpty(parts.train.map(rowOf), manifest), validation: parts.holdout.map(rowOf), notes };
}

/**
 * The rows of a recipe's fold: those that its run does not see.
 * @param recipe - its `data`, with a fold, and seeds
 * @throws UserError as {@link readRunData} does
 */
export async function readFoldRows(recipe: Pick<Recipe, 'data' | 'seed' | 'seeds'>): Promise<FoldRows> {
  const { pool } = await readRowsInUse(recipe);
  return { all: pool, held: splitOffFold(recipe, pool).holdout };
}

/** The rows to train on, a fold or share of which may be held out, and those of a split that validation names. */
async function readRowsInUse(
  recipe: Pick<Recipe, 'data'>,
): Promise<{ dataset: Dataset; pool: RatedRow[]; holdout: RatedRow[] }> {
  const { train, validation } = recipe.data;
  const { dataset, rows } = await readRunRows(recipe);
  const pool = train === null ? rows : rowsOfSplit(rows, train.split);
  if (validation === null || !('split' in validation)) return { dataset, pool, holdout: [] };
  if (train !== null && train.split === validation.split) {
    throw new UserError('bad-recipe', `data.validation.split: expected another split than data.train's, got the same`, {
      hint: `use validation: { fraction: 0.1 } to hold a tenth of ${show(train.split)} out`,
    });
  }
  const holdout = rowsOfSplit(rows, validation.split);
  const held = new Set(holdout.map(({ id }) => id));
  return { dataset, pool: pool.filter(({ id }) => !held.has(id)), holdout };
}

/** The rows outside and within the recipe's fold. */
function splitOffFold({ data, ...seeds }: Pick<Recipe, 'data' | 'seed' | 'seeds'>, pool: RatedRow[]): Split<RatedRow> {
  if (data.fold === null) return { train: pool, holdout: [] };
  const { index, of } = data.fold;
  const { train, holdout } = kFold(groupedBy(pool, data.groupBy ?? 'group'), of, seedsOf(seeds).split)[index - 1]!;
  return { train: train.map(rowOf), holdout: holdout.map(rowOf) };
}

const rowOf = ({ row }: { row: RatedRow }): RatedRow => row;

/** What the manifest's own split tears apart: validation then sees what was trained on. */
function leaksBetween(train: readonly RatedRow[], validation: readonly RatedRow[]): string[] {
  const marked = [
    ...train.map((row) => ({ ...row, split: 'train' })),
    ...validation.map((row) => ({ ...row, split: 'validation' })),
  ];
  return (['group', 'prompt'] as const).flatMap((grouping) => {
    const leaks = leakingGroups(groupedBy(marked, grouping));
    if (leaks.length === 0) return [];
    const what = leaks.length === 1 ? `1 ${grouping} has` : `${leaks.length} ${grouping}s have`;
    return [
      `${what} clips in training and in validation, such as ${show(leaks[0]!.group)}: validation scores come out too good`,
    ];
  });
}

function nonEmpty(rows: RatedRow[], manifest: string): RatedRow[] {
  if (rows.length > 0) return rows;
  throw new UserError('bad-input', `${manifest}: expected rows to train on, got none`);
}
