// A statistic with each block of clips left out in turn: what a jackknife asks for. What all blocks share is computed once.
import type { Blocks } from './blocks.ts';
import { krccWithout } from './leave-out-kendall.ts';
import { krcc } from './kendall.ts';
import type { Numbers } from './order.ts';
import { levelsOf, orderOf } from './order.ts';
import type { Stat } from './statistics.ts';
import { centred, challenge, mae, plcc, rmse, srcc } from './statistics.ts';

/** A statistic of predictions against opinion scores. */
export type Statistic = (predictions: Numbers, mos: Numbers) => Stat;

/** A statistic of all clips, and of all but each block. */
export interface LeaveOneOut {
  /** Of all clips. */
  value: number;
  /** Of all but the clips of each block. */
  without: Float64Array;
}

/** Values without each block; NaN where the statistic is undefined. */
type Form = (predictions: Numbers, mos: Numbers, blocks: Blocks) => Float64Array;

/** Those that have a form of their own. */
const forms = new Map<Statistic, Form>([
  [srcc, srccWithout],
  [plcc, plccWithout],
  [krcc, krccWithout],
  [challenge, challengeWithout],
  [rmse, (x, y, blocks) => meanWithout(x, y, blocks, (d) => d * d, Math.sqrt)],
  [mae, (x, y, blocks) => meanWithout(x, y, blocks, Math.abs, (mean) => mean)],
]);

/**
 * Leaves out each block in turn. For n clips and B blocks SRCC costs O(n log n + n B), KRCC O(n log n), PLCC, RMSE and MAE O(n);
 * another function is called with the clips written out.
 * @param statistic - one of this layer's, or any other
 * @param predictions - scores
 * @param mos - opinion scores, as many
 * @param blocks - which clips are left out together
 * @returns null where the statistic, or one without a block, is undefined
 */
export function leaveOneOut(
  statistic: Statistic,
  predictions: Numbers,
  mos: Numbers,
  blocks: Blocks,
): LeaveOneOut | null {
  const whole = statistic(predictions, mos);
  if (!whole.defined) return null;
  const form = forms.get(statistic) ?? writtenOut(statistic);
  const without = form(predictions, mos, blocks);
  return without.every(Number.isFinite) ? { value: whole.value, without } : null;
}

/** The clips outside a block, written out. */
function others({ of }: Blocks, block: number, values: Numbers): Float64Array {
  return Float64Array.from(values).filter((_, i) => of[i] !== block);
}

function writtenOut(statistic: Statistic): Form {
  return (x, y, blocks) =>
    Float64Array.from({ length: blocks.count }, (_, block) => {
      const stat = statistic(others(blocks, block, x), others(blocks, block, y));
      return stat.defined ? stat.value : NaN;
    });
}

/** Less of the sum of squares than this share is left by rounding alone: then the clips are written out. */
const LEAST_LEFT = 1e-6;

function plccWithout(predictions: Numbers, mos: Numbers, blocks: Blocks): Float64Array {
  const n = mos.length;
  const [x, y] = [centred(predictions), centred(mos)];
  const out = new Float64Array(blocks.count).fill(NaN);
  if (x === null || y === null) return out;
  let [allXY, allXX, allYY] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    allXY += x[i]! * y[i]!;
    allXX += x[i]! * x[i]!;
    allYY += y[i]! * y[i]!;
  }
  for (let block = 0; block < blocks.count; block++) {
    const [start, end] = [blocks.starts[block]!, blocks.starts[block + 1]!];
    const left = n - (end - start);
    if (left < 2) continue;
    let [sumX, sumY, xy, xx, yy] = [0, 0, allXY, allXX, allYY];
    for (let k = start; k < end; k++) {
      const [dx, dy] = [x[blocks.members[k]!]!, y[blocks.members[k]!]!];
      sumX += dx;
      sumY += dy;
      xy -= dx * dy;
      xx -= dx * dx;
      yy -= dy * dy;
    }
    // All sum to zero, so the others sum to minus the block's.
    xy -= (sumX * sumY) / left;
    xx -= (sumX * sumX) / left;
    yy -= (sumY * sumY) / left;
    if (xx > LEAST_LEFT * allXX && yy > LEAST_LEFT * allYY) out[block] = ratio(xy, xx, yy);
    else {
      const stat = plcc(others(blocks, block, predictions), others(blocks, block, mos));
      if (stat.defined) out[block] = stat.value;
    }
  }
  return out;
}

