// Which rank computes which examples of an update: rounds of micro-batches of like length, the same number on every rank.
import { invariant } from '../../core/index.ts';
import type { PreparedExample } from '../../inputs/index.ts';
import type { TrainingOptions } from '../types.ts';
import { weightOf } from '../weight.ts';
import type { SharedExample } from './examples.ts';

/**
 * Cuts an update. Groups (`groupSize`) stay together; the longest go first, each to the rank that has the fewest tokens so far. A
 * rank without work in a round gets the shortest example with share 0, so that all ranks take part in every collective.
 * @param examples - the update
 * @param training - sizes of groups and micro-batches
 * @param ranks - how many there are
 * @returns rounds; in each the examples of every rank
 */
export function scheduleUpdate(
  examples: readonly PreparedExample[],
  { form, microBatch }: Pick<TrainingOptions, 'form' | 'microBatch'>,
  ranks: number,
): SharedExample[][][] {
  invariant(examples.length > 0, 'an update without examples');
  const share = 1 / examples.reduce((total, example) => total + weightOf(example), 0);
  const groups = chunks(examples, form.groupSize).sort((a, b) => longest(b) - longest(a));
  const perRank = Math.ceil(groups.length / ranks);
  const own: PreparedExample[][][] = Array.from({ length: ranks }, () => []);
  const tokens = Array.from({ length: ranks }, () => 0);
  for (const group of groups) {
    const free = own.flatMap((some, rank) => (some.length < perRank ? [rank] : []));
    const rank = free.reduce((best, other) => (tokens[other]! < tokens[best]! ? other : best));
    own[rank]!.push(group);
    tokens[rank]! += group.reduce((total, { rows }) => total + rows.tokenIds.length, 0);
  }
  // Pairs are counted off in groups: one that is smaller comes last.
  for (const some of own) some.sort((a, b) => Number(a.length < form.groupSize) - Number(b.length < form.groupSize));
  const batches = own.map((some) =>
    chunks(some, Math.max(1, Math.floor(microBatch / form.groupSize))).map((part) => part.flat()),
  );
  const shortest = examples.reduce((best, example) => (sizeOf(example) < sizeOf(best) ? example : best));
  const rounds = Math.max(...batches.map((some) => some.length));
  return Array.from({ length: rounds }, (_, round) =>
    batches.map((some) =>
      (some[round] ?? []).length > 0
        ? some[round]!.map((example) => ({ example, share }))
        : [{ example: shortest, share: 0 }],
    ),
  );
}

const sizeOf = ({ rows }: PreparedExample): number => rows.tokenIds.length;
const longest = (group: readonly PreparedExample[]): number => Math.max(...group.map(sizeOf));

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
