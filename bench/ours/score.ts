// Our side of bench/score.ts: scores the pictures of each line on stdin, with the model, asked behind the picture or before it, or
// with an ensemble of adapters.
//   node --import tsx bench/ours/score.ts MODEL THREADS QUESTION CACHE PYTHON|onnx ADAPTERS...
import { loadScorer } from '../../src/score/index.ts';
import { loadEnsemble } from '../../src/study/index.ts';
import { contend } from '../contestant.ts';

const [folder, threads, question, cache, python, ...adapters] = process.argv.slice(2);
const torch = { engine: 'torch', python, devices: 1, precision: 'float32' } as const;
const options = {
  runtime: { threads: Number(threads), ...(python === 'onnx' ? {} : torch) },
  settings: { prompt: { template: 'bench', source: question! } },
  cache: cache!,
};
await using scorer = await loadScorer(folder!, options);
const first = { ...options, settings: { prompt: { template: 'bench', source: `${question!} {frames}` } } };
await using questionFirst = await loadScorer(folder!, first);
await using ensemble = await loadEnsemble(
  adapters.map((path) => ({ path })),
  options,
);
await contend({}, async (line) => {
  const { files, how } = JSON.parse(line) as { files: string[]; how?: 'question first' | 'ensemble' };
  const chosen = how === undefined ? scorer : how === 'ensemble' ? ensemble : questionFirst;
  const scores: number[] = [];
  for await (const result of chosen.score(files.map((path) => ({ path, kind: 'image' as const })))) {
    if ('error' in result) throw result.error;
    scores.push(result.score);
  }
  return { scores: scores.slice(0, 4) };
});
