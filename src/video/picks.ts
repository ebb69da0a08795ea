// Which frames of a clip are taken.
import { randomStream } from '../core/index.ts';
import type { FrameOptions, FramePick } from './types.ts';

/** What is read of a clip. Tests and measurements may name the frames: indices, ascending and different. */
export type ReadOptions = Omit<FrameOptions, 'pick'> & { pick: FramePick | readonly number[] };

/** What {@link pickFrames} needs to know of a clip. */
export interface PickSource {
  /** How many frames there are; at least 1. */
  numFrames: number;
  /** Indices of the keyframes, ascending. */
  keyframes: readonly number[];
  /** The key of `random`: the seed and a hash of the content. */
  key: readonly number[];
}

/**
 * The indices of the frames to take, ascending and different; see {@link FramePick} for the rules.
 * @param pick - which frames
 * @param count - how many; fewer come back where there are fewer
 * @param source - what the clip has
 * @returns indices from 0 in presentation order
 */
export function pickFrames(pick: ReadOptions['pick'], count: number, source: PickSource): number[] {
  const { numFrames } = source;
  if (typeof pick !== 'string') return pick.filter((index) => index < numFrames);
  const taken = Math.min(count, numFrames);
  switch (pick) {
    case 'middle':
      return range(taken, (numFrames - taken + 1) >> 1);
    case 'first':
      return range(taken, 0);
    case 'uniform':
      return centres(taken, numFrames);
    case 'random': {
      const stream = randomStream(...source.key);
      const left = range(numFrames, 0);
      const drawn = range(taken, 0).map((i) => {
        const j = i + stream.below(numFrames - i);
        [left[i], left[j]] = [left[j]!, left[i]!];
        return left[i];
      });
      return drawn.toSorted((a, b) => a - b);
    }
    case 'keyframe': {
      const { keyframes } = source;
      return centres(Math.min(count, keyframes.length), keyframes.length).map((i) => keyframes[i]!);
    }
  }
}

function range(count: number, start: number): number[] {
  return Array.from({ length: count }, (_, i) => start + i);
}

function centres(count: number, of: number): number[] {
  return range(count, 0).map((i) => Math.floor(((i + 0.5) * of) / count));
}
