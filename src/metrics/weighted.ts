// Statistics of clips that each count several times: what a bootstrap asks for. Sorting is done once, not once a resample.
import { krcc } from './kendall.ts';
import type { Numbers } from './order.ts';
import { levelsOf, orderOf } from './order.ts';
import type { Stat } from './statistics.ts';
import { centred, challenge, mae, plcc, rmse, srcc, whyUnusable } from './statistics.ts';

/** A statistic of predictions against opinion scores. */
export type Statistic = (predictions: Numbers, mos: Numbers) => Stat;

/**
 * A statistic of fixed predictions and opinion scores in which clip i counts `counts[i]` times.
 * It gives null where the statistic is undefined.
 */
export type WeightedStatistic = (counts: Uint32Array) => number | null;

/** Those that have a form of their own; each resample costs O(n), and O(n log n) for KRCC. */
const forms = new Map<Statistic, (predictions: Numbers, mos: Numbers) => WeightedStatistic>([
  [srcc, weightedSrcc],
  [plcc, weightedPlcc],
  [krcc, weightedKrcc],
  [challenge, weightedChallenge],
  [rmse, (x, y) => weightedMean(x, y, (d) => d * d, Math.sqrt)],
  [mae, (x, y) => weightedMean(x, y, Math.abs, (mean) => mean)],
]);

/**
 * Prepares a statistic for many resamples of the same clips.
 * @param statistic - one of this layer's, which are fast, or any other function, which is called with the clips written out
 * @param predictions - scores
 * @param mos - opinion scores, as many
 * @returns the statistic as a function of how often each clip counts; null for numbers that are not finite
 */
export function weighted(statistic: Statistic, predictions: Numbers, mos: Numbers): WeightedStatistic {
  if (whyUnusable(predictions, mos, 1) !== null) return () => null;
  const form = forms.get(statistic);
  return form === undefined ? writtenOut(statistic, predictions, mos) : form(predictions, mos);
}

function writtenOut(statistic: Statistic, predictions: Numbers, mos: Numbers): WeightedStatistic {
  return (counts) => {
    const total = counts.reduce((sum, count) => sum + count, 0);
    const [x, y] = [new Float64Array(total), new Float64Array(total)];
    let at = 0;
    for (let i = 0; i < counts.length; i++) {
      x.fill(predictions[i]!, at, at + counts[i]!);
      y.fill(mos[i]!, at, at + counts[i]!);
      at += counts[i]!;
    }
    const stat = statistic(x, y);
    return stat.defined ? stat.value : null;
  };
}

function weightedPlcc(predictions: Numbers, mos: Numbers): WeightedStatistic {
  const [x, y] = [centred(predictions), centred(mos)];
  if (x === null || y === null) return () => null;
  return (w) => {
    let [total, sumX, sumY] = [0, 0, 0];
    let [lowX, highX, lowY, highY] = [1, -1, 1, -1];
    for (let i = 0; i < w.length; i++) {
      if (w[i] === 0) continue;
      total += w[i]!;
      sumX += w[i]! * x[i]!;
      sumY += w[i]! * y[i]!;
      if (x[i]! < lowX) lowX = x[i]!;
      if (x[i]! > highX) highX = x[i]!;
      if (y[i]! < lowY) lowY = y[i]!;
      if (y[i]! > highY) highY = y[i]!;
    }
    if (lowX >= highX || lowY >= highY) return null;
    const [meanX, meanY] = [sumX / total, sumY / total];
    let [xy, xx, yy] = [0, 0, 0];
    for (let i = 0; i < w.length; i++) {
      const [dx, dy] = [x[i]! - meanX, y[i]! - meanY];
      xy += w[i]! * dx * dy;
      xx += w[i]! * dx * dx;
      yy += w[i]! * dy * dy;
    }
    return ratio(xy, xx, yy);
  };
}

/** The ranks of a resample follow from how many clips it has at each level. */
function weightedSrcc(predictions: Numbers, mos: Numbers): WeightedStatistic {
  const [x, y] = [levels(predictions), levels(mos)];
  return (w) => {
    const [xx, yy] = [middleRanks(x, w), middleRanks(y, w)];
    let xy = 0;
    for (let i = 0; i < w.length; i++) xy += w[i]! * x.rank[x.of[i]!]! * y.rank[y.of[i]!]!;
    return ratio(xy, xx, yy);
  };
}

