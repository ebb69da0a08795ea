// What scoring must know of a recipe: frames, prompt, answers, scale.
import type { ScorerSettings } from '../inputs/index.ts';
import { withDecoder } from '../inputs/index.ts';
import { objectives } from '../objectives/index.ts';
import type { RunData } from './data.ts';
import type { Recipe } from './recipe/index.ts';
import { seedsOf } from './seeds.ts';

/**
 * What scoring must know of a recipe.
 * @param data - its rows
 */
export function scorerSettings(recipe: Recipe, { dataset }: Pick<RunData, 'dataset'>): ScorerSettings {
  const { positions, decoder, ...frames } = recipe.frames;
  const assumed = dataset.assumedFps === undefined ? {} : { assumedFps: dataset.assumedFps };
  return {
    frames: withDecoder({ ...frames, seed: seedsOf(recipe).frames, ...assumed }, decoder),
    prompt: { template: recipe.prompt.template, source: null },
    answer: answerSettings(recipe),
    positions,
    scale: dataset.scale,
  };
}

/** How answers are written. The key is left out where they stand alone, as before there was a choice. */
function answerSettings({ answer: { sentence, ...answer }, loss }: Recipe): ScorerSettings['answer'] {
  return (sentence ?? objectives[loss].targets === 'sentence') ? { ...answer, sentence: true } : answer;
}
