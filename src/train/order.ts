// In which order an epoch shows its clips: a pure function of seed, epoch and lengths.
import { hashKey, shuffledIndices } from '../core/index.ts';

/** Orders by the name that they have in a recipe: all shuffled, or batches of clips of like length, themselves shuffled. */
export const orders = ['shuffled', 'by-length'] as const;
/** One of {@link orders}. */
export type Order = (typeof orders)[number];

/** Keys of the streams of orders of clips, and of batches. */
const [CLIPS, BATCHES] = [3, 4];
/** Batches among whose clips like lengths are looked for: enough to find some, few enough that an epoch stays mixed. */
const WINDOW = 32;

/** What an epoch's order depends on. */
export interface EpochOptions {
  /** Which order. */
  order: Order;
  /** Clips an update. */
  batchSize: number;
  /** Seed of the run. */
  seed: number;
  /** From 0. */
  epoch: number;
}

/**
 * The samples of an epoch, each once. With `by-length`, the shuffled clips of every 32 batches are sorted by length and cut into
 * batches, which are shuffled; an incomplete batch comes last, as without.
 * @param lengths - tokens of each sample
 * @param options - order, seed, epoch
 * @returns samples, batch after batch
 */
export function epochOrder(lengths: readonly number[], options: EpochOptions): number[] {
  const { order, batchSize, seed, epoch } = options;
  const shuffled = shuffledIndices(lengths.length, hashKey(seed, CLIPS), epoch);
  if (order === 'shuffled') return shuffled;
  const whole = Math.floor(lengths.length / batchSize) * batchSize;
  const batches: number[][] = [];
  for (let start = 0; start < whole; start += WINDOW * batchSize) {
    const window = shuffled.slice(start, Math.min(start + WINDOW * batchSize, whole));
    window.sort((a, b) => lengths[b]! - lengths[a]!);
    for (let i = 0; i < window.length; i += batchSize) batches.push(window.slice(i, i + batchSize));
  }
  const places = shuffledIndices(batches.length, hashKey(seed, BATCHES), epoch);
  return [...places.flatMap((place) => batches[place]!), ...shuffled.slice(whole)];
}
