// Our side of bench/score.ts: scores the pictures of each line on stdin, with the model or with an ensemble of adapters.
//   node --import tsx bench/ours/score.ts MODEL THREADS QUESTION CACHE ADAPTERS...
import { loadScorer } from '../../src/score/index.ts';
import { loadEnsemble } from '../../src/study/index.ts';
import { contend } from '../contestant.ts';

const [folder, threads, question, cache, ...adapters] = process.argv.slice(2);
const options = {
  run: { threads: Number(threads) },
  settings: { prompt: { template: 'bench', source: question! } },
  cache: cache!,
};
await using scorer = await loadScorer(folder!, options);
await using five = await loadEnsemble(
  adapters.map((path) => ({ path })),
  options,
);
await contend({}, async (line) => {
  const { files, ensemble = false } = JSON.parse(line) as { files: string[]; ensemble?: boolean };
  const scores: number[] = [];
  for await (const result of (ensemble ? five : scorer).score(
    files.map((path) => ({ path, kind: 'image' as const })),
  )) {
    if ('error' in result) throw result.error;
    scores.push(result.score);
  }
  return { scores: scores.slice(0, 4) };
});
