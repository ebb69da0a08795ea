// The main module of a training process: trains by the recipe that it is sent, and tells how far it is.
import { serveForkedWork } from '../core/index.ts';
import { environmentFault } from '../files/index.ts';
import type { RecipeInput } from '../train/index.ts';
import { resolveRecipe, train } from '../train/index.ts';

/** How far it is, after each update. */
export interface TrainedSteps {
  /** Updates so far. */
  step: number;
  /** Updates of the whole run. */
  totalSteps: number;
}

async function run(recipe: RecipeInput, tell: (told: TrainedSteps) => void, signal: AbortSignal): Promise<void> {
  for await (const event of train(resolveRecipe({ base: recipe }), { resume: true, signal })) {
    if (event.type === 'step') tell({ step: event.step, totalSteps: event.totalSteps });
  }
}

serveForkedWork(run, environmentFault);
