// Recipes that others start from.
import type { recipeNames } from './schema.ts';
import type { RecipeInput } from './types.ts';

/**
 * Recipes by name. `paper` holds what IOVQA (arXiv 2508.11170) states, whatever the defaults come to be; where it leaves a range
 * (rank 32 or 128, one or two frames) the choice is ours, as is how the frames are picked.
 */
export const recipePresets: Readonly<Record<(typeof recipeNames)[number], RecipeInput>> = {
  paper: {
    frames: { pick: 'uniform', count: 2, as: 'video' },
    prompt: { template: 'four-dimensions' },
    answer: { kind: 'integer' },
    loss: 'integer-only',
    method: 'lora',
    lora: { rank: 32, alpha: 32, dropout: 0.1, rslora: false },
    optimizer: { learningRate: 3e-4 },
    schedule: { kind: 'cosine' },
    epochs: 6,
  },
};
