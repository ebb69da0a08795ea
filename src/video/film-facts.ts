// What is known of a film before its frames are decoded, whatever decodes them, and which containers are opened at all.
import { readFile } from 'node:fs/promises';
import type { MediaFile, MediaNote } from '../media/index.ts';
import { unreadable } from '../media/index.ts';
import { gifDelays } from './gif-delays.ts';
import type { Orientation } from './rotation.ts';

/** FFmpeg's names of the containers that are opened. Nothing else is: no playlist, script, picture sequence or device. */
export const containers = 'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,gif,apng,ogg,asf,yuv4mpegpipe';
/** Containers whose header states a duration; of the others FFmpeg guesses it. */
export const headed: RegExp = /^(?:mov|matroska|avi|flv)/;

/** What a film's header says that matters to each frame. */
export interface FilmFacts {
  /** How its frames are turned upright; undefined where they are. */
  orientation: Orientation | undefined;
  /** The shape of its pixels as they are stored, and whether codec or container says so; undefined where they are square. */
  aspect: { num: number; den: number; by: 'codec' | 'container' } | undefined;
  /** What a careful user should know. */
  notes: MediaNote[];
}

/** What a film's header says of its length. */
export interface FilmTiming {
  /** Delays of a GIF's frames in hundredths of a second; undefined for other files. */
  delays: number[] | undefined;
  /** Seconds that the file's header claims; undefined where it has no such field. */
  claimed: number | undefined;
}

/** A ratio of whole numbers. */
export interface Ratio {
  /** Above the line. */
  num: number;
  /** Below it. */
  den: number;
}

/**
 * The shape of a film's pixels. What the container says goes before what the codec says, as in FFmpeg's players. A shape beyond 16:1 is
 * damage.
 * @param container - what the container says; 0 where it says nothing
 * @param codec - what the codec says
 */
export function aspectOf(container: Ratio, codec: Ratio): FilmFacts['aspect'] {
  const isSaid = ({ num, den }: Ratio): boolean => num > 0 && den > 0;
  const { num, den } = isSaid(container) ? container : codec;
  if (!isSaid({ num, den }) || num === den || num > 16 * den || den > 16 * num) return undefined;
  return { num, den, by: num * codec.den === den * codec.num ? 'codec' : 'container' };
}

/**
 * The delays of a GIF's frames.
 * @param file - any file
 * @returns hundredths of a second of each; undefined where it is no GIF
 * @throws UserError `unreadable-media` where it is cut short
 */
export async function readGifDelays(file: MediaFile): Promise<number[] | undefined> {
  if (file.format !== 'gif') return undefined;
  const { delays, whole } = gifDelays(await readFile(file.source));
  if (!whole) throw unreadable(file.path, 'a whole GIF', 'one that is cut short');
  return delays;
}
