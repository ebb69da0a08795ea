// Kendall's rank correlation with ties, in O(n log n).
import type { Numbers } from './order.ts';
import { denseRanks, orderOf } from './order.ts';
import type { Stat } from './statistics.ts';
import { defined, undefinedBecause, whyUndefined } from './statistics.ts';

/**
 * Kendall's tau-b (Kendall 1945, computed as in Knight 1966): concordant minus discordant pairs over the geometric mean of the
 * pairs that are not tied in one and in the other.
 * @param predictions - scores
 * @param mos - opinion scores, as many
 * @returns −1 to 1; undefined for fewer than two clips, equal or infinite numbers
 */
export function krcc(predictions: Numbers, mos: Numbers): Stat {
  const reason = whyUndefined(predictions, mos);
  if (reason !== null) return undefinedBecause(reason);
  const n = mos.length;
  const byY = orderOf(mos);
  const x = denseRanks(predictions, orderOf(predictions));
  const y = denseRanks(mos, byY);
  // Sorted by x, then by y.
  const byX = stableOrder(x, byY);
  const pairs = (k: number): number => (k * (k - 1)) / 2;
  let [tiedX, tiedBoth] = [0, 0];
  for (let start = 0; start < n;) {
    let end = start + 1;
    while (end < n && x[byX[end]!] === x[byX[start]!]) end++;
    tiedX += pairs(end - start);
    for (let a = start; a < end;) {
      let b = a + 1;
      while (b < end && y[byX[b]!] === y[byX[a]!]) b++;
      tiedBoth += pairs(b - a);
      a = b;
    }
    start = end;
  }
  let tiedY = 0;
  for (let start = 0; start < n;) {
    let end = start + 1;
    while (end < n && y[byY[end]!] === y[byY[start]!]) end++;
    tiedY += pairs(end - start);
    start = end;
  }
  const inOrder = new Uint32Array(n);
  for (let i = 0; i < n; i++) inOrder[i] = y[byX[i]!]!;
  const swaps = countSwaps(inOrder);
  const total = pairs(n);
  const score = total - tiedX - tiedY + tiedBoth - 2 * swaps;
  // Rounding of the roots may lead past the ends.
  return defined(Math.max(-1, Math.min(1, score / (Math.sqrt(total - tiedX) * Math.sqrt(total - tiedY)))));
}

/** Sorts positions by a key of small integers, keeping the given order among equals (counting sort). */
function stableOrder(keys: Uint32Array, order: Uint32Array): Uint32Array {
  const starts = new Uint32Array(keys.length + 1);
  for (let i = 0; i < keys.length; i++) starts[keys[i]! + 1]!++;
  for (let i = 1; i < starts.length; i++) starts[i]! += starts[i - 1]!;
  const out = new Uint32Array(order.length);
  for (let i = 0; i < order.length; i++) out[starts[keys[order[i]!]!]!++] = order[i]!;
  return out;
}

/** Pairs in the wrong order: the exchanges of a merge sort. */
function countSwaps(values: Uint32Array): number {
  let from = values.slice();
  let to = new Uint32Array(values.length);
  let swaps = 0;
  for (let width = 1; width < values.length; width *= 2) {
    for (let low = 0; low < values.length; low += 2 * width) {
      const middle = Math.min(low + width, values.length);
      const high = Math.min(low + 2 * width, values.length);
      let i = low;
      let j = middle;
      for (let k = low; k < high; k++) {
        if (i < middle && (j >= high || from[i]! <= from[j]!)) to[k] = from[i++]!;
        else {
          swaps += middle - i;
          to[k] = from[j++]!;
        }
      }
    }
    [from, to] = [to, from];
  }
  return swaps;
}
