// What one pass over a film finds, whatever decodes: the wanted frames as resized RGB, and what is to be said of them.
import type { MediaFile, MediaNote } from '../media/index.ts';
import { noteOf, unreadable } from '../media/index.ts';
import type { FilmFacts } from './film-facts.ts';
import type { ReadOptions } from './picks.ts';
import { shrink } from './resize.ts';
import type { DecodeLimits, FrameSize, RgbFrame } from './types.ts';

/** What one pass of decoding found. */
export interface FilmPass {
  /** The wanted frames that came by, resized, with their index. */
  kept: Map<number, RgbFrame>;
  /** Source sizes of the kept frames. */
  sizes: FrameSize[];
  /** Seconds of every frame; null where it carries none. */
  times: (number | null)[];
  /** Indices of the keyframes. */
  keyframes: number[];
  /** Seconds that the last frame lasts; 0 where unknown. */
  lastDuration: number;
  /** Whether all frames are known, and not only the first. */
  ended: boolean;
  /** How colours became RGB. */
  colour: string;
  /** What was done to pixels besides. */
  corrections: Set<string>;
  /** What a careful user should know. */
  notes: Set<MediaNote>;
}

/** What is asked of a film. */
export interface FilmTask {
  /** The file. */
  file: MediaFile;
  /** At which size frames are wanted. */
  options: ReadOptions;
  /** What it may cost. */
  limits: DecodeLimits;
  /** Whether the edit list, which cuts every frame, is not applied. */
  ignoreEdits: boolean;
}

/**
 * Counts a frame that came by.
 * @param found - what was found so far
 * @param time - its own time, in seconds; null where it carries none
 * @param duration - seconds that it is shown; 0 where unknown
 * @param isKey - whether it is a keyframe
 */
export function countFrame(found: FilmPass, time: number | null, duration: number, isKey: boolean): void {
  const previous = found.times.at(-1) ?? null;
  // Some containers stamp only some frames; the others follow on the one before.
  const follows = previous !== null && found.lastDuration > 0 ? previous + found.lastDuration : null;
  if (isKey) found.keyframes.push(found.times.length);
  found.times.push(time ?? follows);
  found.lastDuration = duration;
}

/** A frame as RGB. */
export interface ConvertedFrame {
  /** Upright. */
  rgb: RgbFrame;
  /** How its colours became RGB. */
  colour: string;
  /** What was done besides. */
  corrections: string[];
  /** What a careful user should know. */
  notes: MediaNote[];
}

/** What is known of a wanted frame besides its pixels. */
export interface FrameMarks {
  /** Whether it was two fields, and what became of them. */
  fields: 'none' | 'kept' | 'deinterlaced';
  /** Whether its decoder had to make up for damage. */
  isDamaged: boolean;
}

/**
 * What is said of a damaged frame.
 * @param index - of the frame
 */
export function damageNote(index: number): MediaNote {
  return noteOf('damage', `frame ${index} was damaged: its decoder filled gaps`);
}

/** Collects the wanted frames of a film. */
export interface FrameKeeper {
  /** What was found so far. */
  found: FilmPass;
  /** Refuses a frame that is too large. */
  check: (size: FrameSize) => void;
  /** Keeps a wanted frame. */
  keep: (index: number, frame: ConvertedFrame, marks: FrameMarks) => void;
}

/**
 * Begins to collect.
 * @param film - what its header says
 * @param count - how many frames are wanted
 * @param task - what is asked
 */
export function keepFrames(
  film: FilmFacts,
  count: number,
  { file, options, limits, ignoreEdits }: FilmTask,
): FrameKeeper {
  const { aspect } = film;
  const isReshaped = aspect !== undefined && options.squarePixels === true;
  const uncut = ignoreEdits ? [noteOf('edit-list')] : [];
  const found: FilmPass = {
    kept: new Map(),
    sizes: [],
    times: [],
    keyframes: [],
    lastDuration: 0,
    ended: true,
    colour: '',
    corrections: new Set(),
    notes: new Set([...film.notes, ...uncut]),
  };
  const kind = count > 1 && options.as === 'video' ? 'video' : 'image';
  return {
    found,
    check: ({ width, height }) => {
      if (width * height <= limits.maxPixels) return;
      throw unreadable(file.path, `at most ${limits.maxPixels} pixels a frame`, `${width}×${height}`);
    },
    keep: (index, { rgb, colour, corrections, notes }, { fields, isDamaged }) => {
      if (fields === 'deinterlaced') found.corrections.add('deinterlaced by bwdif');
      else if (fields === 'kept') found.notes.add(noteOf('interlaced'));
      if (isDamaged) found.notes.add(damageNote(index));
      found.kept.set(index, shrink(rgb, file.name, options, kind, isReshaped ? shownShape(rgb) : rgb));
      for (const correction of corrections) found.corrections.add(correction);
      if (aspect && isReshaped) found.corrections.add(`pixels of ${aspect.num}:${aspect.den} made square`);
      else if (aspect) found.notes.add(noteOf('pixel-aspect', `${aspect.num}:${aspect.den}`, aspect.by));
      found.sizes.push({ width: rgb.width, height: rgb.height });
      found.colour = colour;
      for (const note of notes) found.notes.add(note);
    },
  };

  /** The size of an upright frame with square pixels: never fewer than are stored. */
  function shownShape({ width, height }: FrameSize): FrameSize {
    const isTurned = film.orientation !== undefined && film.orientation.xx === 0;
    const ratio = isTurned ? aspect!.den / aspect!.num : aspect!.num / aspect!.den;
    return ratio > 1 ? { height, width: Math.round(width * ratio) } : { height: Math.round(height / ratio), width };
  }
}