/** Levels of numbers, with room for the counts and the mean ranks of a resample. */
interface Room {
  of: Uint32Array;
  count: Uint32Array;
  rank: Float64Array;
}

function levels(values: Numbers): Room {
  const { of, counts } = levelsOf(values, orderOf(values));
  return { of, count: new Uint32Array(counts.length), rank: new Float64Array(counts.length) };
}

/** Writes each level's mean rank less the mean of all ranks; returns the sum of their squares over the resample. */
function middleRanks({ of, count, rank }: Room, w: Uint32Array): number {
  count.fill(0);
  let total = 0;
  for (let i = 0; i < w.length; i++) {
    count[of[i]!]! += w[i]!;
    total += w[i]!;
  }
  let [below, squares] = [0, 0];
  for (let level = 0; level < count.length; level++) {
    const here = count[level]!;
    const middle = below + (here - total) / 2;
    rank[level] = middle;
    squares += here * middle * middle;
    below += here;
  }
  return squares;
}

/** Tau-b; a clip and its own copy are tied in both. Pairs are counted with a Fenwick tree over the levels of the opinion scores. */
function weightedKrcc(predictions: Numbers, mos: Numbers): WeightedStatistic {
  const [x, y] = [levels(predictions), levels(mos)];
  const order = orderOf(predictions);
  const size = y.count.length;
  const tree = new Uint32Array(size + 1);
  return (w) => {
    tree.fill(0);
    y.count.fill(0);
    let [seen, score, tiedX] = [0, 0, 0];
    for (let start = 0; start < order.length;) {
      const level = x.of[order[start]!]!;
      let end = start;
      // First all of a level of x are compared with what lies below it, then they join it: so ties in x count as no pair.
      for (; end < order.length && x.of[order[end]!] === level; end++) {
        const count = w[order[end]!]!;
        if (count === 0) continue;
        const at = y.of[order[end]!]!;
        let below = 0;
        for (let k = at; k > 0; k -= k & -k) below += tree[k]!;
        score += count * (below - (seen - below - y.count[at]!));
      }
      let here = 0;
      for (let i = start; i < end; i++) {
        const count = w[order[i]!]!;
        if (count === 0) continue;
        const at = y.of[order[i]!]!;
        y.count[at]! += count;
        for (let k = at + 1; k <= size; k += k & -k) tree[k]! += count;
        here += count;
      }
      seen += here;
      tiedX += (here * (here - 1)) / 2;
      start = end;
    }
    let tiedY = 0;
    for (const count of y.count) tiedY += (count * (count - 1)) / 2;
    const pairs = (seen * (seen - 1)) / 2;
    return ratio(score, pairs - tiedX, pairs - tiedY);
  };
}

function weightedChallenge(predictions: Numbers, mos: Numbers): WeightedStatistic {
  const [rank, linear] = [weightedSrcc(predictions, mos), weightedPlcc(predictions, mos)];
  return (counts) => {
    const [a, b] = [rank(counts), linear(counts)];
    return a === null || b === null ? null : (a + b) / 2;
  };
}

function weightedMean(
  predictions: Numbers,
  mos: Numbers,
  cost: (difference: number) => number,
  finish: (mean: number) => number,
): WeightedStatistic {
  const costs = Float64Array.from(mos, (v, i) => cost(predictions[i]! - v));
  return (w) => {
    let [total, sum] = [0, 0];
    for (let i = 0; i < w.length; i++) {
      total += w[i]!;
      sum += w[i]! * costs[i]!;
    }
    const value = finish(sum / total);
    return Number.isFinite(value) ? value : null;
  };
}

/** A correlation from its sums of products; null when squares of what little differs come out as zero. */
function ratio(xy: number, xx: number, yy: number): number | null {
  const norm = Math.sqrt(xx) * Math.sqrt(yy);
  return norm > 0 ? Math.max(-1, Math.min(1, xy / norm)) : null;
}
