// Which photograph each clip of a set shows, and which part of the set that photograph is in.
import { invariant, shuffledIndices } from '../../src/core/index.ts';

/** Parts of a set, and the shares of the photographs that two of them get; the rest is for fitting. */
export const parts = ['fit', 'select', 'report'] as const;
const [SELECT, REPORT] = [0.15, 0.25];

/** Least number of clips: each part has two, so that there is another one to take a file from. */
export const LEAST_CLIPS = 10;

/** A clip of a set. */
export interface SetClip {
  /** Its number, from 0. */
  index: number;
  /** File, relative to the set's folder. */
  file: string;
  /** Name of its photograph. */
  photograph: string;
  /** Its part; clips of one photograph are all in one. */
  split: (typeof parts)[number];
}

/**
 * Gives each clip a photograph. Photographs are gone through in a random order, again and again, so that each has about as many clips.
 * @param photographs - their names, at least five; with fewer clips than photographs some are not used
 * @param options - number of clips, at least {@link LEAST_CLIPS}; seed
 */
export function dealPhotographs(
  photographs: readonly string[],
  { count, seed }: { count: number; seed: number },
): SetClip[] {
  invariant(photographs.length >= 5 && count >= LEAST_CLIPS, `${count} clips of ${photographs.length} photographs`);
  const used = shuffledIndices(photographs.length, seed, 1)
    .slice(0, count)
    .map((i) => photographs[i]!);
  const share = (of: number): number => Math.max(1, Math.round(of * used.length));
  const [numSelect, numReport] = [share(SELECT), share(REPORT)];
  const digits = String(count - 1).length;
  return Array.from({ length: count }, (_, index) => {
    const place = index % used.length;
    return {
      index,
      file: `clips/${String(index).padStart(digits, '0')}.mp4`,
      photograph: used[place]!,
      split: place < numSelect ? 'select' : place < numSelect + numReport ? 'report' : 'fit',
    };
  });
}