/** Ranks of those that are left follow from how many were taken out below each level. */
function srccWithout(predictions: Numbers, mos: Numbers, blocks: Blocks): Float64Array {
  const order = orderOf(predictions);
  const [x, y] = [levelled(predictions, order), levelled(mos, orderOf(mos))];
  // In the order of the predictions, so that only what is looked up for the opinion scores jumps about.
  const sortedX = order.map((i) => x.of[i]!);
  const sortedY = order.map((i) => y.of[i]!);
  return Float64Array.from({ length: blocks.count }, (_, block) => {
    const own = blocks.members.subarray(blocks.starts[block], blocks.starts[block + 1]);
    const [xx, yy] = [x.rankWithout(own), y.rankWithout(own)];
    let xy = 0;
    for (let i = 0; i < sortedX.length; i++) xy += x.rank[sortedX[i]!]! * y.rank[sortedY[i]!]!;
    for (const i of own) xy -= x.rank[x.of[i]!]! * y.rank[y.of[i]!]!;
    return ratio(xy, xx, yy);
  });
}

/** Numbers on levels, with room for the ranks of what is left. */
interface Levelled {
  of: Uint32Array;
  rank: Float64Array;
  /** Writes each level's mean rank less the mean of all ranks; returns the sum of their squares over what is left. */
  rankWithout: (own: Uint32Array) => number;
}

function levelled(values: Numbers, order: Uint32Array): Levelled {
  const { of, counts } = levelsOf(values, order);
  const rank = new Float64Array(counts.length);
  const left = counts.slice();
  const rankWithout = (own: Uint32Array): number => {
    for (const i of own) left[of[i]!]!--;
    const total = values.length - own.length;
    let [below, squares] = [0, 0];
    for (let level = 0; level < left.length; level++) {
      const here = left[level]!;
      const middle = below + (here - total) / 2;
      rank[level] = middle;
      squares += here * middle * middle;
      below += here;
    }
    for (const i of own) left[of[i]!]!++;
    return squares;
  };
  return { of, rank, rankWithout };
}

function challengeWithout(predictions: Numbers, mos: Numbers, blocks: Blocks): Float64Array {
  const linear = plccWithout(predictions, mos, blocks);
  return srccWithout(predictions, mos, blocks).map((rank, block) => (rank + linear[block]!) / 2);
}

function meanWithout(
  predictions: Numbers,
  mos: Numbers,
  blocks: Blocks,
  cost: (difference: number) => number,
  finish: (mean: number) => number,
): Float64Array {
  const sums = new Float64Array(blocks.count);
  let total = 0;
  for (let i = 0; i < mos.length; i++) {
    const own = cost(predictions[i]! - mos[i]!);
    sums[blocks.of[i]!]! += own;
    total += own;
  }
  return sums.map((sum, block) => {
    const left = mos.length - (blocks.starts[block + 1]! - blocks.starts[block]!);
    if (left === 0) return NaN;
    let rest = total - sum;
    if (rest <= LEAST_LEFT * total) {
      rest = 0;
      for (let i = 0; i < mos.length; i++) if (blocks.of[i] !== block) rest += cost(predictions[i]! - mos[i]!);
    }
    return finish(rest / left);
  });
}

/** A correlation from its sums of products; NaN when nothing differs any more. */
function ratio(xy: number, xx: number, yy: number): number {
  const norm = Math.sqrt(xx) * Math.sqrt(yy);
  return norm > 0 ? Math.max(-1, Math.min(1, xy / norm)) : NaN;
}
