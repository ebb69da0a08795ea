// Our side of bench/step.ts and bench/growth.ts: one LoRA step for each line on stdin, `first` with the vision tower, `limit` a product of
// 1024×4096×4096 instead, anything else with the features known.
//   node --import tsx bench/ours/step.ts MODEL THREADS '{"ids":…}' [OPTIONS]
import { openCheckpoint, compileVisionEncoder, initLora, loraShapes } from '../../src/model/index.ts';
import { compileStep, initAdamW, tokenFeeds, update } from '../../src/train/index.ts';
import { randomStream } from '../../src/core/index.ts';
import { contend } from '../contestant.ts';
import type { Limit } from '../limit.ts';
import { openLimit } from '../limit.ts';
import { necessaryFlops } from '../necessary.ts';
import type { PlainExample } from '../example.ts';
import { ourExample } from '../example.ts';

const [folder, threads, plain, options] = process.argv.slice(2);
interface Options {
  rank?: number;
  dropout?: number;
  batch?: number;
  layers?: number;
  prepack?: boolean;
  recompute?: boolean;
}
const given = JSON.parse(options ?? '{}') as Options;
const { rank = 32, dropout = 0.1, batch = 1, prepack = false, recompute = false } = given;
const checkpoint = await openCheckpoint(folder!);
const { vision, stored } = checkpoint;
const text = { ...checkpoint.text, numLayers: given.layers ?? checkpoint.text.numLayers };
const example = JSON.parse(plain!) as PlainExample;
const targets = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] as const;
const lora = { rank, alpha: 32, dropout, targets: [...targets], rslora: false };
const run = { threads: Number(threads), prepack };
await using step = await compileStep({
  text,
  vision,
  stored,
  lora,
  loss: 'integer-only',
  numColumns: 0,
  recompute,
  run,
});
await using tower = await compileVisionEncoder(vision, stored, run);
const parameters = initLora(
  loraShapes(lora, text.numLayers, (name) => stored(name).shape),
  0,
);
const learner = {
  step,
  parameters,
  optimizer: initAdamW(parameters),
  adamW: { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 },
  clipNorm: null,
};
const { side } = example;
const stream = randomStream(1);
const pixels = Float32Array.from({ length: side * side * 1176 }, () => stream.below(2001) / 1000 - 1);
const see = (): Promise<Float32Array> => tower.encode([{ grid: { t: 1, h: side, w: side }, pixels }]);
let features = await see();
let number = 0;
const size = { tokens: ourExample(example, checkpoint).tokenIds.length, targets: example.targets.length, rank };
const about = {
  trained: [...parameters.values()].reduce((total, p) => total + p.length, 0),
  flops: batch * necessaryFlops(text, size),
};
let limit: Promise<Limit> | undefined;
await contend(about, async (line) => {
  if (line === 'limit') return { seconds: await (await (limit ??= openLimit(run)))() };
  if (line === 'first') features = await see();
  const items = Array.from({ length: batch }, (_, i) => ({
    example: ourExample(example, checkpoint),
    vision: { kind: 'features' as const, features },
    dropoutKey: number * batch + i,
  }));
  const feeds = [(): ReturnType<typeof tokenFeeds> => tokenFeeds(items, batch, { text, vision }, dropout > 0)];
  const { loss } = await update(learner, feeds, 3e-4, { step: ++number, ids: ['bench'] });
  return { loss };
});
