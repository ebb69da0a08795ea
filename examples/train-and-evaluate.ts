// Trains on a table of clips and compares the scores of its test split with the opinions:
//   npx tsx examples/train-and-evaluate.ts examples/adapter.yaml TABLE OUT
// The table has the columns image or video, mos and split. In a project of your own, import from 'iovqa'.
import { readFile } from 'node:fs/promises';
import { evaluate, loadScorer, readManifest, resolveRecipe, rowsOfSplit, train } from '../src/index.ts';

const [path, manifest, out] = process.argv.slice(2);
if (path === undefined || manifest === undefined || out === undefined)
  throw new Error('expected a recipe, a table and a folder');

const sets = [`data.manifest=${JSON.stringify(manifest)}`, `out=${JSON.stringify(out)}`];
const recipe = resolveRecipe({ file: { path, text: await readFile(path, 'utf8') }, sets });
for await (const event of train(recipe, { resume: true })) {
  if (event.type === 'evaluation') console.log(`step ${event.step}: RMSE ${event.rmse?.toFixed(3) ?? 'undefined'}`);
}

const { rows } = await readManifest(manifest);
const tested = rowsOfSplit(rows, 'test');
await using scorer = await loadScorer(out);
const predictions: number[] = [];
for await (const result of scorer.score(tested)) {
  if ('error' in result) throw result.error;
  predictions.push(result.score);
}
const { n, rmse } = evaluate({ predictions, mos: tested.map(({ mos }) => mos!), intervals: false });
console.log(`${n} clips of the test split, RMSE ${rmse.defined ? rmse.value.toFixed(3) : rmse.reason}`);
