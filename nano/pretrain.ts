// Pretrains a small model from scratch: `npm run nano:pretrain -- --help`. What it learns, from what, and what came of it: docs/nano.md.
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { UserError, randomStream, show } from '../src/core/index.ts';
import { openJsonLines, readJson, truncateJsonLines, writeFileAtomic, writeFolderAtomic } from '../src/files/index.ts';
import type { Checkpoint } from '../src/model/index.ts';
import { createRandomCheckpoint, openCheckpoint, writeCheckpoint } from '../src/model/index.ts';
import {
  checkpointFolder,
  gradientNorm,
  initAdamW,
  learningRateFactor,
  loadLatestState,
  saveState,
} from '../src/train/index.ts';
import { silenceEncoders } from '../src/video/synthesis/index.ts';
import { createPhotos, listPictures } from './content.ts';
import { questionText } from './questions.ts';
import { sayMistakes } from './mistakes.ts';
import { openMuon } from './muon.ts';
import { openParallelStep } from './parallel-step.ts';
import type { Sample } from './samples.ts';
import { groupsOf, makeSample } from './samples.ts';

/** Threads that share an update; the weights depend on it. */
const WORKERS = 2;
/** Share of the updates that ask for statistics only. */
const STATISTICS = 0.2;
/** Updates over which the learning rate rises. */
const WARMUP = 100;
/** Of the optimizer. */
const MUON = { momentum: 0.95, adamW: { beta1: 0.9, beta2: 0.98, eps: 1e-8, weightDecay: 0.02 } };
/** Norm that gradients are cut down to. */
const CLIP = 1;

sayMistakes();
silenceEncoders(); // here: the threads' environment is a copy

