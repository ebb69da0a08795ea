// From what a pass over a film found to what is said of it, whatever decoded it; and which frames are wanted of it.
import type { MediaFile, MediaNote } from '../media/index.ts';
import { noteOf, unreadable } from '../media/index.ts';
import type { FilmTiming } from './film-facts.ts';
import type { FilmPass, FilmTask } from './found-frames.ts';
import type { PacketSummary } from './listed-packet.ts';
import { pickFrames } from './picks.ts';
import type { ReadOptions } from './picks.ts';
import { timingOfGif, timingOfStamps } from './timing.ts';
import type { Timing } from './timing.ts';
import type { FramePlan, RgbFrame } from './types.ts';

/** What the decoders give: the plan but for what follows from the frames themselves. */
export type Taken = Omit<FramePlan, 'path' | 'width' | 'height' | 'as' | 'sha256'> & { rgb: RgbFrame[] };

/** Chooses frames: of so many, with these keyframes. */
export type Pick = (numFrames: number, keyframes: readonly number[]) => number[];

/**
 * Prepares the choice of frames.
 * @param file - the film
 * @param options - which frames
 */
export async function openPick(file: MediaFile, options: ReadOptions): Promise<Pick> {
  const content = options.pick === 'random' ? (await contentHash(file)).slice(0, 8) : '0';
  const key = [options.seed, Number.parseInt(content, 16)];
  return (numFrames, keyframes) => pickFrames(options.pick, options.count, { numFrames, keyframes, key });
}

/** What is known of a film's length and packets. */
export interface FilmKnown extends FilmTiming {
  /** Its packets. */
  list: PacketSummary;
}

/**
 * Says what was taken.
 * @param task - what was asked
 * @param known - the film's length and packets
 * @param pass - what was found
 * @param wanted - the frames that were wanted, all of them found
 * @throws UserError `unreadable-media` where there is none, or they differ in size
 */
export function describeTaken(
  { file, options }: FilmTask,
  { list, delays, claimed }: FilmKnown,
  pass: FilmPass,
  wanted: readonly number[],
): Taken {
  if (wanted.length === 0) throw unreadable(file.path, 'at least one keyframe', 'a video without any');
  const rgb = wanted.map((index) => pass.kept.get(index)!);
  const [first, ...others] = pass.sizes;
  const odd = others.find((size) => size.width !== first!.width || size.height !== first!.height);
  if (odd) {
    const got = `${first!.width}×${first!.height} and ${odd.width}×${odd.height}`;
    throw unreadable(file.path, 'frames of one size', got);
  }
  const timing = timingOf(pass);
  const numFrames = timing.seconds.length;
  const notes: MediaNote[] = [...pass.notes, ...timing.notes];
  const what = options.pick === 'keyframe' ? 'keyframes' : 'frames';
  if (pass.ended && numFrames !== list.numFrames) notes.push(noteOf('frame-count', list.numFrames, numFrames));
  // Matroska's duration counts from 0, wherever the first frame lies.
  const covered = timing.duration + Math.max(0, (pass.ended ? pass : list).times[0] ?? 0);
  if (claimed !== undefined && covered < 0.95 * claimed - timing.duration / numFrames) {
    notes.push(noteOf('length', claimed.toFixed(2), timing.duration.toFixed(2)));
  }
  if (wanted.length < options.count) {
    notes.push(noteOf('few-frames', options.count, wanted.length, what));
  }
  return {
    frames: wanted.map((index) => ({ index, seconds: timing.seconds[index] ?? null })),
    sourceWidth: first!.width,
    sourceHeight: first!.height,
    numFrames: pass.ended ? numFrames : null,
    duration: timing.duration,
    fps: numFrames / timing.duration,
    timing: timing.timing,
    colour: pass.colour,
    corrections: [...pass.corrections],
    notes,
    rgb,
  };

  /** Of what was decoded; of the packets where decoding stopped early. */
  function timingOf({ ended, times, lastDuration }: FilmPass): Timing {
    const fps = options.assumedFps ?? 10;
    if (delays) return timingOfGif(delays, ended ? times.length : delays.length, fps);
    if (!ended) return timingOfStamps(list.times, list.lastDuration, fps);
    return timingOfStamps(times, lastDuration, fps);
  }
}

/** Loaded when needed: a decoding process starts sooner without. */
async function contentHash({ source }: MediaFile): Promise<string> {
  const { sha256File } = await import('../files/index.ts');
  return sha256File(source);
}
