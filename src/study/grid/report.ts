// The reported clips, scored and answered freely by a run.
import { dirname, join } from 'node:path';
import { makeFolder } from '../../files/index.ts';
import { readScores } from '../../score/index.ts';
import type { Recipe, RecipeSources } from '../../train/index.ts';
import { readRunRows, scorerSettings } from '../../train/index.ts';
import type { ScoreRowsOptions } from '../score-rows.ts';
import { openRunScorer, scoreRows } from '../score-rows.ts';
import type { FreeAnswerCount, RunResult } from './result.ts';
import { resultScore } from './result.ts';
import type { ReportedClip, RunPart, RunTold, RunWork } from './work.ts';
import { resolveScoring, runName } from './scoring.ts';

/**
 * Scores the reported clips by the best checkpoint of a run, or by what it would start from.
 * @param work - the run
 * @param part - what the arm wants of it
 * @param recipe - that of the run
 * @param errors - why clips could not be scored, which are counted here
 * @param tell - is told how it goes on
 * @param signal - stops it
 */
export async function scoreReport(
  { freeAnswers, isTrained }: Pick<RunWork, 'freeAnswers' | 'isTrained'>,
  { arm, seed, scoring, report }: RunPart,
  recipe: Recipe,
  errors: Record<string, number>,
  tell: (told: RunTold) => void,
  signal: AbortSignal,
): Promise<Pick<RunResult, 'rows' | 'answers' | 'free'>> {
  const own = join(dirname(dirname(recipe.out)), runName(arm, seed));
  const scores = `${own}.scores.jsonl`;
  await makeFolder(dirname(scores));
  const run = { ...recipe, ...(isTrained ? {} : { out: recipe.adapter ?? recipe.model }) };
  const override = scoring === null && isTrained ? {} : await overrideOf(scoring, recipe);
  await scoreRows(run, report, scores, {
    ...override,
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
  const free = freeAnswers === 0 ? null : await countFreeAnswers(run, override, report, freeAnswers, tell, signal);
  return { rows, answers, free };
}

/** Lets the model answer clips, evenly spread over those that are reported, as it will. */
async function countFreeAnswers(
  run: Recipe,
  override: Pick<ScoreRowsOptions, 'settings' | 'override'>,
  report: readonly ReportedClip[],
  count: number,
  tell: (told: RunTold) => void,
  signal: AbortSignal,
): Promise<FreeAnswerCount> {
  const total = Math.min(count, report.length);
  const clips = Array.from({ length: total }, (_, i) => report[Math.floor((i * report.length) / total)]!);
  await using scorer = await openRunScorer(run, { ...override, onNote: (text) => tell({ type: 'note', text }) });
  let [asked, legal, done] = [0, 0, 0];
  for await (const answer of scorer.generate(clips, signal)) {
    tell({ type: 'progress', what: 'answering freely', done: ++done, total });
    if ('error' in answer) continue;
    asked++;
    if (answer.isLegal) legal++;
  }
  return { asked, legal };
}

/** How clips are asked about that are not asked about as in training. */
async function overrideOf(
  scoring: RecipeSources | null,
  recipe: Recipe,
): Promise<Pick<ScoreRowsOptions, 'settings' | 'override'>> {
  const scored = scoring === null ? recipe : (await resolveScoring(scoring)).recipe;
  const settings = scorerSettings(scored, await readRunRows(scored));
  const { frames, prompt, scale } = settings;
  return { settings, override: { frames, prompt, scale } };
}
