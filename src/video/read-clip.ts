// One clip from file to resized frames and plan; runs in the decoding child process.
import { createHash } from 'node:crypto';
import type { FilePlace, MediaFile } from '../media/index.ts';
import { inspectFile, noteOf, readingOf } from '../media/index.ts';
import type { FfmpegPrograms } from './ffmpeg/run.ts';
import { withNodeAv } from './node-av.ts';
import type { ReadOptions } from './picks.ts';
import { shrink } from './resize.ts';
import type { Taken } from './taken.ts';
import type { ClipInput, DecodeLimits, FramePlan, RgbFrame } from './types.ts';

/** What the child process hands back of a clip. */
export interface ReadClip {
  /** What was taken. */
  plan: FramePlan;
  /** The resized frames, in order. */
  frames: RgbFrame[];
  /** Seconds per step of the grid in time; undefined where the model takes images. */
  secondsPerGrid: number | undefined;
}

/**
 * Reads a clip.
 * @param options - which frames, at which size
 * @param limits - what it may cost
 * @param how - where the file is, if elsewhere than its path says; the programs that decode it, if not node-av
 * @returns frames and plan
 * @throws UserError `unreadable-media`
 */
export async function readClip(
  clip: ClipInput,
  options: ReadOptions,
  limits: DecodeLimits,
  { place, programs }: { place?: FilePlace | undefined; programs?: FfmpegPrograms | undefined } = {},
): Promise<ReadClip> {
  const file = await inspectFile(clip.path, limits.maxBytes, place);
  // Each decoder is loaded when first needed.
  const take = await takerOf(file, clip.kind, programs);
  const { rgb: frames, ...rest } = await take(file, options, limits);
  const { width, height } = frames[0]!;
  const as = frames.length === 1 ? 'image' : options.as;
  const hash = createHash('sha256');
  for (const { data } of frames) hash.update(data);
  const plan: FramePlan = { path: clip.path, ...rest, width, height, as, sha256: hash.digest('hex') };
  if (as !== 'video') return { plan, frames, secondsPerGrid: undefined };
  const padding = (options.temporalPatchSize - (frames.length % options.temporalPatchSize)) % options.temporalPatchSize;
  if (padding > 0) plan.notes.push(noteOf('padding', padding));
  return { plan, frames, secondsPerGrid: (options.temporalPatchSize * plan.duration!) / frames.length };
}

type Take = (file: MediaFile, options: ReadOptions, limits: DecodeLimits) => Promise<Taken>;

async function takerOf(file: MediaFile, kind: ClipInput['kind'], programs?: FfmpegPrograms): Promise<Take> {
  if (readingOf(file, kind) === 'still') return takeStill;
  if (file.format === 'animatedWebp') return (await import('./take-pages.ts')).takePages;
  if (programs === undefined) return (await withNodeAv(() => import('./take-film.ts'))).takeFilm;
  const { takeFilm } = await import('./ffmpeg/take-film.ts');
  return async (...asked) => ({ ...(await takeFilm(...asked, programs)), decoder: programs.name });
}

async function takeStill(file: MediaFile, options: ReadOptions, limits: DecodeLimits): Promise<Taken> {
  const { readStill } = await import('./still.ts');
  const { frame, colour, corrections, notes } = await readStill(file, {
    maxPixels: limits.maxPixels,
    profile: options.profile ?? 'ignore',
  });
  return {
    frames: [{ index: 0, seconds: null }],
    sourceWidth: frame.width,
    sourceHeight: frame.height,
    numFrames: 1,
    duration: null,
    fps: null,
    timing: 'none',
    colour,
    corrections,
    notes,
    rgb: [shrink(frame, file.name, options, 'image')],
  };
}
