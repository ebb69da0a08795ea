// Our side of bench/step.ts and bench/growth.ts: one LoRA step for each line on stdin, `first` with the vision tower, `limit` a product of
// 1024×4096×4096 instead, anything else with the features known.
//   node --import tsx bench/ours/step.ts MODEL THREADS '{"ids":…}' [OPTIONS]
import { randomStream } from '../../src/core/index.ts';
import { compileStep, compileTower, initAdamW } from '../../src/engine/onnx/index.ts';
import { makeUpdate } from '../../src/engine/onnx/trainer.ts';
import type { PreparedExample } from '../../src/inputs/index.ts';
import type { QwenTextConfig } from '../../src/model/families/qwen2-5-vl/config.ts';
import { adapterShapes, initLora, openCheckpoint } from '../../src/model/index.ts';
import { objectives } from '../../src/objectives/index.ts';
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
  gradientCheckpointing?: boolean;
}
const given = JSON.parse(options ?? '{}') as Options;
const { rank = 32, dropout = 0.1, batch = 1, prepack = false, gradientCheckpointing = false } = given;
const checkpoint = await openCheckpoint(folder!);
const text = { ...checkpoint.text, numLayers: given.layers ?? checkpoint.text.numLayers };
const model = { ...checkpoint, text };
const example = JSON.parse(plain!) as PlainExample;
const targets = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] as const;
const lora = { rank, alpha: 32, dropout, targets: [...targets], rslora: false };
const run = { threads: Number(threads), prepack };
const { form } = objectives['integer-only'];
await using step = await compileStep({ model, lora, form, numColumns: 0, gradientCheckpointing, run });
await using tower = await compileTower(checkpoint, run);
const parameters = initLora(
  adapterShapes(model.family.lora, lora, text.numLayers, (name) => model.stored(name).shape),
  0,
);
const optimizer = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 };
const trainer = {
  training: { form, optimizer, clipNorm: null, microBatch: batch, gradientCheckpointing },
  model,
  dropout: dropout > 0,
  step,
  prefix: null,
  isRoomFor: () => true,
  makeRoom: async () => {},
};
const moments = initAdamW(parameters);
const { side } = example;
const stream = randomStream(1);
const pixels = Float32Array.from({ length: side * side * 1176 }, () => stream.below(2001) / 1000 - 1);
const see = (): Promise<Float32Array> => tower.encode([{ grid: { t: 1, h: side, w: side }, pixels }]);
let features = await see();
let number = 0;
const exampleWith = (dropoutKey: number): PreparedExample =>
  ourExample(example, checkpoint, { vision: { kind: 'features', features }, dropoutKey });
const size = { tokens: exampleWith(0).rows.tokenIds.length, targets: example.targets.length, rank };
const about = {
  trained: [...parameters.values()].reduce((total, p) => total + p.length, 0),
  flops: batch * necessaryFlops(text as QwenTextConfig, size),
};
let limit: Promise<Limit> | undefined;
await contend(about, async (line) => {
  if (line === 'limit') return { seconds: await (await (limit ??= openLimit(run)))() };
  if (line === 'first') features = await see();
  const examples = Array.from({ length: batch }, (_, i) => exampleWith(number * batch + i));
  number++;
  const { loss } = await makeUpdate(trainer, examples, parameters, moments, 3e-4);
  return { loss };
});
