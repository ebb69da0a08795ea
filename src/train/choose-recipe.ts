// What a recipe that goes by the size of its model (`auto`, `small`) is for the model at hand. Everything a user set stays.
import type { Checkpoint, ModelShape } from '../model/index.ts';
import { embeddedAdapter, openCheckpoint, openModelShape, readAdapterConfig, readCard } from '../model/index.ts';
import type { PresetName, Recipe, RecipeInput, ResolvedRecipe } from './recipe/index.ts';
import { SMALL_MODEL, isPresetOrigin, resolveRecipe, smallLearningRates } from './recipe/index.ts';

/**
 * Settles what depends on the model: `auto` becomes `small` or `paper`, and `small` starts from the adapter that ships where that is
 * on this model, at the learning rate of its start.
 * @param resolved - the recipe; returned as it is when it starts from neither
 * @throws UserError `bad-checkpoint` for a model that cannot be opened; `bad-recipe` for values that contradict the chosen recipe
 */
export async function chooseRecipe(resolved: ResolvedRecipe): Promise<ResolvedRecipe> {
  const { recipe, provenance } = resolved;
  const name = recipe.recipe;
  const isOwn = (key: string): boolean => !isPresetOrigin(provenance.get(key));
  if (name !== 'auto' && name !== 'small') return resolved;
  if (name === 'small' && isOwn('adapter') && isOwn('optimizer.learningRate')) return resolved;
  const shape = await openModelShape(recipe.model);
  const size = numParameters(shape);
  const chosen: PresetName = name === 'small' || size < SMALL_MODEL ? 'small' : 'paper';
  const own = [...provenance.keys()].filter((key) => key !== 'recipe' && isOwn(key));
  const base = pick(recipe, own) as RecipeInput;
  if (chosen === 'small') {
    if (!isOwn('adapter')) base.adapter = (await canStartFromShipped(base, recipe, shape)) ? 'shipped' : null;
    // Four at once are faster where a clip is small work.
    if (!isOwn('microBatch')) base.microBatch = [4, 2, 1].find((count) => recipe.batchSize % count === 0)!;
    const fresh = base.adapter === null;
    if (!isOwn('loss') && !fresh) base.loss = 'expected-score';
    const { fresh: rate, shipped, gentle } = smallLearningRates;
    base.optimizer = {
      learningRate: fresh ? rate : shipped,
      ...(fresh ? {} : { gentleLearningRate: gentle }),
      ...base.optimizer,
    };
  }
  const next = resolveRecipe({ base: { ...base, recipe: chosen } });
  for (const key of ['adapter', 'loss', 'microBatch', 'optimizer.learningRate', 'optimizer.gentleLearningRate'])
    next.provenance.set(key, `recipe ${chosen}`);
  for (const key of own) next.provenance.set(key, provenance.get(key)!);
  const million = (size / 1e6).toPrecision(3);
  const why = name === 'auto' ? `auto: the model has ${million} million parameters` : provenance.get('recipe')!;
  next.provenance.set('recipe', why);
  return next;
}

/** Numbers of a whole model. */
export function numParameters(checkpoint: Pick<Checkpoint, 'names' | 'stored'>): number {
  return checkpoint.names.reduce((total, name) => total + checkpoint.stored(name).shape.reduce((a, b) => a * b, 1), 0);
}

/** Whether the shipped adapter is on this model, and trains what the user wants trained. */
async function canStartFromShipped(own: RecipeInput, recipe: Recipe, { notes }: ModelShape): Promise<boolean> {
  // Weights that are not here are not those that ship.
  if (notes.length > 0) return false;
  const { kind, sentence } = recipe.answer;
  if (recipe.method === 'full' || kind !== 'integer' || sentence === true || recipe.loss === 'sentence') return false;
  const folder = embeddedAdapter();
  if ((await readCard(folder))?.baseHash !== (await (await openCheckpoint(recipe.model)).hash())) return false;
  // A seed of the initial values asks for a new adapter.
  if (own.seeds?.init != null) return false;
  const { rank, alpha, rslora, targets, layers } = own.lora ?? {};
  const { lora } = await readAdapterConfig(folder);
  return (
    (rank ?? lora.rank) === lora.rank &&
    (alpha ?? lora.alpha) === lora.alpha &&
    (rslora ?? lora.rslora) === lora.rslora &&
    targets === undefined &&
    (layers ?? 'all') === 'all'
  );
}

/** The values of some keys, as a tree. */
function pick(recipe: Recipe, keys: readonly string[]): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const key of keys) {
    const names = key.split('.');
    const last = names.pop()!;
    let from: Record<string, unknown> = { ...recipe };
    let to = root;
    for (const name of names) {
      from = from[name] as Record<string, unknown>;
      to = (to[name] ??= {}) as Record<string, unknown>;
    }
    to[last] = from[last];
  }
  return root;
}
