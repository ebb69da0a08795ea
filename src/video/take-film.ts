// The wanted frames of a video: by seeking where that surely gives what decoding from the start gives, else by decoding from the start.
import type { Film } from './film.ts';
import { openFilm } from './film.ts';
import { passFromStart, passSeeking } from './film-pass.ts';
import type { FilmPass } from './found-frames.ts';
import type { MediaFile } from '../media/index.ts';
import { unreadable } from '../media/index.ts';
import { listPackets } from './packet-list.ts';
import type { PacketList } from './packet-list.ts';
import { Unclear } from './packets/packet-kind.ts';
import type { ReadOptions } from './picks.ts';
import { mapFrames } from './seek-map.ts';
import type { Taken } from './taken.ts';
import { describeTaken, openPick } from './taken.ts';
import type { DecodeLimits } from './types.ts';

/** How a film is to be taken, and how it was: for tests. */
export interface TakingFilm {
  /** Whether to decode from the start whatever the film; default false. */
  fromStart?: boolean;
  /** Told why the film was decoded from the start; undefined where frames were sought. */
  onWay?: (why: Unclear | undefined) => void;
}

/**
 * Takes the frames of a video. Which way it is decoded makes no difference to them or to anything that is said of them; but damage
 * to what need not be decoded goes unnoticed where frames are sought, unless it shows in the headers of packets.
 * @param file - the video
 * @param options - which frames, at which size
 * @param limits - what it may cost
 * @param taking - for tests
 * @returns frames and plan
 * @throws UserError `unreadable-media`
 */
export async function takeFilm(
  file: MediaFile,
  options: ReadOptions,
  limits: DecodeLimits,
  taking: TakingFilm = {},
): Promise<Taken> {
  await using listed = await openListed(file, limits);
  const { film, list, ignoreEdits } = listed;
  const { delays, claimed } = film;
  const toEnd = options.pick !== 'first';
  if (toEnd && list.numFrames > limits.maxFrames) {
    throw unreadable(file.path, `at most ${limits.maxFrames} frames`, String(list.numFrames));
  }
  const pick = await openPick(file, options);
  const asked = { file, options, limits, ignoreEdits };

  const { pass, wanted } = (await attemptSeeking()) ?? (await decodeFromStart());
  return describeTaken(asked, { list, delays, claimed }, pass, wanted);

  /** Undefined where it is not sure to give what decoding from the start gives. */
  async function attemptSeeking(): Promise<{ pass: FilmPass; wanted: number[] } | undefined> {
    try {
      if (taking.fromStart === true) throw new Unclear('told to');
      if (!toEnd) throw new Unclear('the first frames are wanted');
      const map = mapFrames(list, film.outputDelay);
      if (options.pick === 'keyframe' && !map.keyframes) throw new Unclear('only decoding tells the keyframes');
      const chosen = pick(map.packetOf.length, map.keyframes ?? []);
      const found = await passSeeking({ film, list, map }, chosen, asked);
      taking.onWay?.(undefined);
      return { pass: found, wanted: chosen };
    } catch (error) {
      if (!(error instanceof Unclear)) throw error;
      taking.onWay?.(error);
      return undefined;
    }
  }

  /** The container's count makes a first guess; decoding to the end tells the truth, and only a lie costs a second pass. */
  async function decodeFromStart(): Promise<{ pass: FilmPass; wanted: number[] }> {
    const guess = pick(Math.max(1, toEnd ? list.numFrames : options.count), list.keyframes);
    const found = await passFromStart(guess, asked, toEnd);
    if (found.times.length === 0) throw unreadable(file.path, 'at least one frame', 'a video without any');
    if (!found.ended) return { pass: found, wanted: guess };
    const chosen = pick(found.times.length, found.keyframes);
    const asBefore = chosen.length > 1 === guess.length > 1 && chosen.every((index) => found.kept.has(index));
    return { pass: asBefore ? found : await passFromStart(chosen, asked, toEnd), wanted: chosen };
  }
}

/** Opens a film and lists its packets. Writers that know no duration give a single frame's edit list the length zero. */
async function openListed(
  file: MediaFile,
  limits: DecodeLimits,
): Promise<AsyncDisposable & { film: Film; list: PacketList; ignoreEdits: boolean }> {
  for (const ignoreEdits of [false, true]) {
    const film = await openFilm(file, limits, ignoreEdits);
    const close = (): PromiseLike<void> => film[Symbol.asyncDispose]();
    const list = await listPackets(film).catch(async (error: unknown) => {
      await close();
      throw error;
    });
    if (list.numFrames > 0 || ignoreEdits) return { film, list, ignoreEdits, [Symbol.asyncDispose]: close };
    await close();
  }
  throw new Error('internal: unreachable');
}
