// In which order an epoch shows its clips: a pure function of seed, epoch, lengths and groups.
import { UserError, hashKey, shuffledIndices } from '../core/index.ts';
import { objectives } from '../objectives/index.ts';

/**
 * Orders by the name that they have in a recipe: all shuffled; batches of clips of like length, themselves shuffled; neighbours of one
 * group, themselves shuffled.
 */
export const orders = ['shuffled', 'by-length', 'by-group'] as const;
/** One of {@link orders}. */
export type Order = (typeof orders)[number];

/** Neighbours of one group, with `by-group`: those that are compared with each other. */
export const NEIGHBOURS: number = objectives.fidelity.form.groupSize;

/** Keys of the streams of orders of clips, and of batches or neighbours. */
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
  /** The group of each sample, undefined for one that has none; read with `by-group` alone. */
  groups?: readonly (string | undefined)[];
}

/**
 * The samples of an epoch, each once. With `by-length`, the shuffled clips of every 32 batches are sorted by length and cut into
 * batches, which are shuffled; an incomplete batch comes last, as without. With `by-group`, the shuffled clips of each group are cut into
 * fours; what is left over of all groups, and clips without one, are mixed and cut into fours, too, and all fours are shuffled.
 * @param lengths - tokens of each sample
 * @param options - order, seed, epoch
 * @returns samples, batch after batch
 */
export function epochOrder(lengths: readonly number[], options: EpochOptions): number[] {
  const { order, batchSize, seed, epoch, groups = [] } = options;
  const shuffled = shuffledIndices(lengths.length, hashKey(seed, CLIPS), epoch);
  if (order === 'shuffled') return shuffled;
  if (order === 'by-group') {
    const [fours, rest] = byGroup(shuffled, groups);
    return [...shuffledIndices(fours.length, hashKey(seed, BATCHES), epoch).flatMap((four) => fours[four]!), ...rest];
  }
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

/** Samples in fours of one group and fours of those that are left over, and fewer than four at the end. */
function byGroup(shuffled: readonly number[], groups: readonly (string | undefined)[]): [number[][], number[]] {
  const members = new Map<string, number[]>();
  for (const sample of shuffled) {
    const group = groups[sample];
    if (group !== undefined) members.set(group, [...(members.get(group) ?? []), sample]);
  }
  const fours = [...members.values()].flatMap(foursOf);
  const placed = new Set(fours.flat());
  const left = shuffled.filter((sample) => !placed.has(sample));
  fours.push(...foursOf(left));
  return [fours, left.slice(left.length - (left.length % NEIGHBOURS))];
}

function foursOf(samples: readonly number[]): number[][] {
  const count = Math.floor(samples.length / NEIGHBOURS);
  return Array.from({ length: count }, (_, i) => samples.slice(i * NEIGHBOURS, (i + 1) * NEIGHBOURS));
}

/**
 * Refuses `by-group` where it would be another way to shuffle.
 * @param order - of a run
 * @param groups - as {@link EpochOptions} has them
 * @throws UserError `bad-recipe` where no group has four clips
 */
export function requireGroups(order: Order, groups: readonly (string | undefined)[]): void {
  if (order !== 'by-group') return;
  const counts = new Map<string, number>();
  for (const group of groups) if (group !== undefined) counts.set(group, (counts.get(group) ?? 0) + 1);
  const most = Math.max(0, ...counts.values());
  if (most >= NEIGHBOURS) return;
  const got = most === 0 ? 'no clip with a group' : `at most ${most}`;
  throw new UserError(
    'bad-recipe',
    `train.order by-group: expected a group of ${NEIGHBOURS} clips or more, got ${got}`,
    {
      hint: 'data.columns.group names the column of the groups; data.groupBy prompt takes clips of one prompt for a group',
    },
  );
}
