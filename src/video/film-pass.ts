// One pass of decoding a film: what came by, the wanted frames of it as resized RGB.
import type { Frame } from 'node-av';
import { decode, openFilm, seconds } from './film.ts';
import type { Film } from './film.ts';
import type { MediaFile, MediaNote } from '../media/index.ts';
import { noteOf, unreadable } from '../media/index.ts';
import type { ReadOptions } from './picks.ts';
import { deinterlace, isInterlaced } from './deinterlace.ts';
import { Unclear } from './packets/packet-kind.ts';
import { shrink } from './resize.ts';
import { openConverter } from './rgb-converter.ts';
import { decodeFrames } from './seek-frames.ts';
import type { Seeking } from './seek-frames.ts';
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
 * Decodes a film from its start.
 * @param wanted - indices of frames
 * @param task - what is asked
 * @param toEnd - whether to go on to the end when all are there
 * @returns what came by
 */
export async function passFromStart(wanted: readonly number[], task: FilmTask, toEnd: boolean): Promise<FilmPass> {
  const { file, limits } = task;
  await using film = await openFilm(file, limits, task.ignoreEdits);
  using keeper = keepFrames(film, wanted.length, task);
  using fields = new FieldWindow(keeper.keep);
  const { found } = keeper;
  const want = new Set(wanted);
  const isDeinterlacing = task.options.deinterlace === 'bwdif';
  const base = film.stream.timeBase;
  await decode(film, file, async (frame) => {
    const index = found.times.length;
    if (index >= limits.maxFrames) throw unreadable(file.path, `at most ${limits.maxFrames} frames`, 'more');
    keeper.check(frame);
    const time = seconds(frame.bestEffortTimestamp, base);
    const previous = found.times.at(-1) ?? null;
    // Some containers stamp only some frames; the others follow on the one before.
    const follows = previous !== null && found.lastDuration > 0 ? previous + found.lastDuration : null;
    found.times.push(time ?? follows);
    found.lastDuration = seconds(frame.duration, base) ?? 0;
    if (frame.keyFrame) found.keyframes.push(index);
    if (isDeinterlacing) await fields.add(index, frame, want.has(index));
    else if (want.has(index)) await keeper.keep(index, frame);
    found.ended = toEnd || found.kept.size < want.size;
    return found.ended;
  });
  await fields.end();
  return found;
}

/** Hands on wanted frames; those of two fields as soon as the frame behind them is there. */
class FieldWindow {
  readonly #keep: FrameKeeper['keep'];
  #previous: Frame | undefined;
  /** A wanted frame that waits, the last one that came. */
  #waiting: { index: number; frame: Frame; previous: Frame | undefined } | undefined;

  constructor(keep: FrameKeeper['keep']) {
    this.#keep = keep;
  }

  async add(index: number, frame: Frame, isWanted: boolean): Promise<void> {
    await this.#handOn(frame);
    const own = frame.clone()!;
    if (isWanted && isInterlaced(frame)) this.#waiting = { index, frame: own, previous: this.#previous };
    else {
      this.#previous?.free();
      if (isWanted) await this.#keep(index, frame);
    }
    this.#previous = own;
  }

  /** The last frame has none behind it. */
  async end(): Promise<void> {
    await this.#handOn(undefined);
  }

  async #handOn(next: Frame | undefined): Promise<void> {
    if (this.#waiting === undefined) return;
    const { index, frame, previous } = this.#waiting;
    this.#waiting = undefined;
    try {
      using whole = deinterlace(frame, previous, next);
      await this.#keep(index, whole, true);
    } finally {
      previous?.free();
    }
  }

  [Symbol.dispose](): void {
    this.#waiting?.previous?.free();
    this.#previous?.free();
  }
}

/**
 * Decodes the wanted frames of a film only.
 * @param seeking - the film and what is known of it
 * @param wanted - indices of frames, ascending
 * @param task - what is asked
 * @returns what decoding from the start would have found
 * @throws Unclear where that is not sure
 */
export async function passSeeking(seeking: Seeking, wanted: readonly number[], task: FilmTask): Promise<FilmPass> {
  const { film, list, map } = seeking;
  using keeper = keepFrames(film, wanted.length, task);
  const { found } = keeper;
  await decodeFrames(seeking, wanted, async (index, frame) => {
    keeper.check(frame);
    if (task.options.deinterlace === 'bwdif' && isInterlaced(frame))
      throw new Unclear('fields, with frames around them');
    await keeper.keep(index, frame);
  });
  const base = film.stream.timeBase;
  const toSeconds = (time: number): number => (time * base.num) / base.den;
  const shown = map.packetOf.map((packet) => list.packets[packet]!);
  found.times = shown.map(({ pts }) => toSeconds(pts));
  found.keyframes = map.keyframes ?? [];
  found.lastDuration = toSeconds(shown.at(-1)?.duration ?? 0);
  return found;
}

interface FrameKeeper extends Disposable {
  found: FilmPass;
  /** Refuses a frame that is too large. */
  check: (frame: Frame) => void;
  /** Keeps a wanted frame; `isDeinterlaced` says that it was one of two fields. */
  keep: (index: number, frame: Frame, isDeinterlaced?: boolean) => Promise<void>;
}

function keepFrames(film: Film, count: number, { file, options, limits, ignoreEdits }: FilmTask): FrameKeeper {
  const converter = openConverter(file, film.orientation, options.toneMap ?? 'none');
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
    keep: async (index, frame, isDeinterlaced = false) => {
      if (isDeinterlaced) found.corrections.add('deinterlaced by bwdif');
      else if (isInterlaced(frame)) found.notes.add(noteOf('interlaced'));
      if (frame.decodeErrorFlags !== 0)
        found.notes.add(noteOf('damage', `frame ${index} was damaged: its decoder filled gaps`));
      const { rgb, colour, corrections, notes } = await converter.toRgb(frame);
      found.kept.set(index, shrink(rgb, file.name, options, kind, isReshaped ? shownShape(rgb) : rgb));
      for (const correction of corrections) found.corrections.add(correction);
      if (aspect && isReshaped) found.corrections.add(`pixels of ${aspect.num}:${aspect.den} made square`);
      else if (aspect) found.notes.add(noteOf('pixel-aspect', `${aspect.num}:${aspect.den}`, aspect.by));
      found.sizes.push({ width: rgb.width, height: rgb.height });
      found.colour = colour;
      for (const note of notes) found.notes.add(note);
    },
    [Symbol.dispose]: () => converter[Symbol.dispose](),
  };

  /** The size of an upright frame with square pixels: never fewer than are stored. */
  function shownShape({ width, height }: FrameSize): FrameSize {
    const isTurned = film.orientation !== undefined && film.orientation.xx === 0;
    const ratio = isTurned ? aspect!.den / aspect!.num : aspect!.num / aspect!.den;
    return ratio > 1 ? { height, width: Math.round(width * ratio) } : { height: Math.round(height / ratio), width };
  }
}
