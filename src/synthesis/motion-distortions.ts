// The faults of a clip in time, by kind, and what a strength means to each.
import type { RandomStream } from '../core/index.ts';
import { invariant } from '../core/index.ts';
import type { RgbFrame } from '../video/index.ts';
import { expose } from './tone.ts';
import type { ImmediateDistortion } from './types.ts';
import { checkDistortion, geometric } from './types.ts';

type Frames = readonly RgbFrame[];

function inTime(distort: (frames: Frames, strength: number, stream: RandomStream) => RgbFrame[]) {
  return (frames: Frames, strength: number, stream: RandomStream): RgbFrame[] => {
    checkDistortion(frames, strength);
    invariant(frames.length >= 2, 'a fault of motion needs at least two frames, got one');
    return distort(frames, strength, stream);
  };
}

/**
 * Faults of a clip of n ≥ 2 frames in time; it keeps its number of frames. What strength s, above 0 and at most 1, is to each:
 *
 * | kind | what happens | at s | 0.1 | 0.5 | 1 |
 * |---|---|---|---|---|---|
 * | `frozen` | one stretch, anywhere, shows its first frame; share of the n − 1 frames that can, at least one | s | 10% | 50% | all |
 * | `dropped` | frames anywhere but the first are lost, the one before repeats; share of n − 1, at least one | 0.8·s | 8% | 40% | 80% |
 * | `judder` | frames, at least one, come from a wrong time; share of all | √s | 32% | 71% | 100% |
 * | | by at most so many frames forth or back, rounded | 1 + 3·s | 1 | 3 | 4 |
 * | `flicker` | exposure of each frame, evenly distributed; greatest distance from right, stops | 0.1·(1.6/0.1)^s | 0.13 | 0.4 | 1.6 |
 * | `shake` | displacement of each frame in whole pixels, edges repeated, never as the frame before; standard deviation across and down, share of the shorter side | 0.002·(0.05/0.002)^s | 0.3% | 1% | 5% |
 */
export const motionDistortions: Readonly<Record<MotionDistortionKind, ImmediateDistortion>> = {
  /** The picture stands still for a while. */
  frozen: inTime((frames, s, stream) => {
    const numRepeats = numOf(s, frames.length - 1);
    const first = stream.below(frames.length - numRepeats);
    return frames.map((frame, k) => (k > first && k <= first + numRepeats ? frames[first]! : frame));
  }),
  /** Frames are lost. */
  dropped: inTime((frames, s, stream) => {
    const lost = chosen(frames.length - 1, numOf(0.8 * s, frames.length - 1), stream);
    let last = frames[0]!;
    return frames.map((frame, k) => {
      if (!lost.has(k - 1)) last = frame;
      return last;
    });
  }),
  /** Frames come at wrong times. */
  judder: inTime((frames, s, stream) => {
    const moved = chosen(frames.length, numOf(Math.sqrt(s), frames.length), stream);
    const greatest = Math.round(1 + 3 * s);
    return frames.map((frame, k) => {
      if (!moved.has(k)) return frame;
      const by = (1 + stream.below(greatest)) * (stream.below(2) === 0 ? -1 : 1);
      const inside = (index: number): number => Math.min(frames.length - 1, Math.max(0, index));
      // At an end of the clip only the other direction shows another frame.
      return frames[inside(k + by) === k ? inside(k - by) : inside(k + by)]!;
    });
  }),
  /** The exposure varies from frame to frame. */
  flicker: inTime((frames, s, stream) => {
    const greatest = geometric(0.1, 1.6, s);
    return frames.flatMap((frame) => expose([frame], greatest * (2 * stream.uniform() - 1)));
  }),
  /** The camera shakes. */
  shake: inTime((frames, s, stream) => {
    const { width, height } = frames[0]!;
    const sigma = geometric(0.002, 0.05, s) * Math.min(width, height);
    let last: readonly number[] = [];
    return frames.map((frame) => {
      const to = [Math.round(stream.normal() * sigma), Math.round(stream.normal() * sigma)] as [number, number];
      if (to[0] === last[0] && to[1] === last[1]) to[stream.below(2)]! += stream.below(2) * 2 - 1;
      last = to;
      return displace(frame, to[0], to[1]);
    });
  }),
};

/** Names of {@link motionDistortions}. */
export type MotionDistortionKind = 'frozen' | 'dropped' | 'judder' | 'flicker' | 'shake';

/** A share of n things as a number of them, at least one. */
function numOf(share: number, n: number): number {
  return Math.min(n, Math.max(1, Math.round(share * n)));
}

/** `count` different numbers of 0 … n-1. */
function chosen(n: number, count: number, stream: RandomStream): Set<number> {
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = 0; i < count; i++) {
    const j = i + stream.below(n - i);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return new Set(order.slice(0, count));
}

/** Moves the picture to the right and down; what comes into view repeats the edge. */
function displace(frame: RgbFrame, dx: number, dy: number): RgbFrame {
  if (dx === 0 && dy === 0) return frame;
  const { width, height, data } = frame;
  const moved = new Uint8Array(data.length);
  const [left, right] = [Math.max(0, dx), Math.min(width, width + dx)];
  for (let y = 0; y < height; y++) {
    const from = Math.min(height - 1, Math.max(0, y - dy)) * width * 3;
    const to = y * width * 3;
    if (left < right) moved.set(data.subarray(from + (left - dx) * 3, from + (right - dx) * 3), to + left * 3);
    for (let x = 0; x < Math.min(left, width); x++) moved.set(data.subarray(from, from + 3), to + x * 3);
    for (let x = Math.max(right, 0); x < width; x++) {
      moved.set(data.subarray(from + (width - 1) * 3, from + width * 3), to + x * 3);
    }
  }
  return { width, height, data: moved };
}
