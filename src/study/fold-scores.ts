// The folders of a cross-validation: a run for each fold, with the scores of its clips, and all scores together.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, show } from '../core/index.ts';
import { isCode, isLeftover, readJsonLines, writeFileAtomic } from '../files/index.ts';
import type { ScoreLine, ScoresMeta } from '../score/index.ts';
import { readScoresMeta, requireScoresMeta, writeScoresMeta } from '../score/index.ts';
import type { RatedRow } from '../train/index.ts';

/** The run of a fold, counted from 1. */
export const foldFolder = (out: string, fold: number): string => join(out, `fold-${fold}`);

/** The scores in a folder. */
export const scoresOf = (folder: string): string => join(folder, 'scores.jsonl');

/** A clip of the table with its opinion and what the run said that had not seen it. */
export interface FoldScore {
  /** Number of its fold, from 1. */
  fold: number;
  /** The opinion score, on the manifest's scale. */
  mos: number;
  /** The score, on the same scale; null where the clip could not be scored. */
  score: number | null;
}

/**
 * Refuses a folder that holds something else, or other folds.
 * @throws UserError `bad-input`
 */
export async function requireFoldPlace(out: string, numFolds: number, resume: boolean): Promise<void> {
  const entries = await readdir(out).catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  });
  const names = entries.filter((name) => !isLeftover(name) && !name.endsWith('.lock'));
  const folds = names.flatMap((name) => /^fold-(\d+)$/.exec(name)?.[1] ?? []).map(Number);
  const isOurs = folds.length > 0 && names.every((name) => /^(fold-\d+|scores\.jsonl(\.meta\.json)?)$/.test(name));
  if (names.length > 0 && !(resume && isOurs)) {
    throw new UserError(
      'bad-input',
      `${out}: expected a new or empty folder, got one with ${isOurs ? 'a cross-validation' : show(names[0]!)} in it`,
      { hint: isOurs ? 'Add --resume to go on with it, or choose another folder.' : 'Choose another folder.' },
    );
  }
  const most = Math.max(0, ...folds);
  if (most > numFolds) {
    throw new UserError('bad-input', `${out}: expected ${numFolds} folds, got fold ${most}`, {
      hint: 'Go on with as many folds as it was begun with, or choose another folder.',
    });
  }
}

/** Whether a file has a row for each clip. */
export async function isWhole(path: string, numRows: number): Promise<boolean> {
  return (await readScoresMeta(path)) !== null && (await readJsonLines(path)).length === numRows;
}

/**
 * Joins the scores of all folds in one file, in the order of the table, each with the number of its fold.
 * @param out - the folder of the cross-validation
 * @param path - the file
 * @param rows - the clips of the table
 * @param folds - those of each fold, in the order in which they were scored
 */
export async function joinFolds(
  out: string,
  path: string,
  rows: readonly RatedRow[],
  folds: readonly (readonly RatedRow[])[],
): Promise<FoldScore[]> {
  const lines = new Map<string, { line: ScoreLine; fold: number }>();
  const metas: ScoresMeta[] = [];
  for (const [i, held] of folds.entries()) {
    const own = scoresOf(foldFolder(out, i + 1));
    metas.push(await requireScoresMeta(own));
    const stored = (await readJsonLines(own)) as ScoreLine[];
    held.forEach(({ id }, k) => lines.set(id, { line: stored[k]!, fold: i + 1 }));
  }
  await writeScoresMeta(path, { ...metas[0]!, models: metas.flatMap(({ models }) => models) });
  let text = '';
  const scored = rows.map(({ id, mos }, i): FoldScore => {
    const { line, fold } = lines.get(id)!;
    text += `${JSON.stringify({ ...line, row: i + 1, fold })}\n`;
    return { fold, mos, score: line.score };
  });
  await writeFileAtomic(path, text);
  return scored;
}
