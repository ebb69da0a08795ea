// Tau-b with each block of clips left out in turn, in O(n log n) for all blocks together.
import type { Blocks } from './blocks.ts';
import { pairCounts, pairs, tauB } from './kendall.ts';
import type { Levels, Numbers } from './order.ts';
import { levelsOf, orderOf } from './order.ts';

/**
 * Without a block, the pairs of its clips with all are gone: their scores, less the pairs within the block, which these count twice.
 * @param predictions - scores
 * @param mos - opinion scores, as many
 * @param blocks - which clips are left out together
 * @returns tau-b without each block; NaN where it is undefined
 */
export function krccWithout(predictions: Numbers, mos: Numbers, blocks: Blocks): Float64Array {
  const order = orderOf(predictions);
  const [x, y] = [levelsOf(predictions, order), levelsOf(mos, orderOf(mos))];
  const scores = scoresByClip(x, y, order);
  const all = pairCounts(predictions, mos);
  const [leftX, leftY] = [x.counts.slice(), y.counts.slice()];
  return Float64Array.from({ length: blocks.count }, (_, block) => {
    const own = blocks.members.subarray(blocks.starts[block], blocks.starts[block + 1]);
    let { score, tiedX, tiedY } = all;
    for (const i of own) {
      score -= scores[i]!;
      tiedX -= --leftX[x.of[i]!]!;
      tiedY -= --leftY[y.of[i]!]!;
    }
    for (const i of own) {
      leftX[x.of[i]!]!++;
      leftY[y.of[i]!]!++;
    }
    score += scoreWithin(x, y, own);
    const total = pairs(mos.length - own.length);
    if (tiedX >= total || tiedY >= total) return NaN;
    const stat = tauB(score, total - tiedX, total - tiedY);
    return stat.defined ? stat.value : NaN;
  });
}

/** For each clip, its concordant minus its discordant pairs: those with smaller predictions, then those with larger ones. */
function scoresByClip(x: Levels, y: Levels, order: Uint32Array): Float64Array {
  const scores = new Float64Array(order.length);
  for (const direction of [1, -1]) {
    const tree = new Uint32Array(y.counts.length + 1);
    const seenAt = new Uint32Array(y.counts.length);
    let seen = 0;
    for (let start = 0; start < order.length;) {
      const item = (k: number): number => order[direction === 1 ? k : order.length - 1 - k]!;
      const level = x.of[item(start)]!;
      let end = start;
      // First all of a level of x are compared with what lies beyond it, then they join it: so ties in x count as no pair.
      for (; end < order.length && x.of[item(end)] === level; end++) {
        const at = y.of[item(end)]!;
        let below = 0;
        for (let k = at; k > 0; k &= k - 1) below += tree[k]!;
        scores[item(end)]! += direction * (2 * below + seenAt[at]! - seen);
      }
      for (let i = start; i < end; i++) {
        const at = y.of[item(i)]!;
        seenAt[at]!++;
        for (let k = at + 1; k < tree.length; k += k & -k) tree[k]!++;
      }
      seen += end - start;
      start = end;
    }
  }
  return scores;
}

/** Up to so many clips, going through all pairs is the fastest. */
const FEW = 48;

function scoreWithin(x: Levels, y: Levels, own: Uint32Array): number {
  if (own.length > FEW) {
    return pairCounts(
      Float64Array.from(own, (i) => x.of[i]!),
      Float64Array.from(own, (i) => y.of[i]!),
    ).score;
  }
  let score = 0;
  for (let a = 1; a < own.length; a++) {
    for (let b = 0; b < a; b++) {
      const [i, j] = [own[a]!, own[b]!];
      score += Math.sign(x.of[i]! - x.of[j]!) * Math.sign(y.of[i]! - y.of[j]!);
    }
  }
  return score;
}