const { values: flags } = parseArgs({
  options: {
    out: { type: 'string', default: 'runs/nano-pretrain' },
    pictures: { type: 'string', multiple: true, default: [] },
    manifest: { type: 'string' },
    preset: { type: 'string' },
    split: { type: 'string' },
    steps: { type: 'string', default: '2800' },
    'learning-rate': { type: 'string', default: '4e-3' },
    from: { type: 'string' },
    seed: { type: 'string', default: '0' },
    'save-every': { type: 'string', default: '100' },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log(`npm run nano:pretrain -- [--pictures DIR]… [--manifest FILE [--preset NAME] [--split NAME]] [options]

Pretrains a small model, from random weights, on distorted pictures and clips. Run again, it goes on where it was stopped.
  --pictures DIR       a folder of photographs; may be given several times
  --manifest FILE      a table of photographs; only their files are used, --split those of one split
  --out DIR            default runs/nano-pretrain; model/ in it is the result
  --steps N            updates, default 2800
  --learning-rate X    default 4e-3
  --from DIR           start from this model's weights instead of random ones
  --seed N             default 0
  --save-every N       updates between checkpoints, default 100`);
  process.exit(0);
}
const [seed, totalSteps, saveEvery] = [Number(flags.seed), Number(flags.steps), Number(flags['save-every'])];
const learningRate = Number(flags['learning-rate']);
const statisticSteps = Math.round(STATISTICS * totalSteps);
for (const [name, value] of Object.entries({
  steps: totalSteps,
  seed,
  'save-every': saveEvery,
  'learning-rate': learningRate,
})) {
  if (!(value >= 0) || (name !== 'learning-rate' && !Number.isInteger(value))) {
    throw new UserError('bad-input', `--${name}: expected a number, got ${String(flags[name as keyof typeof flags])}`);
  }
}
const { out } = flags;

if (flags.manifest === undefined && (flags.preset ?? flags.split) !== undefined) {
  throw new UserError('bad-input', '--preset and --split: expected --manifest FILE beside them, got none');
}
const manifest =
  flags.manifest === undefined
    ? null
    : { path: flags.manifest, preset: flags.preset ?? null, split: flags.split ?? null };
const paths = await listPictures({ pictures: flags.pictures, manifest });
process.stderr.write(`${paths.length} photographs\n`);

await keepSettings();
const initial = flags.from ?? join(out, 'initial');
if (flags.from === undefined && !existsSync(initial)) {
  await createRandomCheckpoint(initial, { preset: 'nano', seed, initializerRange: 0.05, corpus: await corpus() });
}
const checkpoint = await openCheckpoint(initial);
const shapes = new Map(checkpoint.names.map((name) => [name, checkpoint.stored(name).shape]));
const parameters = await readWeights(checkpoint);
const count = [...parameters.values()].reduce((total, { length }) => total + length, 0);
process.stderr.write(`${count.toLocaleString('en')} parameters\n`);
let current = parameters;
let optimizer = initAdamW(parameters);
await using muon = await openMuon(shapes, MUON);
const saved = await loadLatestState(out, shapes);
let done = 0;
if (saved !== null) {
  done = saved.position.step;
  optimizer = saved.optimizer;
  current = await readWeights(await openCheckpoint(saved.folder));
  process.stderr.write(`goes on behind step ${done}\n`);
}
const logFile = join(out, 'events.jsonl');
await truncateJsonLines(logFile, (event) => (event as { step: number }).step <= done);
const log = await openJsonLines(logFile);
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
process.once('SIGTERM', () => stop.abort());

await using step = openParallelStep(shapes, { model: initial, seed, statisticSteps, paths, maxBytes: 3e9 }, WORKERS);
let smooth = NaN;
const started = performance.now();
const first = done;
while (done < totalSteps && !stop.signal.aborted) {
  const { loss, gradients, seconds: times } = await step.run(done, current);
  const norm = gradientNorm(gradients);
  if (!Number.isFinite(loss + norm)) throw new Error(`step ${done + 1}: loss ${loss}, gradients of norm ${norm}`);
  const factor = Math.max(0.01, learningRateFactor('cosine', done, WARMUP, totalSteps));
  await muon.update(current, gradients, optimizer, learningRate * factor, Math.min(1, CLIP / (norm + 1e-6)));
  done++;
  smooth = Number.isNaN(smooth) ? loss : 0.98 * smooth + 0.02 * loss;
  const seconds = (performance.now() - started) / 1000;
  await log.append({ step: done, loss, gradientNorm: norm, seconds });
  if (done % 10 === 0) {
    const left = ((totalSteps - done) * seconds) / (done - first) / 60;
    process.stderr.write(
      `step ${done}/${totalSteps}  loss ${smooth.toFixed(4)}  norm ${norm.toFixed(2)}  ` +
        `samples ${times.samples.toFixed(2)} s, step ${times.step.toFixed(2)} s  ` +
        `${(seconds / (done - first)).toFixed(2)} s a step, ${left.toFixed(0)} min left\n`,
    );
  }
  if (done % saveEvery === 0 || done === totalSteps || stop.signal.aborted) {
    await log.sync();
    const position = { step: done, best: null, stale: 0, ended: done === totalSteps };
    const write = (folder: string): Promise<void> => writeCheckpoint(folder, checkpoint, current);
    await saveState(out, position, optimizer, shapes, write, 1);
  }
}
await log.close();
if (done === totalSteps) {
  await rm(join(out, 'model'), { recursive: true, force: true });
  const last = await openCheckpoint(checkpointFolder(out, done));
  const weights = await readWeights(last);
  await writeFolderAtomic(join(out, 'model'), (folder) => writeCheckpoint(folder, checkpoint, weights, 'BF16'));
}

async function readWeights(from: Checkpoint): Promise<Map<string, Float32Array>> {
  const weights = new Map<string, Float32Array>();
  for (const name of from.names) weights.set(name, await from.read(name));
  return weights;
}

/** What pretraining says, for the tokenizer: questions about a few hundred samples. */
async function corpus(): Promise<string> {
  const content = { paths, open: createPhotos(0) };
  const made: Sample[] = [];
  for (let i = 0; i < 120; i++) {
    const groups = groupsOf(seed, i, 'all');
    made.push(await makeSample(content, { ...groups[i % groups.length]!, size: 112 }, seed, 4, i));
  }
  return questionText(
    (i) => made[i % made.length]!,
    600,
    (i) => randomStream(seed, 5, i),
  );
}

/** A run goes on with what it was begun with, or not at all. */
async function keepSettings(): Promise<void> {
  const settings = {
    seed,
    totalSteps,
    statisticSteps,
    learningRate,
    muon: MUON,
    from: flags.from ?? null,
    photographs: paths.length,
    workers: WORKERS,
  };
  const file = join(out, 'settings.json');
  await mkdir(out, { recursive: true });
  const before = await readJson(file);
  if (before === undefined) await writeFileAtomic(file, `${JSON.stringify(settings, null, 2)}\n`);
  else if (JSON.stringify(before) !== JSON.stringify(settings)) {
    throw new UserError('bad-input', `${file}: expected ${show(settings)}, got ${show(before)}`, {
      hint: 'That is what the run was begun with: say the same, or choose another --out.',
    });
  }
}
