// Recipes that others start from.
import type { recipeNames } from './schema.ts';
import type { RecipeInput } from './types.ts';

/** What a recipe may start from, once `auto` has become one of them. */
export type PresetName = Exclude<(typeof recipeNames)[number], 'auto'>;

const paper: RecipeInput = {
  frames: { pick: 'uniform', count: 2, as: 'video' },
  prompt: { template: 'four-dimensions' },
  answer: { kind: 'integer' },
  loss: 'integer-only',
  method: 'lora',
  lora: { rank: 32, alpha: 32, dropout: 0.1, rslora: false },
  optimizer: { learningRate: 3e-4 },
  schedule: { kind: 'cosine' },
  epochs: 6,
};

/** Parameters of a model from which on `auto` is the paper's recipe. Between 5 million and 3 billion nothing was measured. */
export const SMALL_MODEL = 1e8;

/**
 * Learning rates of `small`: of a fresh adapter; from the adapter that ships on, where it does not know the clips and where it does. Chosen
 * as docs/log/small-models.md says.
 */
export const smallLearningRates: Readonly<Record<'fresh' | 'shipped' | 'gentle', number>> = {
  fresh: 2e-3,
  shipped: 1e-3,
  gentle: 5e-6,
};

/**
 * Recipes by name. `paper` holds what IOVQA (arXiv 2508.11170) states, whatever the defaults come to be; where it leaves a range
 * (rank 32 or 128, one or two frames) the choice is ours, as is how the frames are picked. `small` is the same method for models of a few
 * million parameters and a hundred clips; its frames are those that the shipped adapter knows. `chooseRecipe` adds
 * what depends on the model.
 */
export const recipePresets: Readonly<Record<PresetName, RecipeInput>> = {
  paper,
  small: {
    ...paper,
    frames: { pick: 'uniform', count: 1, maxPixels: 262144 },
    optimizer: { learningRate: smallLearningRates.fresh },
  },
};
