// Seeds that can be told apart: the same split with another initialisation, the same initialisation in another order.
import type { Recipe } from './recipe/index.ts';

/** The seed of each choice that a run makes by chance. */
export interface Seeds {
  /** Which rows validation holds out. */
  split: number;
  /** In which order an epoch shows its clips. */
  order: number;
  /** The initial values of a new adapter. */
  init: number;
  /** What dropout drops. */
  dropout: number;
  /** Which frames are taken, with `frames.pick: random`. */
  frames: number;
}

/**
 * The seeds of a recipe: each is `seed` where the recipe says nothing else.
 * @param recipe - its `seed` and `seeds`
 */
export function seedsOf({ seed, seeds }: Pick<Recipe, 'seed' | 'seeds'>): Seeds {
  const { split, order, init, dropout, frames } = seeds;
  return {
    split: split ?? seed,
    order: order ?? seed,
    init: init ?? seed,
    dropout: dropout ?? seed,
    frames: frames ?? seed,
  };
}
