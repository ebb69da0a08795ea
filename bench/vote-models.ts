// Plain mean, BT.500 and the model of P.910 on simulated votes of which the truth is known: which to use for how many votes.
// Run: npx tsx bench/vote-models.ts    (a minute; the numbers do not depend on the machine)
import { randomStream } from '../src/core/index.ts';
import { opinionScores, voteMethods } from '../src/metrics/index.ts';
import type { Votes } from '../src/metrics/index.ts';

const repetitions = 5;

/** Votes 1–5 in whole numbers: quality, bias (sd 0.4), inconsistency (0.4–1); a share of raters votes at random. */
function simulate(
  numClips: number,
  perClip: number,
  numRaters: number,
  atRandom: number,
  seed: number,
): { quality: number[]; votes: Votes } {
  const stream = randomStream(seed);
  const quality = Array.from({ length: numClips }, () => 1 + 4 * stream.uniform());
  const raters = Array.from({ length: numRaters }, () => ({
    bias: 0.4 * stream.normal(),
    spread: 0.4 + 0.6 * stream.uniform(),
    random: stream.uniform() < atRandom,
  }));
  const clipOf: number[] = [];
  const raterOf: number[] = [];
  const scores: number[] = [];
  for (const [j, q] of quality.entries()) {
    const chosen = new Set<number>();
    while (chosen.size < perClip) chosen.add(stream.below(numRaters));
    for (const i of chosen) {
      const { bias, spread, random } = raters[i]!;
      const vote = random ? 1 + 4 * stream.uniform() : q + bias + spread * stream.normal();
      clipOf.push(j);
      raterOf.push(i);
      scores.push(Math.min(5, Math.max(1, Math.round(vote))));
    }
  }
  const seen = [...new Set(raterOf)].sort((a, b) => a - b);
  const place = new Map(seen.map((i, p) => [i, p]));
  const votes = {
    clips: quality.map((_, j) => `c${j}`),
    raters: seen.map((i) => `r${i}`),
    clipOf: Int32Array.from(clipOf),
    raterOf: Int32Array.from(raterOf, (i) => place.get(i)!),
    scores: Float64Array.from(scores),
  };
  return { quality, votes };
}

/** Error up to a shift that all clips share, which no method can know. */
function error(mos: readonly (number | null)[], quality: readonly number[]): number {
  const off = mos.flatMap((m, j) => (m === null ? [] : [m - quality[j]!]));
  const middle = off.reduce((a, b) => a + b, 0) / off.length;
  return Math.sqrt(off.reduce((a, d) => a + (d - middle) ** 2, 0) / off.length);
}

console.log(['votes a clip', 'votes a rater', 'at random', ...voteMethods].join(' | '));
for (const [numClips, perClip, numRaters] of [
  [400, 5, 400],
  [400, 5, 100],
  [400, 10, 200],
  [400, 10, 100],
  [400, 15, 100],
  [80, 15, 15],
  [80, 24, 24],
] as const) {
  for (const atRandom of [0, 0.1]) {
    const sums = voteMethods.map(() => 0);
    for (let seed = 0; seed < repetitions; seed++) {
      const { quality, votes } = simulate(numClips, perClip, numRaters, atRandom, seed);
      for (const [m, method] of voteMethods.entries())
        sums[m]! +=
          error(
            opinionScores(votes, method).clips.map(({ mos }) => mos),
            quality,
          ) / repetitions;
    }
    const cells = [
      perClip,
      Math.round((numClips * perClip) / numRaters),
      atRandom,
      ...sums.map((sum) => sum.toFixed(3)),
    ];
    console.log(cells.join(' | '));
  }
}
