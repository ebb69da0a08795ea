// The wanted frames of an animated WebP, which sharp gives page by page, each as a player shows it.
import sharp from 'sharp';
import { sha256File } from '../files/index.ts';
import type { MediaFile, MediaNote } from '../media/index.ts';
import { noteOf, unreadable } from '../media/index.ts';
import type { ReadOptions } from './picks.ts';
import { pickFrames } from './picks.ts';
import { shrink } from './resize.ts';
import { readStill } from './still.ts';
import type { Taken } from './taken.ts';
import { timingOfDelays } from './timing.ts';
import type { DecodeLimits } from './types.ts';

/**
 * Takes the frames of an animation.
 * @param file - the animation
 * @param options - which frames, at which size
 * @param limits - what it may cost
 * @returns frames and plan
 * @throws UserError `unreadable-media`
 */
export async function takePages(file: MediaFile, options: ReadOptions, limits: DecodeLimits): Promise<Taken> {
  const { pages = 1, delay = [] } = await sharp(file.source, { limitInputPixels: limits.maxPixels })
    .metadata()
    .catch((cause: Error) => {
      throw unreadable(file.path, 'a whole animated WebP', `an error of its decoder (${cause.message})`, { cause });
    });
  if (pages > limits.maxFrames) throw unreadable(file.path, `at most ${limits.maxFrames} frames`, String(pages));
  const content = options.pick === 'random' ? (await sha256File(file.source)).slice(0, 8) : '0';
  const key = [options.seed, Number.parseInt(content, 16)];
  const wanted = pickFrames(options.pick, options.count, { numFrames: pages, keyframes: [0], key });
  const kind = wanted.length > 1 && options.as === 'video' ? 'video' : 'image';
  const { maxPixels } = limits;
  const timing = timingOfDelays(delay, pages, options.assumedFps ?? 10);
  const notes = new Set<MediaNote>(timing.notes);
  const taken: Taken['rgb'] = [];
  let [colour, width, height] = ['', 0, 0];
  for (const page of wanted) {
    const still = await readStill(file, { maxPixels, profile: options.profile ?? 'ignore', page });
    taken.push(shrink(still.frame, file.name, options, kind));
    ({ colour } = still);
    ({ width, height } = still.frame);
    for (const note of still.notes) notes.add(note);
  }
  if (wanted.length < options.count) {
    notes.add(noteOf('few-frames', options.count, wanted.length, options.pick === 'keyframe' ? 'keyframes' : 'frames'));
  }
  return {
    frames: wanted.map((index) => ({ index, seconds: timing.seconds[index] ?? null })),
    sourceWidth: width,
    sourceHeight: height,
    numFrames: pages,
    duration: timing.duration,
    fps: pages / timing.duration,
    timing: timing.timing,
    colour,
    corrections: [],
    notes: [...notes],
    rgb: taken,
  };
}
