// Seconds of a training step on a provider: the example of bench/step.ts with LoRA, or every weight over a batch of 224×224 pictures.
//   npx tsx bench/webgpu/step.ts runs/bench-304m webgpu [STEPS]
//   npx tsx bench/webgpu/step.ts runs/small webgpu STEPS full BATCH
import { adamWUpdate, compileStep, compileTower, gradientNorm, initAdamW } from '../../src/engine/onnx/index.ts';
import { patchesOf } from '../../src/engine/onnx/model.ts';
import type { Provider } from '../../src/core/index.ts';
import { spread } from '../contestant.ts';
import { allParameters, form, lora, loraParameters, openModel, picture, stepFeeds } from './common.ts';

const [folder, provider = 'webgpu', steps = '10', method = 'lora', batch = '1', threads = '0'] = process.argv.slice(2);
if (folder === undefined)
  throw new Error('usage: npx tsx bench/webgpu/step.ts MODEL [PROVIDER] [STEPS] [lora|full] [BATCH] [THREADS]');
const isFull = method === 'full';
const now = (): number => performance.now() / 1000;
const checkpoint = await openModel(folder);
const run = { provider: provider as Provider, prepack: false, threads: Number(threads) };
const opening = now();
await using step = await compileStep({ model: checkpoint, lora: isFull ? null : lora, form, numColumns: 0, run });
const opened = now() - opening;
const parameters = isFull ? await allParameters(checkpoint) : loraParameters(checkpoint);
const moments = initAdamW(parameters);
const adamW = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 };
const count = Number(batch);
const size = isFull
  ? { sides: Array.from({ length: count }, () => 16), text: 30 }
  : { sides: Array.from({ length: count }, () => 32) };
const feeds = stepFeeds(checkpoint, size, isFull);
const times: number[] = [];
const graphTimes: number[] = [];
const losses: number[] = [];
for (let i = 0; i <= Number(steps); i++) {
  const started = now();
  const { loss, gradients } = await step.run(parameters, feeds);
  graphTimes.push(now() - started);
  const norm = gradientNorm(gradients);
  if (!Number.isFinite(loss) || !Number.isFinite(norm)) throw new Error(`a loss of ${loss}, gradients of norm ${norm}`);
  adamWUpdate(parameters, gradients, moments, 3e-4, adamW);
  times.push(now() - started);
  losses.push(loss);
}
const [first, ...rest] = times;
const graph = spread(graphTimes.slice(1));
const { median, low, high } = spread(rest);
const [B, T] = feeds['tokens']!.shape;
console.log(
  `| ${provider}, ${method}, ${folder.split('/').at(-1)}, ${B} × ${T} tokens | ${median.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}] s a step | ` +
    `${graph.median.toFixed(3)} s in the graph | ${(count / median).toFixed(1)} clips a second | first ${first!.toFixed(1)} s, opening ${opened.toFixed(1)} s | ` +
    `losses ${losses[0]!.toFixed(4)} → ${losses.at(-1)!.toFixed(4)} |`,
);
if (!isFull) {
  await using tower = await compileTower(checkpoint, run);
  const towerTimes: number[] = [];
  for (let i = 0; i <= Number(steps); i++) {
    const patches = patchesOf([picture(checkpoint, 32, i)]);
    const started = now();
    await tower.encode(patches);
    towerTimes.push(now() - started);
  }
  console.log(
    `| ${provider}, tower over 448×448 | ${spread(towerTimes.slice(1)).median.toFixed(3)} s | first ${towerTimes[0]!.toFixed(1)} s |`,
  );
}
