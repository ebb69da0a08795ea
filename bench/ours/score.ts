// Our side of bench/score.ts: scores the pictures of each line on stdin.
//   node --import tsx bench/ours/score.ts MODEL THREADS QUESTION
import { loadScorer } from '../../src/score/index.ts';
import { contend } from '../contestant.ts';

const [folder, threads, question] = process.argv.slice(2);
await using scorer = await loadScorer(folder!, {
  run: { threads: Number(threads) },
  settings: { prompt: { template: 'bench', source: question! } },
});
await contend({}, async (line) => {
  const { files } = JSON.parse(line) as { files: string[] };
  const scores: number[] = [];
  for await (const result of scorer.score(files.map((path) => ({ path, kind: 'image' as const })))) {
    if ('error' in result) throw result.error;
    scores.push(result.score);
  }
  return { scores: scores.slice(0, 4) };
});
