// The five adapters of the quick start, and their training, each in a process of its own.
import { callForkedWork } from '../core/index.ts';
import type { FrameSettings } from '../inputs/index.ts';
import type { RecipeInput } from '../train/index.ts';
import { paperWeights } from '../study/index.ts';
import type { TrainedSteps } from './train-child.ts';

/** An adapter of the quick start. */
export interface QuickstartMember {
  /** Name of its run folder. */
  name: string;
  /** Rank of the adapter. */
  rank: 32 | 128;
  /** Frames of a clip. */
  frames: 1 | 2;
  /** Seed of its training. */
  seed: number;
  /** What it counts in the ensemble: the paper's weight. */
  weight: number;
}

/** The five adapters: ranks and frames of the paper, a seed each. */
export const quickstartMembers: readonly QuickstartMember[] = (
  [
    [32, 2],
    [128, 2],
    [32, 1],
    [128, 1],
    [32, 2],
  ] as const
).map(([rank, frames], seed) => ({
  name: `rank-${rank}-frames-${frames}-seed-${seed}`,
  rank,
  frames,
  seed,
  weight: paperWeights[seed]!,
}));

/** What the base model sees of a clip: as much as the adapters at most. */
export const quickstartFrames: FrameSettings = {
  pick: 'uniform',
  count: 2,
  as: 'video',
  minPixels: 3136,
  maxPixels: 224 * 224,
  seed: 0,
};

/**
 * In place of the paper's 3e-4: six passes over the quick start's clips are 126 updates, of a model of a thousandth of the
 * parameters. Chosen on clips of another seed (docs/quickstart.md).
 */
const LEARNING_RATE = 2e-3;

/**
 * The recipe of an adapter: the paper's, at another learning rate, on clips of 224×224 pixels, without a validation set to select by.
 * @param member - rank, frames, seed
 * @param model - the base model's folder or name
 * @param out - run folder
 */
export function memberRecipe(member: QuickstartMember, model: string, manifest: string, out: string): RecipeInput {
  return {
    recipe: 'paper',
    model,
    out,
    data: { manifest, train: { split: 'train' }, validation: null },
    frames: { count: member.frames, maxPixels: quickstartFrames.maxPixels, ...(member.frames > 1 && { as: 'images' }) },
    lora: { rank: member.rank },
    optimizer: { learningRate: LEARNING_RATE },
    microBatch: 4,
    seed: member.seed,
    runtime: { threads: 1, workers: 1 },
  };
}

/**
 * Trains by a recipe in a process of its own: a model this small does not keep several cores busy with one step.
 * @param recipe - the recipe; a run that was begun goes on
 * @param onStep - told how many of how many updates are done
 * @param signal - stops it after the present update, with a checkpoint
 */
export async function trainApart(
  recipe: RecipeInput,
  onStep: (done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  await callForkedWork<TrainedSteps>(import.meta.url, './train-child', recipe, {
    onTold: ({ step, totalSteps }) => onStep(step, totalSteps),
    signal,
  });
}
