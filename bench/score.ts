// Scoring against transformers' `generate` of two tokens, from picture files to answers, on the same checkpoint, pictures, question and
// threads, in turns. The peer batches as it likes best of 1, 2, 4 and 8; ours gives all 41 probabilities. Results: docs/performance.md.
//   IOVQA_REFERENCE_PYTHON=python npx tsx bench/score.ts runs/304m [ROUNDS]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { randomStream } from '../src/core/index.ts';
import { openCheckpoint } from '../src/model/index.ts';
import { encodePrompt } from '../src/prompt/index.ts';
import { loadQuestioner } from '../src/score/index.ts';
import type { Turn } from './contestant.ts';
import { spread, startContestant } from './contestant.ts';

const [model, rounds = '5'] = process.argv.slice(2);
const python = process.env['IOVQA_REFERENCE_PYTHON'];
if (model === undefined || python === undefined) {
  throw new Error('usage: IOVQA_REFERENCE_PYTHON=PYTHON npx tsx bench/score.ts MODEL [ROUNDS]');
}
const CLIPS = 8;
const threads = '2';
/** A byte is a token of the bench model: a hundred of them or so, with the chat's own. */
const question = 'Rate the quality from 10 to 50.';
const folder = mkdtempSync(join(tmpdir(), 'iovqa-score-'));
let made = 0;
/** New pictures of soft noise, 448×448, as JPEG. */
async function pictures(count: number): Promise<string[]> {
  const files: string[] = [];
  for (let i = 0; i < count; i++) {
    const stream = randomStream(++made);
    const pixels = Buffer.from(Array.from({ length: 28 * 28 * 3 }, () => stream.below(256)));
    const file = join(folder, `${made}.jpg`);
    await sharp(pixels, { raw: { width: 28, height: 28, channels: 3 } })
      .resize(448, 448)
      .jpeg()
      .toFile(file);
    files.push(file);
  }
  return files;
}

const checkpoint = await openCheckpoint(model);
const settings = { prompt: { template: 'bench', source: question }, answer: { kind: 'integer', step: null } } as const;
const questioner = await loadQuestioner(checkpoint, settings);
const { tokenizer, chat, template, codec } = questioner;
const { tokenIds } = encodePrompt({
  tokenizer,
  chat,
  question: template.render({ kind: 'image', codec }),
  visions: [{ kind: 'image', grid: { t: 1, h: 32, w: 32 } }],
  padTokens: checkpoint.tokens,
  mergeSize: checkpoint.vision.spatialMergeSize,
});
const ours = await startContestant('iovqa', [
  process.execPath,
  '--import',
  'tsx',
  'bench/ours/score.ts',
  model,
  threads,
  question,
]);
const peer = await startContestant(
  'transformers generate',
  [python, '-P', 'bench/peers/score.py', model, threads],
  JSON.stringify({ ids: [...tokenIds], adapters: [] }),
);
const ask = (files: string[], batch: number): Promise<Turn> => peer.run(JSON.stringify({ files, batch, adapters: 0 }));
let best = { batch: 1, seconds: Infinity };
for (const batch of [1, 2, 4, 8]) {
  await ask(await pictures(CLIPS), batch);
  const { seconds } = await ask(await pictures(CLIPS), batch);
  process.stderr.write(`peer, batch ${batch}: ${(seconds / CLIPS).toFixed(3)} s a clip\n`);
  if (seconds < best.seconds) best = { batch, seconds };
}
const times = { fresh: [] as number[], cached: [] as number[], peer: [] as number[] };
for (let round = -1; round < Number(rounds); round++) {
  const files = await pictures(CLIPS);
  const fresh = await ours.run(JSON.stringify({ files }));
  const cached = await ours.run(JSON.stringify({ files }));
  const theirs = await ask(files, best.batch);
  if (round < 0) continue;
  times.fresh.push(fresh.seconds / CLIPS);
  times.cached.push(cached.seconds / CLIPS);
  times.peer.push(theirs.seconds / CLIPS);
  process.stderr.write(`round ${round + 1} of ${rounds}\n`);
}
const base = spread(times.peer).median;
console.log(`${tokenIds.length} tokens a clip; ${CLIPS} clips a turn; the peer takes ${best.batch} at a time`);
console.log('| | seconds a clip, median [quartiles] | generate / this |');
console.log('|---|---|---|');
for (const [name, values] of [
  ['iovqa, new clips', times.fresh],
  ['iovqa, features cached', times.cached],
  ['transformers `generate`', times.peer],
] as const) {
  const { median, low, high } = spread(values);
  console.log(
    `| ${name} | ${median.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}] | ${(base / median).toFixed(2)} × |`,
  );
}
await ours.stop();
await peer.stop();
rmSync(folder, { recursive: true });
