// Which clips a set has: photograph, part, scores and votes of each. A pure function of the photographs' names and the seed.
import { randomStream } from '../../src/core/index.ts';
import type { SetClip } from '../sets/photographs.ts';
import { dealPhotographs, parts } from '../sets/photographs.ts';
import type { SubScores } from './quality.ts';
import { drawSubScores, overallOf } from './quality.ts';
import type { Rater } from './raters.ts';
import { votesOn } from './raters.ts';

/** A clip that is to be made. */
export interface PlannedClip extends SetClip {
  /** Its scores by fault. */
  scores: SubScores;
  /** {@link overallOf} these, 10–50. */
  overall: number;
  /** For each rater a vote of 1–5, or null. */
  votes: (number | null)[];
}

/**
 * The clips of a set.
 * @param photographs - their names, at least five; with fewer clips than photographs some are not used
 * @param options - number of clips, at least 10; seed; the raters
 */
export function planClips(
  photographs: readonly string[],
  { count, seed, raters }: { count: number; seed: number; raters: readonly Rater[] },
): PlannedClip[] {
  return dealPhotographs(photographs, { count, seed }).map((clip) => {
    const scores = drawSubScores(randomStream(seed, 2, clip.index));
    const overall = overallOf(scores);
    return { ...clip, scores, overall, votes: votesOn(overall / 10, raters, seed, clip.index) };
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
