// A program of somebody who installed the package: from four pictures to a scorer. Prints what it saw.
import { UserError, createRandomCheckpoint, evaluate, loadScorer, readManifest, resolveRecipe, train } from 'iovqa';

await createRandomCheckpoint('model', { preset: 'tiny' });
const base = {
  model: 'model',
  out: 'run',
  data: { manifest: 'clips.csv', validation: null },
  lora: { rank: 2 },
  epochs: 1,
  batchSize: 2,
};
const steps = [];
let end;
for await (const event of train(resolveRecipe({ base }))) {
  if (event.type === 'step') steps.push(event.step);
  if (event.type === 'end') end = event.reason;
}

const scores = [];
const failed = [];
const predictions = [];
const { rows } = await readManifest('clips.csv');
const scorer = await loadScorer('run');
const clips = [
  { path: 'clip.mp4', kind: 'video', prompt: 'a dog' },
  { path: 'missing.mp4', kind: 'video' },
  { path: '0.png', kind: 'image' },
];
for await (const result of scorer.score(clips)) {
  if ('error' in result) failed.push(result.error.message);
  else scores.push(result.score);
}
for await (const result of scorer.score(rows)) predictions.push(result.score);
await scorer.close();
const { n } = evaluate({ predictions, mos: rows.map((row) => row.mos), resamples: 10 });

let mistake;
try {
  await readManifest('none.csv');
} catch (error) {
  if (error instanceof UserError) mistake = error.code;
}
console.log(JSON.stringify({ steps, end, scores, failed, n, mistake }));
