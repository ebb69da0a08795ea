// What a tower's features show of cells of pictures, after the first stage of pretraining: the share of each target's variance that the
// stage's linear head explains.
//   npx tsx nano/shows.ts CHECKPOINT MANIFEST [PRESET] [SPLIT] [PICTURES]
import { UserError } from '../src/core/index.ts';
import type { TensorData } from '../src/graph/index.ts';
import { compile } from '../src/graph/index.ts';
import { openCheckpoint } from '../src/model/index.ts';
import { silenceEncoders } from '../src/synthesis/index.ts';
import { cutPatches } from '../src/video/index.ts';
import { cellTargets, targetsOf } from './cells.ts';
import { createPhotos, listPictures } from './content.ts';
import { joinedVisionFeeds, towerOf } from './family.ts';
import { sayMistakes } from './mistakes.ts';
import { makePictures } from './samples.ts';
import { towerGraph } from './tower.ts';
import { openTowerStage } from './tower-stage.ts';

sayMistakes();
silenceEncoders();
const [folder, path, preset = null, split = null, count = '160'] = process.argv.slice(2);
if (folder === undefined || path === undefined) {
  throw new UserError('bad-input', 'usage: npx tsx nano/shows.ts CHECKPOINT MANIFEST [PRESET] [SPLIT] [PICTURES]');
}
/** Of the samples; no run of pretraining draws these. */
const SEED = 99;
const checkpoint = await openCheckpoint(folder);
const { stored, processor } = checkpoint;
const vision = towerOf(checkpoint);
const side = vision.patchSize * vision.spatialMergeSize;
const { predicted } = towerGraph(vision, (name) => stored(name).shape);
await using tower = await compile({ predicted }, { prepack: false });
const { shapes, read } = openTowerStage(checkpoint);
const weights: Record<string, TensorData> = {};
for (const [name, data] of await read(folder)) weights[name] = { data, shape: shapes.get(name)! };

const content = {
  paths: await listPictures({ pictures: [], manifest: { path, preset, split } }),
  open: createPhotos(1e9),
};
const sums = cellTargets.map(() => ({ error: 0, value: 0, square: 0 }));
let cells = 0;
for (let i = 0; i < Number(count); i++) {
  const { originals, versions } = await makePictures(content, { shape: 'image', size: 4 * side }, SEED, i);
  const { frames, applied } = versions[0]!;
  const targets = targetsOf(originals[0]!, frames[0]!, applied, side);
  const feeds = joinedVisionFeeds([cutPatches('image', [frames[0]!], processor)], vision);
  const said = (await tower.run({ ...weights, ...feeds })).predicted.data;
  targets.forEach((target, at) => {
    const sum = sums[at % cellTargets.length]!;
    sum.error += (said[at]! - target) ** 2;
    sum.value += target;
    sum.square += target ** 2;
  });
  cells += targets.length / cellTargets.length;
}
console.log('| target | variance explained |\n|---|---|');
for (const [at, name] of cellTargets.entries()) {
  const { error, value, square } = sums[at]!;
  const variance = square - value ** 2 / cells;
  console.log(`| ${name} | ${variance > 0 ? (1 - error / variance).toFixed(2) : 'no picture has it'} |`);
}
