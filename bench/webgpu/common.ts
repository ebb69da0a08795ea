// What the GPU benches share: a random model, clips as feeds of a step, and how a step is made on a provider.
import { existsSync } from 'node:fs';
import { hashKey, randomStream } from '../../src/core/index.ts';
import { collate } from '../../src/engine/onnx/index.ts';
import { weightOf } from '../../src/engine/weight.ts';
import type { TensorData } from '../../src/graph/index.ts';
import type { PreparedPicture, PreparedVision } from '../../src/inputs/index.ts';
import type { Checkpoint, LoraOptions } from '../../src/model/index.ts';
import { adapterShapes, createRandomCheckpoint, initLora, loraTargets, openCheckpoint } from '../../src/model/index.ts';
import { objectives } from '../../src/objectives/index.ts';
import type { ObjectiveForm } from '../../src/objectives/index.ts';
import { ourExample, plainExample } from '../example.ts';

/**
 * Opens a model; one that is not there is made, the preset that its folder is named after.
 * @param folder - ends in the name of a preset when it is not there
 */
export async function openModel(folder: string): Promise<Checkpoint> {
  if (!existsSync(folder)) {
    const preset = folder.split('/').at(-1)!;
    await createRandomCheckpoint(folder, { preset });
  }
  return openCheckpoint(folder);
}

/** The loss of every bench. */
export const form: ObjectiveForm = objectives['integer-only'].form;

/** The adapter of every bench: rank 32 on all seven linear layers. */
export const lora: LoraOptions = { rank: 32, alpha: 32, dropout: 0.1, targets: [...loraTargets], rslora: false };

/**
 * Factors of the adapter, B too filled with numbers: at B = 0 the gradients of A are zero.
 * @param checkpoint - the model
 */
export function loraParameters({ family, text, stored }: Checkpoint): Map<string, Float32Array> {
  const shapes = adapterShapes(family.lora, lora, text.numLayers, (name) => stored(name).shape);
  const parameters = initLora(shapes, 0);
  for (const [name, values] of parameters) {
    const random = randomStream(1, ...new TextEncoder().encode(name));
    if (name.endsWith('lora_B.weight')) values.forEach((_, i) => (values[i] = 0.02 * random.normal()));
  }
  return parameters;
}

/**
 * Every weight of the model, for full training.
 * @param checkpoint - the model
 */
export async function allParameters(checkpoint: Checkpoint): Promise<Map<string, Float32Array>> {
  const weights = new Map<string, Float32Array>();
  for (const name of checkpoint.names) weights.set(name, await checkpoint.read(name));
  return weights;
}

/**
 * A picture of noise.
 * @param checkpoint - says how it is cut into patches
 * @param side - patches along a side
 * @param key - which picture
 */
export function picture({ processor }: Pick<Checkpoint, 'processor'>, side: number, key: number): PreparedPicture {
  const random = randomStream(2, key);
  const { patchSize, mergeSize, temporalPatchSize, mean, std } = processor;
  const length = side * patchSize;
  const data = Uint8Array.from({ length: length * length * 3 }, () => random.below(256));
  return {
    kind: 'image',
    frames: [{ width: length, height: length, data }],
    grid: { t: 1, h: side, w: side },
    patches: { patchSize, mergeSize, temporalPatchSize, mean, std },
  };
}

/** Which clips a batch holds. */
export interface BatchSize {
  /** Patches along the side of each clip's picture. */
  sides: readonly number[];
  /** Text tokens behind the picture; default 100. */
  text?: number;
}

/**
 * Feeds of a step over some pictures.
 * @param checkpoint - the model
 * @param size - the pictures
 * @param isFull - every weight trains: pixels instead of features, no dropout
 */
export function stepFeeds(
  checkpoint: Checkpoint,
  { sides, text = 100 }: BatchSize,
  isFull: boolean,
): Record<string, TensorData> {
  const random = randomStream(3);
  const examples = sides.map((side, i) => {
    const vision: PreparedVision = isFull
      ? { kind: 'pictures', pictures: [picture(checkpoint, side, i)] }
      : {
          kind: 'features',
          features: Float32Array.from({ length: (side / 2) ** 2 * checkpoint.text.hiddenSize }, () => random.normal()),
        };
    return ourExample(plainExample(checkpoint, { side, text }), checkpoint, { vision, dropoutKey: hashKey(5, 0, i) });
  });
  const batchWeight = examples.reduce((total, example) => total + weightOf(example), 0);
  return collate(examples, { form, batchWeight, model: checkpoint, dropout: !isFull });
}

/** ‖a − b‖ / ‖b‖. */
export function relative(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
  }
  return size === 0 ? Math.sqrt(difference) : Math.sqrt(difference / size);
}
