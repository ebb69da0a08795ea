// Scores clips with the adapter that ships, or with a run: npx tsx examples/score-clips.ts CLIP [RUN]
// In a project of your own, import from 'iovqa'.
import { embeddedAdapter, embeddedModel, loadScorer } from '../src/index.ts';

const [path, run] = process.argv.slice(2);
if (path === undefined) throw new Error('expected a clip, got none');

await using scorer = await (run === undefined
  ? loadScorer(embeddedAdapter(), { model: embeddedModel() })
  : loadScorer(run));
const kind = /\.(?:png|jpe?g|webp)$/i.test(path) ? 'image' : 'video';
for await (const result of scorer.score([{ path, kind }])) {
  if ('error' in result) console.error(result.error.message);
  else console.log(`${result.clip.path}: ${result.score.toFixed(2)} ± ${result.std?.toFixed(2) ?? '?'}`);
}
