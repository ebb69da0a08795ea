// Which clips a jackknife leaves out together: those of a group, or of several groups where there are very many.
import { invariant, shuffledIndices } from '../core/index.ts';

/** What ties clips together. */
export interface GroupOptions {
  /**
   * The group of each clip, such as its source video or its prompt: clips of one group are not independent, and are left out
   * together. Default: each clip is its own.
   */
  groups?: readonly string[] | undefined;
}

/** Clips by the block that they are left out with. */
export interface Blocks {
  /** How many groups there are. */
  numGroups: number;
  /** How many blocks: one a group, at most {@link maxBlocks}. */
  count: number;
  /** The block of each clip. */
  of: Uint32Array;
  /** Clips, those of a block together. */
  members: Uint32Array;
  /** Where each block begins in `members`; one more at the end. */
  starts: Uint32Array;
}

/**
 * The most blocks: 1,000, and fewer for more than 100,000 clips, since each block may take a pass over all of them; 200 from 500,000
 * clips on. More groups than these are dealt into as many blocks of whole groups. A standard error from 1,000 blocks is itself
 * uncertain by 2 %, one from 200 by 5 %.
 * @param n - how many clips
 */
export const maxBlocks = (n: number): number => Math.min(1000, Math.max(200, Math.floor(1e8 / n)));

/**
 * Deals groups into blocks. Where there are more groups than blocks, in a fixed random order: clips that stand together in a table,
 * sorted by quality for one, do not come into one block. The same groups in the same order are always dealt the same.
 * @param n - how many clips
 * @param options - their groups
 */
export function blocksOf(n: number, { groups }: GroupOptions = {}): Blocks {
  invariant(groups === undefined || groups.length === n, `${groups?.length} groups for ${n} clips`);
  const numbers = new Map<string, number>();
  const of = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    of[i] = i;
    if (groups === undefined) continue;
    of[i] = numbers.get(groups[i]!) ?? numbers.size;
    numbers.set(groups[i]!, of[i]!);
  }
  const numGroups = groups === undefined ? n : numbers.size;
  const count = Math.min(numGroups, maxBlocks(n));
  if (numGroups > count) {
    const order = shuffledIndices(numGroups, 0xb10c);
    for (let i = 0; i < n; i++) of[i] = order[of[i]!]! % count;
  }
  const starts = new Uint32Array(count + 1);
  for (let i = 0; i < n; i++) starts[of[i]! + 1]!++;
  for (let b = 0; b < count; b++) starts[b + 1]! += starts[b]!;
  const next = starts.slice();
  const members = new Uint32Array(n);
  for (let i = 0; i < n; i++) members[next[of[i]!]!++] = i;
  return { numGroups, count, of, members, starts };
}
