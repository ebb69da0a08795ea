// Our engine on PyTorch in bench/step.ts: one LoRA step for each line on stdin, `first` with the vision tower, anything else with the
// features known. Float32, a worker of its own.
//   node --import tsx bench/ours/torch-step.ts MODEL THREADS '{"ids":…}' PYTHON
import { openEngine } from '../../src/engine/index.ts';
import { adapterShapes, initLora, openCheckpoint } from '../../src/model/index.ts';
import { objectives } from '../../src/objectives/index.ts';
import { contend } from '../contestant.ts';
import type { PlainExample } from '../example.ts';
import { noisePicture, ourExample } from '../example.ts';

const [folder, threads, plain, python] = process.argv.slice(2);
const checkpoint = await openCheckpoint(folder!);
const example = JSON.parse(plain!) as PlainExample;
const { family, text, stored } = checkpoint;
const lora = { rank: 32, alpha: 32, dropout: 0.1, targets: family.lora.targets, rslora: false };
const parameters = initLora(
  adapterShapes(family.lora, lora, text.numLayers, (name) => stored(name).shape),
  0,
);
const runtime = { engine: 'torch', python, threads: Number(threads), devices: 1, precision: 'float32' } as const;
await using engine = await openEngine(checkpoint, { runtime });
await using model = await engine.attach({
  lora,
  parameters,
  training: {
    form: objectives['integer-only'].form,
    optimizer: { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 },
    clipNorm: null,
    microBatch: 1,
    gradientCheckpointing: false,
  },
  answers: null,
});
const picture = noisePicture(example, checkpoint);
let features = await engine.encode([picture]);
let number = 0;
const trained = [...parameters.values()].reduce((total, values) => total + values.length, 0);
await contend({ trained, engine: engine.name }, async (line) => {
  if (line === 'first') features = await engine.encode([picture]);
  const seen = { vision: { kind: 'features', features }, dropoutKey: number++ } as const;
  const { loss } = await model.update([ourExample(example, checkpoint, seen)], 3e-4);
  return { loss };
});
