// One pass of decoding a film: what came by, the wanted frames of it as resized RGB.
import type { Frame } from 'node-av';
import { decode, openFilm, seconds } from './film.ts';
import type { Film } from './film.ts';
import type { FilmPass, FilmTask } from './found-frames.ts';
import { countFrame, keepFrames } from './found-frames.ts';
import { unreadable } from '../media/index.ts';
import { deinterlace, isInterlaced } from './deinterlace.ts';
import { Unclear } from './packets/packet-kind.ts';
import { openConverter } from './rgb-converter.ts';
import { decodeFrames } from './seek-frames.ts';
import type { Seeking } from './seek-frames.ts';

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
  using keeper = openKeeper(film, wanted.length, task);
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
    countFrame(found, time, seconds(frame.duration, base) ?? 0, frame.keyFrame !== 0);
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
  readonly #keep: AvFrameKeeper['keep'];
  #previous: Frame | undefined;
  /** A wanted frame that waits, the last one that came. */
  #waiting: { index: number; frame: Frame; previous: Frame | undefined } | undefined;

  constructor(keep: AvFrameKeeper['keep']) {
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
  using keeper = openKeeper(film, wanted.length, task);
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

interface AvFrameKeeper extends Disposable {
  found: FilmPass;
  check: (frame: Frame) => void;
  /** Converts and keeps a wanted frame; `isDeinterlaced` says that it was one of two fields. */
  keep: (index: number, frame: Frame, isDeinterlaced?: boolean) => Promise<void>;
}

function openKeeper(film: Film, count: number, task: FilmTask): AvFrameKeeper {
  const converter = openConverter(task.file, film.orientation, task.options.toneMap ?? 'none');
  const { found, check, keep } = keepFrames(film, count, task);
  return {
    found,
    check,
    keep: async (index, frame, isDeinterlaced = false) => {
      // Before the conversion, which clears the flag.
      const fields = isDeinterlaced ? 'deinterlaced' : isInterlaced(frame) ? 'kept' : 'none';
      const isDamaged = frame.decodeErrorFlags !== 0;
      keep(index, await converter.toRgb(frame), { fields, isDamaged });
    },
    [Symbol.dispose]: () => converter[Symbol.dispose](),
  };
}
