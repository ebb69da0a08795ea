// Pretrains a small model from scratch: `npm run nano:pretrain -- --help`. What it learns, from what, and what came of it: docs/nano.md.
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { UserError, randomStream, show } from '../src/core/index.ts';
import { readJson, writeFileAtomic, writeFolderAtomic } from '../src/files/index.ts';
import type { Checkpoint } from '../src/model/index.ts';
import { createRandomCheckpoint, openCheckpoint, writeCheckpoint } from '../src/model/index.ts';
import { silenceEncoders } from '../src/synthesis/index.ts';
import { createPhotos, listPictures } from './content.ts';
import { questionText } from './questions.ts';
import { sayMistakes } from './mistakes.ts';
import type { ParallelStep } from './parallel-step.ts';
import { openParallelStep } from './parallel-step.ts';
import { runStage } from './run-stage.ts';
import type { Sample, Stage } from './samples.ts';
import { groupsOf, makeSample } from './samples.ts';
import type { Shapes } from './shared-numbers.ts';
import { openTowerStage } from './tower-stage.ts';

/** Threads that share an update; the weights depend on it. */
const WORKERS = 2;
/** Of the optimizer. */
const MUON = { momentum: 0.95, adamW: { beta1: 0.9, beta2: 0.98, eps: 1e-8, weightDecay: 0.02 } };
/** What the tower learns in the second stage, as a part of the learning rate: it has learned in the first, and the rest has not. */
const TOWER_RATE = 0.25;

sayMistakes();
silenceEncoders(); // here: the threads' environment is a copy

const { values: flags } = parseArgs({
  options: {
    out: { type: 'string', default: 'runs/nano-pretrain' },
    pictures: { type: 'string', multiple: true, default: [] },
    manifest: { type: 'string' },
    preset: { type: 'string' },
    split: { type: 'string' },
    size: { type: 'string', default: 'nano' },
    'tower-steps': { type: 'string', default: '1600' },
    steps: { type: 'string', default: '1400' },
    'learning-rate': { type: 'string', default: '4e-3' },
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
  --size NAME          nano-2m, nano (default) or nano-16m: a third of nano and three times as much, from the same samples
  --tower-steps N      updates of the vision tower alone, which come first; default 1600
  --steps N            updates of the whole model, default 1400
  --learning-rate X    default 4e-3
  --seed N             default 0
  --save-every N       updates between checkpoints, default 100`);
  process.exit(0);
}
const [seed, totalSteps, saveEvery] = [Number(flags.seed), Number(flags.steps), Number(flags['save-every'])];
const learningRate = Number(flags['learning-rate']);
const towerSteps = Number(flags['tower-steps']);
for (const [name, value] of Object.entries({
  'tower-steps': towerSteps,
  steps: totalSteps,
  seed,
  'save-every': saveEvery,
  'learning-rate': learningRate,
})) {
  const whole = name !== 'learning-rate';
  const least = name === 'seed' || !whole ? 0 : 1;
  if (!(value >= least) || (whole && !Number.isInteger(value))) {
    const expected = `${whole ? 'a whole number' : 'a number'} of at least ${least}`;
    throw new UserError(
      'bad-input',
      `--${name}: expected ${expected}, got ${String(flags[name as keyof typeof flags])}`,
    );
  }
}
const { out, size } = flags;
if (!['nano-2m', 'nano', 'nano-16m'].includes(size)) {
  throw new UserError('bad-input', `--size: expected nano-2m, nano or nano-16m, got ${show(size)}`);
}

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
const initial = join(out, 'initial');
if (!existsSync(initial)) {
  await createRandomCheckpoint(initial, { preset: size, seed, initializerRange: 0.05, corpus: await corpus() });
}
const checkpoint = await openCheckpoint(initial);
const random = await readWeights(checkpoint);
const count = [...random.values()].reduce((total, { length }) => total + length, 0);
process.stderr.write(`${count.toLocaleString('en')} parameters\n`);
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
process.once('SIGTERM', () => stop.abort());
const common = { learningRate, saveEvery, signal: stop.signal };

const tower = await learnTower();
const answering = tower === null ? null : await learnAnswers(tower);
if (answering !== null) {
  await rm(join(out, 'model'), { recursive: true, force: true });
  const weights = await readWeights(await openCheckpoint(answering));
  await writeFolderAtomic(join(out, 'model'), (folder) => writeCheckpoint(folder, checkpoint, weights, 'BF16'));
}

/** The first stage: the tower and a head on its cells. */
function learnTower(): Promise<string | null> {
  const { shapes, first, read, write } = openTowerStage(checkpoint);
  return runStage({
    ...common,
    stage: 'cells',
    openStep: () => openStep('cells', shapes),
    out: join(out, 'cells'),
    shapes,
    parameters: first(random),
    steps: towerSteps,
    muon: MUON,
    write: (folder, current) => write(folder, random, current),
    read,
  });
}

/** The second stage: the whole model, from the folder of the first. */
async function learnAnswers(from: string): Promise<string | null> {
  const shapes = new Map(checkpoint.names.map((name) => [name, checkpoint.stored(name).shape]));
  return runStage({
    ...common,
    stage: 'questions',
    openStep: () => openStep('questions', shapes),
    out,
    shapes,
    parameters: await readWeights(await openCheckpoint(from)),
    steps: totalSteps,
    muon: { ...MUON, rateOf: (name) => (name.startsWith('visual.') ? TOWER_RATE : 1) },
    write: (folder, current) => writeCheckpoint(folder, checkpoint, current),
    read: async (folder) => readWeights(await openCheckpoint(folder)),
  });
}

function openStep(stage: Stage, shapes: Shapes): ParallelStep {
  return openParallelStep(shapes, { stage, model: initial, seed, paths, maxBytes: 3e9 }, WORKERS);
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
    const groups = groupsOf(seed, i, 'questions');
    made.push(await makeSample(content, { ...groups[i % groups.length]!, size: 128 }, seed, 4, i));
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
    ...(size === 'nano' ? {} : { size }),
    seed,
    totalSteps,
    towerSteps,
    learningRate,
    muon: MUON,
    towerRate: TOWER_RATE,
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
