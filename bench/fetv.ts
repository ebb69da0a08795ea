// FETV in five folds by prompt: for each of the two scores five adapters by the paper's recipe, and each clip scored by the one whose
// training left it out. Correlations are over all clips, whatever adapter scored them. Run again, it goes on.
//   npx tsx bench/fetv.ts ../shared/data/fetv/manifest.csv runs/fetv-folds [MODEL]
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClipRow, Split } from '../src/dataset/index.ts';
import { formatCsv, kFold, readManifest } from '../src/dataset/index.ts';
import { writeFileAtomic } from '../src/files/index.ts';
import type { Interval, Stat } from '../src/metrics/index.ts';
import { evaluate } from '../src/metrics/index.ts';
import { loadScorer } from '../src/score/index.ts';
import { resolveRecipe, train } from '../src/train/index.ts';

const [manifest, out, model = 'models/nano'] = process.argv.slice(2);
if (manifest === undefined || out === undefined) throw new Error('usage: npx tsx bench/fetv.ts MANIFEST OUT [MODEL]');
const FOLDS = 5;
const SEED = 0;
await mkdir(out, { recursive: true });

/** Trains on the rows outside a fold, and scores those within. */
async function foldScores(target: string, fold: number, rows: Split<ClipRow>): Promise<number[]> {
  const table = join(out!, `${target}-${fold}.csv`);
  const line = ({ path, mos, prompt }: ClipRow): string[] => [path, String(mos), prompt!, prompt!];
  await writeFileAtomic(table, formatCsv(['video', 'mos', 'prompt', 'group'], rows.train.map(line)));
  const run = join(out!, `${target}-${fold}`);
  const recipe = resolveRecipe({
    base: {
      recipe: 'paper',
      model,
      out: run,
      data: { manifest: table, scale: '1-5', validation: null },
      frames: { count: 2, maxPixels: 256 * 256 },
      microBatch: 2,
    },
  });
  for await (const event of train(recipe, { resume: true })) {
    if (event.type !== 'step') continue;
    process.stderr.write(`\r${target} fold ${fold + 1}/${FOLDS}: ${event.step}/${event.totalSteps} `);
  }
  await using scorer = await loadScorer(run);
  const clips = rows.holdout.map(({ path, prompt }) => ({ path, kind: 'video' as const, ...(prompt && { prompt }) }));
  const scores: number[] = [];
  for await (const result of scorer.score(clips)) {
    if ('error' in result) throw result.error;
    scores.push(result.score);
  }
  return scores;
}

const number = (stat: Stat): string => (stat.defined ? stat.value.toFixed(3) : '–');
const range = (interval: Interval | null | undefined): string =>
  interval ? `${interval.low.toFixed(3)} … ${interval.high.toFixed(3)}` : '–';

const lines = [
  '| score | clips | SRCC | 95 % interval | PLCC | 95 % interval | RMSE |',
  '|---|---|---|---|---|---|---|',
];
for (const target of ['static_mos', 'temporal_mos']) {
  const { rows } = await readManifest(manifest, { preset: 'fetv', columns: { mos: target } });
  const held: { row: ClipRow; score: number }[] = [];
  for (const [fold, split] of kFold(rows, FOLDS, SEED).entries()) {
    const scores = await foldScores(target, fold, split);
    held.push(...split.holdout.map((row, i) => ({ row, score: scores[i]! })));
  }
  const { n, srcc, plcc, rmse, intervals } = evaluate({
    predictions: held.map(({ score }) => score),
    mos: held.map(({ row }) => row.mos!),
    groups: held.map(({ row }) => row.prompt!),
  });
  const cells = [target, n, number(srcc), range(intervals?.srcc), number(plcc), range(intervals?.plcc), number(rmse)];
  lines.push(`| ${cells.join(' | ')} |`);
}
process.stderr.write('\n');
console.log(lines.join('\n'));
