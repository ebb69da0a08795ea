// How far rounding moves golden scores on the torch engine, and how far mistakes of a worker would: what the tolerances of
// src/score/trusted-engine.ts and src/score/golden.ts lie between. Pictures of the golden kind, scored by the adapter that ships, against
// the engine of the project. Results: docs/gpu.md.
//   IOVQA_REFERENCE_PYTHON=python npx tsx bench/golden.ts [PICTURES]
import { randomStream } from '../src/core/index.ts';
import type { Engine } from '../src/engine/index.ts';
import { openEngine } from '../src/engine/index.ts';
import type { PreparedExample } from '../src/inputs/index.ts';
import {
  answerTrie,
  createClipCache,
  createClipPreparer,
  createClipViewer,
  frameOptions,
  loadPromptProcessor,
} from '../src/inputs/index.ts';
import { embeddedAdapter, embeddedModel } from '../src/model/index.ts';
import { createClipPredictor, openModel } from '../src/score/index.ts';
import { settingsOf } from '../src/score/card.ts';
import type { RgbFrame } from '../src/video/index.ts';
import { openFrameReader } from '../src/video/index.ts';
import { spread } from './contestant.ts';
import { asFloat32 } from '../src/model/features.ts';

const python = process.env['IOVQA_REFERENCE_PYTHON'];
const count = Number(process.argv[2] ?? '40');
const { checkpoint, adapter, card, folder } = await openModel(embeddedAdapter(), embeddedModel());
const settings = settingsOf(card!, folder);
const processor = await loadPromptProcessor(checkpoint, settings);
const trie = answerTrie(checkpoint, processor)!;
const frames = frameOptions(checkpoint, settings.frames);
await using reader = openFrameReader({ workers: 1 });

const side = checkpoint.vision.patchSize * checkpoint.vision.spatialMergeSize;
/** Slopes with noise of several strengths, in several sizes. */
const pictures = Array.from({ length: count }, (_, n): RgbFrame => {
  const [rows, columns] = [[3, 3], [2, 4], [4, 2], [4, 4], [6, 4]][n % 5] as [number, number]; // prettier-ignore
  const [height, width] = [rows * side, columns * side];
  const stream = randomStream(n, 41);
  const strength = n < 2 ? 64 : 16 + ((n * 7) % 13) * 14;
  const grey = (i: number): number => ((Math.floor(i / 3) % width) / width) * 192 + stream.uniform() * strength;
  return { width, height, data: Uint8Array.from({ length: height * width * 3 }, (_, i) => Math.min(255, grey(i))) };
});

type Change = (example: PreparedExample) => PreparedExample;
async function scoresOf(engine: Engine, change: Change, alpha: number | null = adapter!.lora.alpha): Promise<number[]> {
  const features = { encoder: engine, cache: createClipCache(null, engine.tower, frames) };
  const preparer = createClipPreparer(createClipViewer({ frames, reader, features }), checkpoint, processor);
  await using model = await engine.attach({
    lora: alpha === null ? null : { ...adapter!.lora, alpha },
    parameters: alpha === null ? null : adapter!.tensors,
    training: null,
    answers: { numNodes: trie.nodes.length, numColumns: trie.columns.length },
  });
  const changed = { ...model, predict: (...[some, how]: Parameters<typeof model.predict>) => model.predict(some.map(change), how) }; // prettier-ignore
  const predictor = createClipPredictor({ model: changed, checkpoint, processor, trie, settings });
  const scores: number[] = [];
  for (const picture of pictures) {
    const [result] = await predictor.predict([await preparer.preparePicture(picture, 'a picture of a fixed formula')]);
    if (result instanceof Error) throw result;
    scores.push(result!.score);
  }
  return scores;
}

const same: Change = (example) => example;
/** Other positions: of the row `i`, on axis 0 to 2, by those that it has. */
const moved =
  (of: (axis: number, i: number, at: (axis: number) => number) => number): Change =>
  (example) => {
    const { positions, tokenIds: { length } } = example.rows; // prettier-ignore
    const at = (i: number) => (axis: number) => positions[axis * length + i]!;
    const other = positions.map((_, k) => of(Math.floor(k / length), k % length, at(k % length)));
    return { ...example, rows: { ...example.rows, positions: other } };
  };
const featuresOf =
  (of: (features: Float32Array) => Float32Array): Change =>
  (example) => {
    if (example.vision.kind !== 'features') throw new Error('pictures');
    return { ...example, vision: { kind: 'features', features: of(asFloat32(example.vision.features)) } };
  };
const cases: Record<string, [Change, (number | null)?]> = {
  rounding: [same],
  'no adapter': [same, null],
  'the adapter twice as strong': [same, 2 * adapter!.lora.alpha],
  'positions of text everywhere': [moved((_, i) => i)],
  'height and width of positions swapped': [moved((axis, _, at) => at([0, 2, 1][axis]!))],
  'rows of the tree see one another': [
    (one) => ({ ...one, rows: { ...one.rows, branchParent: one.rows.branchParent.map(() => -1) } }),
  ],
  'features in reverse': [featuresOf((features) => features.toReversed())],
  'features 2 % too large': [featuresOf((features) => features.map((value) => 1.02 * value))],
};

await using onnx = await openEngine(checkpoint, { runtime: { threads: 1 } });
const wanted = await scoresOf(onnx, same);
console.log(
  '| scale 0–1 | float32: golden pictures | all: median | most | bfloat16: golden pictures | all: median | most |',
);
console.log('|---|---|---|---|---|---|---|');
const engines: Engine[] = [];
for (const precision of ['float32', 'bfloat16'] as const) {
  const runtime = { engine: 'torch', python, threads: 1, devices: 1, precision } as const;
  engines.push(await openEngine(checkpoint, { runtime }));
}
for (const [name, [change, alpha]] of Object.entries(cases)) {
  const cells: string[] = [];
  for (const engine of engines) {
    const off = (await scoresOf(engine, change, alpha)).map((score, i) => Math.abs(score - wanted[i]!));
    const figures = [Math.max(...off.slice(0, 2)), spread(off).median, Math.max(...off)];
    cells.push(...figures.map((value) => value.toExponential(1)));
  }
  console.log(`| ${name} | ${cells.join(' | ')} |`);
}
for (const engine of engines) await engine[Symbol.asyncDispose]();
