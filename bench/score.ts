// Scoring with both engines against transformers' `generate` of two tokens, from picture files to answers, on the same checkpoint, pictures, question and
// threads, in turns; and an ensemble of five adapters (three of rank 32, two of 128) against the same, five times, with PEFT's
// `set_adapter` between. The peer batches as it likes best of 1, 2, 4 and 8; ours gives all 41 probabilities. Results: docs/performance.md.
//   IOVQA_REFERENCE_PYTHON=python npx tsx bench/score.ts runs/304m [ROUNDS] [THREADS]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { randomStream } from '../src/core/index.ts';
import { loadPromptProcessor } from '../src/inputs/index.ts';
import type { LoraOptions } from '../src/model/index.ts';
import { adapterShapes, initLora, loraTargets, openCheckpoint, writeAdapter } from '../src/model/index.ts';
import { encodePrompt } from '../src/prompt/index.ts';
import type { Contestant, Turn } from './contestant.ts';
import { spread, startContestant } from './contestant.ts';

const [model, rounds = '5', threads = '2'] = process.argv.slice(2);
const python = process.env['IOVQA_REFERENCE_PYTHON'];
if (model === undefined || python === undefined) {
  throw new Error('usage: IOVQA_REFERENCE_PYTHON=PYTHON npx tsx bench/score.ts MODEL [ROUNDS] [THREADS]');
}
const CLIPS = 8;
/** About as many tokens of the bench model as the four dimensions are of Qwen's. */
const question =
  'Rate the quality of this picture. Consider sharpness, noise, artifacts and distortions; composition, colour and light; and how ' +
  'clearly the content shows what it is meant to show. Answer with one number from 10 (worst) to 50 (best).';
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
const adapters: string[] = [];
for (const [i, rank] of [32, 128, 32, 128, 32].entries()) {
  const lora: LoraOptions = { rank, alpha: 32, dropout: 0.1, rslora: false, targets: loraTargets };
  const { family, text, stored } = checkpoint;
  const shapes = adapterShapes(family.lora, lora, text.numLayers, (name) => stored(name).shape);
  const tensors = initLora(shapes, i);
  const stream = randomStream(i, 1);
  for (const [name, values] of tensors) {
    if (name.endsWith('lora_B.weight')) for (let j = 0; j < values.length; j++) values[j] = 0.02 * stream.normal();
  }
  const place = join(folder, `adapter-${i}`);
  await writeAdapter(place, { lora, tensors, card: null, baseModel: resolve(model) }, family);
  adapters.push(place);
}
const settings = { prompt: { template: 'bench', source: question }, answer: { kind: 'integer', step: null } } as const;
const { tokenizer, chat, template, codec } = await loadPromptProcessor(checkpoint, settings);
const { tokenIds } = encodePrompt({
  tokenizer,
  chat,
  question: template.render({ kind: 'image', codec }),
  visions: [{ kind: 'image', grid: { t: 1, h: 32, w: 32 } }],
  model: checkpoint,
});
const start = (name: string, engine: string): Promise<Contestant> => {
  const command = [process.execPath, '--import', 'tsx', 'bench/ours/score.ts', model, threads, question];
  return startContestant(name, [...command, join(folder, `cache of ${name}`), engine, ...adapters]);
};
const ours = await start('iovqa', 'onnx');
const worker = await start('iovqa --engine torch', python);
const peer = await startContestant(
  'transformers generate',
  [python, '-P', 'bench/peers/score.py', model, threads],
  JSON.stringify({ ids: [...tokenIds], adapters }),
);
const ask = (files: string[], batch: number, count = 0): Promise<Turn> =>
  peer.run(JSON.stringify({ files, batch, adapters: count }));
let best = { batch: 1, seconds: Infinity };
for (const batch of [1, 2, 4, 8]) {
  await ask(await pictures(CLIPS), batch);
  const { seconds } = await ask(await pictures(CLIPS), batch);
  process.stderr.write(`peer, batch ${batch}: ${(seconds / CLIPS).toFixed(3)} s a clip\n`);
  if (seconds < best.seconds) best = { batch, seconds };
}
const names = ['fresh', 'cached', 'first', 'torch', 'torchCached', 'peer', 'five', 'torchFive', 'peerFive'];
const times = Object.fromEntries(names.map((name): [string, number[]] => [name, []]));
const processor = Object.fromEntries(names.map((name): [string, number[]] => [name, []]));
for (let round = -1; round < Number(rounds); round++) {
  const files = await pictures(CLIPS);
  const others = await pictures(CLIPS);
  await sleep(2500); // a file that was just written may change again without a new time: it is not remembered
  const turns = {
    fresh: await ours.run(JSON.stringify({ files })),
    cached: await ours.run(JSON.stringify({ files })),
    first: await ours.run(JSON.stringify({ files, how: 'question first' })),
    torch: await worker.run(JSON.stringify({ files })),
    torchCached: await worker.run(JSON.stringify({ files })),
    peer: await ask(files, best.batch),
    torchFive: await worker.run(JSON.stringify({ files: others, how: 'ensemble' })),
    five: await ours.run(JSON.stringify({ files: others, how: 'ensemble' })),
    peerFive: await ask(others, best.batch, adapters.length),
  };
  process.stderr.write(`round ${round + 1} of ${rounds}\n`);
  if (round < 0) continue;
  for (const [name, turn] of Object.entries(turns)) {
    times[name]!.push(turn.seconds / CLIPS);
    processor[name]!.push(turn.processor / CLIPS);
  }
}
console.log(`${tokenIds.length} tokens a clip; ${CLIPS} clips a turn; the peer takes ${best.batch} at a time`);
console.log('| | seconds a clip, median [quartiles] | of the processor | peer / ours |');
console.log('|---|---|---|---|');
for (const [label, name, peerName] of [
  ["transformers' `generate` of two tokens", 'peer', null],
  ['iovqa, new clips', 'fresh', 'peer'],
  ['iovqa, features cached', 'cached', 'peer'],
  ['iovqa, features cached, question before the picture', 'first', 'peer'],
  ['iovqa --engine torch, new clips', 'torch', 'peer'],
  ['iovqa --engine torch, features cached', 'torchCached', 'peer'],
  ['`generate` with five adapters, one after the other', 'peerFive', null],
  ['iovqa, ensemble of the five, new clips', 'five', 'peerFive'],
  ['iovqa --engine torch, ensemble of the five, new clips', 'torchFive', 'peerFive'],
] as const) {
  const { median, low, high } = spread(times[name]!);
  const gain = peerName === null ? '' : `${(spread(times[peerName]!).median / median).toFixed(2)} ×`;
  console.log(
    `| ${label} | ${median.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}] | ${spread(processor[name]!).median.toFixed(2)} | ${gain} |`,
  );
}
await ours.stop();
await worker.stop();
await peer.stop();
rmSync(folder, { recursive: true });
