// The scores of a cross-validation: those of each fold, and all together.
import { UserError, show } from '../core/index.ts';
import { readJsonLines, writeFileAtomic } from '../files/index.ts';
import type { ScoreLine, ScoresMeta } from '../score/index.ts';
import { readScoresMeta, requireScoresMeta, writeScoresMeta } from '../score/index.ts';
import type { RatedRow } from '../train/index.ts';
import { foldFolder, scoresOf } from './fold-plan.ts';

/** A clip of the table with its opinion and what the run said that had not seen it. */
export interface FoldScore {
  /** Number of its fold, from 1. */
  fold: number;
  /** The opinion score, on the manifest's scale. */
  mos: number;
  /** The score, on the same scale; null where the clip could not be scored. */
  score: number | null;
}

/** Whether a file has a score for each clip. */
export async function isWhole(path: string, numRows: number): Promise<boolean> {
  if ((await readScoresMeta(path)) === null) return false;
  const lines = (await readJsonLines(path)) as ScoreLine[];
  return lines.length === numRows && lines.every(({ error }) => error === undefined);
}

/**
 * Joins the scores of all folds in one file, in the order of the table, each with the number of its fold.
 * @param out - the folder of the cross-validation; `scores.jsonl` there is written anew
 * @param rows - the clips of the table
 * @param folds - those of each fold
 * @throws UserError `bad-input` where a fold's file has other clips
 */
export async function joinFolds(
  out: string,
  rows: readonly RatedRow[],
  folds: readonly (readonly RatedRow[])[],
): Promise<FoldScore[]> {
  const lines = new Map<string, { line: ScoreLine; fold: number }>();
  const metas: ScoresMeta[] = [];
  for (const [i, held] of folds.entries()) {
    const path = scoresOf(foldFolder(out, i + 1));
    metas.push(await requireScoresMeta(path));
    const stored = new Map(((await readJsonLines(path)) as ScoreLine[]).map((line) => [line.clip, line]));
    for (const { id } of held) {
      const line = stored.get(id);
      if (line === undefined) throw new UserError('bad-input', `${path}: expected a row of ${show(id)}, got none`);
      lines.set(id, { line, fold: i + 1 });
    }
  }
  await writeScoresMeta(scoresOf(out), { ...metas[0]!, models: metas.flatMap(({ models }) => models) });
  let text = '';
  const scored = rows.map(({ id, mos }, i): FoldScore => {
    const { line, fold } = lines.get(id)!;
    text += `${JSON.stringify({ ...line, row: i + 1, fold })}\n`;
    return { fold, mos, score: line.score };
  });
  await writeFileAtomic(scoresOf(out), text);
  return scored;
}
