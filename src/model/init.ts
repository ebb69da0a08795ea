// Randomly initialised models in Hugging Face layout: to train from scratch, to test and to measure with.
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { UserError, randomStream } from '../core/index.ts';
import type { FloatDtype, TensorToWrite } from '../files/index.ts';
import { makeFolder, writeFolderAtomic, writeNewFile } from '../files/index.ts';
import { modelFamilies } from './families/index.ts';
import { torchDtype, writeWeights } from './write-checkpoint.ts';

/** What {@link createRandomCheckpoint} makes. */
export interface RandomCheckpointOptions {
  /** Name of a size: one of {@link randomSizes}. */
  preset: string;
  /** Seed of the weights; default 0. */
  seed?: number;
  /** Element type in the file; default F32. */
  dtype?: FloatDtype;
  /** Standard deviation of weight matrices; default 0.02, as in Qwen's configs. Narrow models learn sooner with more. */
  initializerRange?: number;
  /** Text that the tokenizer's merges are learned from, besides that of the built-in questions; default none. */
  corpus?: string;
  /** Is told how many of how many parameters are written. */
  onProgress?: (done: number, total: number) => void;
  /** Stops the writing with its reason; nothing is left behind. */
  signal?: AbortSignal;
}

/**
 * What each size of a randomly initialised model is for, by its name.
 */
export function randomSizes(): Record<string, string> {
  return Object.assign({}, ...Object.values(modelFamilies).map(({ random }) => random?.sizes ?? {})) as Record<
    string,
    string
  >;
}

/**
 * Writes a randomly initialised model: config, weights (normal, norms 1, biases 0, as transformers initialises them), a small byte-level tokenizer, chat template and processor settings.
 * @param folder - a new or empty folder
 * @param options - size, seed
 * @throws UserError `bad-input` for an unknown size or a folder that is not empty
 */
export async function createRandomCheckpoint(folder: string, options: RandomCheckpointOptions): Promise<void> {
  const { preset, seed = 0, dtype = 'F32', initializerRange = 0.02, corpus, onProgress, signal } = options;
  const family = Object.values(modelFamilies).find(({ random }) => Object.hasOwn(random?.sizes ?? {}, preset));
  if (family === undefined) {
    const names = Object.entries(randomSizes()).map(([name, about]) => `${name} (${about})`);
    throw new UserError('bad-input', `model size: expected ${names.join(', ')}, got ${JSON.stringify(preset)}`);
  }
  const { text, vision, files } = family.random!.folder(preset, torchDtype[dtype], corpus);
  await writeFolderAtomic(folder, async (temporary) => {
    await makeFolder(temporary);
    for (const [name, content] of files) await writeNewFile(join(temporary, name), content);
    const shapes = [...family.weights.shapes(text, vision)];
    const total = shapes.reduce((sum, [, shape]) => sum + sizeOf(shape), 0);
    let done = 0;
    const tensors = shapes.map(([name, shape], i): [string, TensorToWrite] => {
      const data = (): Promise<Float32Array> => {
        onProgress?.(done, total);
        done += sizeOf(shape);
        return initialValues({ name, shape, deviation: initializerRange }, seed, i, signal);
      };
      return [family.weights.fileName(name), { data, shape }];
    });
    await writeWeights(temporary, new Map(tensors), dtype);
  });
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Numbers between two looks at what else happens, such as Ctrl-C: a tenth of a second. */
const SLICE = 2 ** 20;

async function initialValues(
  { name, shape, deviation }: { name: string; shape: readonly number[]; deviation: number },
  seed: number,
  index: number,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const values = new Float32Array(sizeOf(shape));
  if (name.endsWith('.bias')) return values;
  if (shape.length === 1) return values.fill(1);
  const stream = randomStream(seed, index);
  for (let start = 0; start < values.length; start += SLICE) {
    await setImmediate();
    signal?.throwIfAborted();
    const end = Math.min(values.length, start + SLICE);
    for (let i = start; i < end; i++) values[i] = deviation * stream.normal();
  }
  return values;
}
