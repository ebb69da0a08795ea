// The same in types: what a caller may rely on.
import type { ClipScore, Evaluation, FailedClip, Recipe, TrainEvent } from 'iovqa';
import { evaluate, loadScorer, resolveRecipe, srcc, train } from 'iovqa';

export async function scores(run: string, paths: readonly string[]): Promise<number[]> {
  await using scorer = await loadScorer(run, { workers: 1 });
  const found: number[] = [];
  for await (const result of scorer.score(paths.map((path) => ({ path, kind: 'video' })))) {
    const either: ClipScore | FailedClip = result;
    if ('error' in either) console.error(either.error.message, either.error.hint);
    else found.push(either.score);
  }
  return found;
}

export async function losses(recipe: string): Promise<number[]> {
  const resolved = resolveRecipe({ file: { path: 'recipe.yaml', text: recipe }, sets: ['lora.rank=128'] });
  const rank: Recipe['lora']['rank'] = resolved.recipe.lora.rank;
  const found: number[] = [rank];
  for await (const event of train(resolved, { signal: AbortSignal.timeout(1000) })) {
    const any: TrainEvent = event;
    if (any.type === 'step') found.push(any.loss);
  }
  return found;
}

const stat = srcc([1, 2, 3], [1, 3, 2]);
export const value: number | string = stat.defined ? stat.value : stat.reason;
export const evaluation: Evaluation = evaluate({ predictions: new Float64Array([1, 2, 3]), mos: [1, 2, 3] });
// @ts-expect-error a recipe has no such key
resolveRecipe({ base: { learningrate: 1 } });
