// `iovqa models new`: a randomly initialised model to train from scratch.
import { createRandomCheckpoint, openCheckpoint } from '../../model/index.ts';
import type { RandomCheckpointOptions } from '../../model/index.ts';
import { printJson, printLines } from '../output.ts';
import type { Progress } from '../progress.ts';
import { startProgress } from '../progress.ts';

/** Flags of `models new`. */
export interface ModelsNewFlags {
  /** Name of the size. */
  preset: string;
  /** Seed of the weights. */
  seed: number;
  /** Element type of the weights. */
  dtype: 'f32' | 'bf16';
  /** Write a JSON value. */
  json?: boolean;
}

/**
 * Runs `iovqa models new`.
 * @param folder - where the model goes
 * @param flags - flags
 */
export async function modelsNew(folder: string, flags: ModelsNewFlags): Promise<void> {
  let progress: Progress | undefined;
  try {
    await createRandomCheckpoint(folder, {
      preset: flags.preset as RandomCheckpointOptions['preset'],
      seed: flags.seed,
      dtype: flags.dtype === 'bf16' ? 'BF16' : 'F32',
      onProgress: (done, total) => {
        progress ??= startProgress('million parameters', Math.round(total / 1e6), flags.json);
        progress.update(Math.round(done / 1e6));
      },
    });
  } finally {
    progress?.stop();
  }
  const { names, stored } = await openCheckpoint(folder);
  const numParameters = names.reduce((total, name) => total + stored(name).shape.reduce((a, b) => a * b, 1), 0);
  if (flags.json === true) printJson({ folder, preset: flags.preset, seed: flags.seed, numParameters });
  else printLines([`${folder}: ${numParameters.toLocaleString('en')} parameters`]);
}
