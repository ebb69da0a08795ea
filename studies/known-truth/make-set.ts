// Writes a set: clips, table, table of shuffled clips, and what is true of them.
import { readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { existsSync } from 'node:fs';
import pMap from 'p-map';
import sharp from 'sharp';
import { UserError, oneLine, show, shuffledIndices } from '../../src/core/index.ts';
import { formatCsv } from '../../src/dataset/index.ts';
import { acquireLock, isLeftover, makeFolder, readJson, sha256File, writeFileAtomic } from '../../src/files/index.ts';
import { findPhotographs } from '../../src/quickstart/index.ts';
import { openPhoto, writeClip } from '../../src/synthesis/index.ts';
import type { RgbFrame } from '../../src/video/index.ts';
import { FPS, LEAST_SIDE, NUM_FRAMES, SIZE, faultFormulas, knownFrames } from './frames.ts';
import type { PlannedClip } from './plan.ts';
import { LEAST_CLIPS, parts, planClips, shuffledWithin } from './plan.ts';
import { overallFormula } from './quality.ts';
import type { Rater } from './raters.ts';
import { drawRaters, voteDeviation, voteFormula } from './raters.ts';

/** Number of what a seed gives: it changes with any formula. */
const VERSION = 2;
/** Clips of a photograph where their number is not said. */
const CLIPS_A_PHOTOGRAPH = 8;
/** Rate factor at which libx264 loses nothing: a clip has no fault of another kind, and its first frame does not depend on later ones. */
const LOSSLESS = 0;

/** What {@link makeSet} needs. */
export interface SetOptions {
  /** Folder that is written; gone on with where it was stopped. */
  folder: string;
  /** Folder of at least five photographs of {@link LEAST_SIDE} pixels on each side. */
  pictures: string;
  /** Number of clips, at least {@link LEAST_CLIPS}; default: eight a photograph. */
  count?: number;
  /** Fixes everything; default 0. */
  seed?: number;
  /** Told how many clips are there. */
  onProgress?: (done: number, total: number) => void;
  /** Told what in the folder of photographs is passed over. */
  onNote?: (text: string) => void;
}

/** What was written. */
export interface MadeSet {
  /** The table. */
  manifest: string;
  /** The table with each label beside another clip's file. */
  shuffled: string;
  /** What is true of them. */
  truth: string;
  /** Number of clips in all, and of those that were made now. */
  clips: number;
  made: number;
  /** Photographs that are used. */
  photographs: number;
  /** Clips of each part. */
  splits: Record<PlannedClip['split'], number>;
}

/**
 * Makes a set. Clips that are there are not made again. The same photographs, number and seed give the same bytes on one machine.
 * @param options - folder, photographs, number of clips, seed
 * @throws UserError `bad-input` for photographs that are too few or too small, and a folder that holds something else
 */
export async function makeSet(options: SetOptions): Promise<MadeSet> {
  const { folder, pictures, seed = 0, onProgress = () => {}, onNote = () => {} } = options;
  const { byName, passedOver } = await findPhotographs(pictures);
  for (const line of passedOver) onNote(line);
  const { count = CLIPS_A_PHOTOGRAPH * byName.size } = options;
  if (count < LEAST_CLIPS) throw new UserError('bad-input', `count: expected at least ${LEAST_CLIPS}, got ${count}`);
  const all = [...byName.keys()].sort();
  await requireSizes([...byName.values()]);
  const raters = drawRaters(seed);
  const photographs = await pMap(all, async (name) => [name, await sha256File(byName.get(name)!)] as const, {
    concurrency: 8,
  });
  await makeFolder(folder);
  await using lock = await acquireLock(join(folder, LOCK), folder);
  await requireOurs(folder);
  const truth = join(folder, TRUTH);
  const settings = { version: VERSION, seed, count, photographs: Object.fromEntries(photographs) };
  await requireSame(truth, settings);
  await writeFileAtomic(truth, `${JSON.stringify({ ...settings, ...knowledge(raters) }, null, 2)}\n`);
  await makeFolder(join(folder, 'clips'));

  const clips = planClips(all, { count, seed, raters });
  const missing = clips.filter(({ file }) => !existsSync(join(folder, file)));
  let done = clips.length - missing.length;
  onProgress(done, clips.length);
  // By photograph, so that each is decoded once.
  const names = [...new Set(missing.map(({ photograph }) => photograph))];
  await pMap(
    names,
    async (name) => {
      const photo = await openPhoto(byName.get(name)!);
      for (const { file, scores, index } of missing.filter(({ photograph }) => photograph === name)) {
        const frames = await knownFrames(photo, scores, [seed, index]);
        await writeKnownClip(join(folder, file), frames);
        onProgress(++done, clips.length);
      }
    },
    { concurrency: availableParallelism() },
  );
  await lock.requireHeld();

  const [manifest, shuffled] = [join(folder, 'manifest.csv'), join(folder, 'shuffled.csv')];
  await writeFileAtomic(manifest, tableOf(clips, clips, raters));
  await writeFileAtomic(shuffled, tableOf(clips, shuffledWithin(clips), raters));
  const splits = Object.fromEntries(parts.map((part) => [part, clips.filter(({ split }) => split === part).length]));
  return {
    manifest,
    shuffled,
    truth,
    clips: clips.length,
    made: missing.length,
    photographs: new Set(clips.map(({ photograph }) => photograph)).size,
    splits: splits as MadeSet['splits'],
  };
}

/**
 * Writes the frames of a clip, all of them as they are but for the half resolution of colour.
 * @param path - the file
 * @param frames - from `knownFrames`
 */
export function writeKnownClip(path: string, frames: readonly RgbFrame[]): Promise<void> {
  return writeClip(path, frames, { fps: FPS, crf: LOSSLESS });
}

const [TRUTH, LOCK] = ['truth.json', 'known-truth.lock'];

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

/** Photographs that are too small are named before anything is made. */
async function requireSizes(paths: readonly string[]): Promise<void> {
  await pMap(
    paths,
    async (path) => {
      const { width, height } = (await sharp(path).metadata()).autoOrient;
      if (Math.min(width, height) >= LEAST_SIDE) return;
      const [least, got] = [`${LEAST_SIDE}×${LEAST_SIDE}`, `${width}×${height}`];
      throw new UserError('bad-input', `${oneLine(path)}: expected at least ${least} pixels, got ${got}`, {
        hint: 'Move it out of the folder, or take a larger version of it.',
      });
    },
    { concurrency: 8 },
  );
}

/** A folder is empty, or not there, or a set. */
async function requireOurs(folder: string): Promise<void> {
  if (existsSync(join(folder, TRUTH))) return;
  const others = (await readdir(folder)).filter((name) => name !== LOCK && !isLeftover(name));
  if (others.length === 0) return;
  throw new UserError(
    'bad-input',
    `${folder}: expected an empty folder or a known-truth set, got ${show(others[0]!)}`,
    {
      hint: 'Choose another --out.',
    },
  );
}

/** A set that was begun goes on with what it was begun with. */
async function requireSame(file: string, settings: Record<string, unknown>): Promise<void> {
  const before = (await readJson(file)) as Record<string, unknown> | undefined;
  if (before === undefined) return;
  const other = Object.keys(settings).find((key) => JSON.stringify(before[key]) !== JSON.stringify(settings[key]));
  if (other === undefined) return;
  const isShort = other !== 'photographs';
  const [expected, got] = isShort
    ? [`${show(before[other])}, with which the set was begun`, show(settings[other])]
    : ['those with which the set was begun', 'others'];
  throw new UserError('bad-input', `${file}: ${other}: expected ${expected}, got ${got}`, {
    hint: 'Say the same, or choose another --out.',
  });
}
