// Writes a set: clips, table, table of shuffled clips, and what is true of them.
import { join } from 'node:path';
import { shuffledIndices } from '../../src/core/index.ts';
import { formatCsv } from '../../src/dataset/index.ts';
import { writeClip } from '../../src/synthesis/index.ts';
import type { RgbFrame } from '../../src/video/index.ts';
import type { SetOptions, SetPlan, WrittenSet } from '../sets/write-set.ts';
import { writeSet } from '../sets/write-set.ts';
import { FPS, LEAST_SIDE, NUM_FRAMES, SIZE, faultFormulas, knownFrames } from './frames.ts';
import type { PlannedClip } from './plan.ts';
import { planClips, shuffledWithin } from './plan.ts';
import { overallFormula } from './quality.ts';
import type { Rater } from './raters.ts';
import { drawRaters, voteDeviation, voteFormula } from './raters.ts';

/** Number of what a seed gives: it changes with any formula. */
const VERSION = 2;
/** Rate factor at which libx264 loses nothing: a clip has no fault of another kind, and its first frame does not depend on later ones. */
const LOSSLESS = 0;

/** What was written. */
export interface MadeSet extends WrittenSet {
  /** The table. */
  manifest: string;
  /** The table with each label beside another clip's file. */
  shuffled: string;
}

/**
 * Makes a set. Clips that are there are not made again. The same photographs, number and seed give the same bytes on one machine.
 * @param options - folder, photographs of {@link LEAST_SIDE} pixels on each side, number of clips, seed
 * @throws UserError `bad-input` for photographs that are too few or too small, and a folder that holds something else
 */
export async function makeSet(options: SetOptions): Promise<MadeSet> {
  const made = await writeSet(options, LEAST_SIDE, [], (photographs, count, seed): SetPlan<PlannedClip> => {
    const raters = drawRaters(seed);
    const clips = planClips(photographs, { count, seed, raters });
    return {
      settings: { version: VERSION },
      truth: knowledge(raters),
      clips,
      write: async ({ file, scores, index }, photo, pathOf) =>
        writeKnownClip(pathOf(file), await knownFrames(photo, scores, [seed, index])),
      tables: {
        'manifest.csv': tableOf(clips, clips, raters),
        'shuffled.csv': tableOf(clips, shuffledWithin(clips), raters),
      },
    };
  });
  const [manifest, shuffled] = [join(options.folder, 'manifest.csv'), join(options.folder, 'shuffled.csv')];
  return { ...made, manifest, shuffled };
}

/**
 * Writes the frames of a clip, all of them as they are but for the half resolution of colour.
 * @param path - the file
 * @param frames - from `knownFrames`
 */
export function writeKnownClip(path: string, frames: readonly RgbFrame[]): Promise<void> {
  return writeClip(path, frames, { fps: FPS, crf: LOSSLESS });
}

/** What is true of every set of a seed. */
function knowledge(raters: readonly Rater[]): object {
  return {
    clips: { frames: NUM_FRAMES, fps: FPS, size: SIZE, faults: faultFormulas },
    overall: overallFormula,
    vote: voteFormula,
    voteDeviation: voteDeviation(raters),
    raters,
  };
}

/**
 * A table of clips.
 * @param labelled - whose labels are written
 * @param shown - whose file, photograph and prompt stand beside them, as many
 */
export function tableOf(
  labelled: readonly PlannedClip[],
  shown: readonly PlannedClip[],
  raters: readonly Rater[],
): string {
  const header = 'video,group,split,mos,blur,noise,compression,motion,mean,deviation,votes,vote,prompt'.split(',');
  const rows = labelled.map(({ index, split, overall, scores, votes }, i) => {
    const { file, photograph } = shown[i]!;
    const given = votes.filter((vote) => vote !== null);
    const mean = given.reduce((sum, vote) => sum + vote, 0) / given.length;
    const squares = given.reduce((sum, vote) => sum + (vote - mean) ** 2, 0);
    const std = Math.sqrt(squares / (given.length - 1));
    const { blur, noise, compression, motion } = scores;
    const labels = [blur, noise, compression, motion].map((score) => score.toFixed(3));
    const prompt = `a still camera looks at the photograph ${photograph}`;
    // The first rater in an order that is drawn for each clip.
    const one = shuffledIndices(votes.length, index, 8).find((rater) => votes[rater] !== null)!;
    const summary = [mean.toFixed(6), std.toFixed(6), String(given.length), String(votes[one])];
    const cells = votes.map((vote) => (vote === null ? '' : String(vote)));
    return [file, photograph, split, (overall / 10).toFixed(1), ...labels, ...summary, prompt, ...cells];
  });
  return formatCsv([...header, ...raters.map(({ name }) => name)], rows);
}
