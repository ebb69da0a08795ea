// Factors of an adapter that matter: lora_B is not zero, as it is where training begins.
import { randomStream } from '../../../src/core/index.ts';
import type { Checkpoint, LoraOptions } from '../../../src/model/index.ts';
import { adapterShapes, initLora } from '../../../src/model/index.ts';

export function factorsOf(checkpoint: Checkpoint, lora: LoraOptions, seed: number): Map<string, Float32Array> {
  const { family, text, stored } = checkpoint;
  const shapes = adapterShapes(family.lora, lora, text.numLayers, (name) => stored(name).shape);
  const tensors = initLora(shapes, seed - 1);
  const stream = randomStream(seed);
  for (const [name, values] of tensors) {
    if (name.endsWith('lora_B.weight')) for (let i = 0; i < values.length; i++) values[i] = 0.3 * stream.normal();
  }
  return tensors;
}
