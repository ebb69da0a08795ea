// The kind of function that every distortion is, and the check of what it is given.
import type { RandomStream } from '../core/index.ts';
import { invariant } from '../core/index.ts';
import type { RgbFrame } from '../video/index.ts';

/**
 * A fault of a picture or clip. A pure function of its inputs: the same stream gives the same bytes. The frames given are left as they
 * are; the result has as many, of the same size. Frames of the result may be those given where nothing of them changed, and may repeat.
 * @param frames - a clip, or one picture; all of one size
 * @param strength - above 0 and at most 1: barely visible at 0.1, gross at 1
 * @param stream - what its random parameters and its noise are drawn from
 * @returns the distorted frames
 */
export type FrameDistortion = (
  frames: readonly RgbFrame[],
  strength: number,
  stream: RandomStream,
) => RgbFrame[] | Promise<RgbFrame[]>;

/** A {@link FrameDistortion} that answers at once. */
export type ImmediateDistortion = (frames: readonly RgbFrame[], strength: number, stream: RandomStream) => RgbFrame[];

/** A {@link FrameDistortion} that answers later. */
export type LaterDistortion = (
  frames: readonly RgbFrame[],
  strength: number,
  stream: RandomStream,
) => Promise<RgbFrame[]>;

/**
 * Checks what a distortion is given.
 * @param frames - a clip
 * @param strength - above 0 and at most 1
 */
export function checkDistortion(frames: readonly RgbFrame[], strength: number): void {
  invariant(strength > 0 && strength <= 1, `a distortion's strength must be above 0 and at most 1, got ${strength}`);
  const first = frames[0];
  invariant(first !== undefined, 'a distortion needs at least one frame, got none');
  for (const { width, height, data } of frames) {
    invariant(
      width === first.width && height === first.height,
      `a clip's frames must be of one size, got ${first.width}×${first.height} and ${width}×${height}`,
    );
    invariant(
      data.length === width * height * 3 && data.length > 0,
      `a frame of ${width}×${height} must hold ${width * height * 3} values of RGB, got ${data.length}`,
    );
  }
}

/**
 * The value at a strength on a scale of equal ratios.
 * @param start - the value that strength 0 would have
 * @param end - the value at strength 1
 * @param strength - above 0 and at most 1
 * @returns start · (end / start)^strength
 */
export function geometric(start: number, end: number, strength: number): number {
  return start * (end / start) ** strength;
}
