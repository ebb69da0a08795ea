// Which clips a set has: photograph, part, scores and votes of each. A pure function of the photographs' names and the seed.
import { invariant, randomStream, shuffledIndices } from '../../src/core/index.ts';
import type { SubScores } from './quality.ts';
import { drawSubScores, overallOf } from './quality.ts';
import type { Rater } from './raters.ts';
import { votesOn } from './raters.ts';

/** Parts of a set, and the shares of the photographs that two of them get; the rest is for fitting. */
export const parts = ['fit', 'select', 'report'] as const;
const [SELECT, REPORT] = [0.15, 0.25];

/** Least number of clips: each part has two, so that there is another one to take a file from. */
export const LEAST_CLIPS = 10;

/** A clip that is to be made. */
export interface PlannedClip {
  /** Its number, from 0. */
  index: number;
  /** File, relative to the set's folder. */
  file: string;
  /** Name of its photograph. */
  photograph: string;
  /** Its part; clips of one photograph are all in one. */
  split: (typeof parts)[number];
  /** Its scores by fault. */
  scores: SubScores;
  /** {@link overallOf} these, 10–50. */
  overall: number;
  /** For each rater a vote of 1–5, or null. */
  votes: (number | null)[];
}

/**
 * The clips of a set. Photographs are gone through in a random order, again and again, so that each has about as many clips.
 * @param photographs - their names, at least five; with fewer clips than photographs some are not used
 * @param options - number of clips, at least {@link LEAST_CLIPS}; seed; the raters
 */
export function planClips(
  photographs: readonly string[],
  { count, seed, raters }: { count: number; seed: number; raters: readonly Rater[] },
): PlannedClip[] {
  invariant(photographs.length >= 5 && count >= LEAST_CLIPS, `${count} clips of ${photographs.length} photographs`);
  const used = shuffledIndices(photographs.length, seed, 1)
    .slice(0, count)
    .map((i) => photographs[i]!);
  const share = (of: number): number => Math.max(1, Math.round(of * used.length));
  const [numSelect, numReport] = [share(SELECT), share(REPORT)];
  const digits = String(count - 1).length;
  return Array.from({ length: count }, (_, index) => {
    const place = index % used.length;
    const scores = drawSubScores(randomStream(seed, 2, index));
    const overall = overallOf(scores);
    return {
      index,
      file: `clips/${String(index).padStart(digits, '0')}.mp4`,
      photograph: used[place]!,
      split: place < numSelect ? 'select' : place < numSelect + numReport ? 'report' : 'fit',
      scores,
      overall,
      votes: votesOn(overall / 10, raters, seed, index),
    };
  });
}

/**
 * For each clip another one of its part, of another photograph where the part has two; each is taken once.
 * @param clips - of a plan
 * @returns in the order of the clips
 */
export function shuffledWithin(clips: readonly PlannedClip[]): PlannedClip[] {
  const other = new Map<PlannedClip, PlannedClip>();
  for (const part of parts) {
    const members = clips.filter(({ split }) => split === part);
    const sizes = new Map<string, number>();
    for (const { photograph } of members) sizes.set(photograph, (sizes.get(photograph) ?? 0) + 1);
    const ordered = [...sizes.keys()].flatMap((name) => members.filter(({ photograph }) => photograph === name));
    // One step past the largest photograph's clips leads out of any photograph.
    const step = sizes.size > 1 ? Math.max(...sizes.values()) : 1;
    ordered.forEach((clip, i) => other.set(clip, ordered[(i + step) % ordered.length]!));
  }
  return clips.map((clip) => other.get(clip)!);
}
