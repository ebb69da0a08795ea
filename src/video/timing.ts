// When the frames of a clip are shown, as far as the file tells.
import type { MediaNote } from '../media/index.ts';
import { noteOf } from '../media/index.ts';

/** Seconds of a clip's frames. */
export interface Timing {
  /** Seconds of each frame since the first. */
  seconds: number[];
  /** Seconds from the start of the first frame to the end of the last; above 0. */
  duration: number;
  /** Whether the file says so or a rate was assumed. */
  timing: 'container' | 'assumed';
  /** What a careful user should know. */
  notes: MediaNote[];
}

/**
 * Timing from the frames' own timestamps. The last frame lasts as long as the file says, or else as the others do on average.
 * @param times - seconds of each frame, null where it carries none
 * @param lastDuration - seconds that the last frame lasts; 0 where unknown
 * @param assumedFps - the rate to assume where the timestamps do not ascend
 * @returns the timing
 */
export function timingOfStamps(times: readonly (number | null)[], lastDuration: number, assumedFps: number): Timing {
  const known = times.filter((time) => time !== null);
  const first = known[0] ?? 0;
  const span = (known.at(-1) ?? 0) - first;
  const ascending = known.length === times.length && known.every((time, i) => i === 0 || time > known[i - 1]!);
  const last = lastDuration > 0 ? lastDuration : times.length > 1 ? span / (times.length - 1) : 0;
  if (!ascending || span + last <= 0) return assumedTiming(times.length, assumedFps);
  return { seconds: known.map((time) => time - first), duration: span + last, timing: 'container', notes: [] };
}

/**
 * Timing of a GIF. Delays below 0.02 s among others count as 0.1 s, as browsers show them.
 * @param delays - hundredths of a second of each frame
 * @param numFrames - frames that decoding gave
 * @param assumedFps - the rate to assume where the file has no delays at all
 * @returns the timing
 */
export function timingOfGif(delays: readonly number[], numFrames: number, assumedFps: number): Timing {
  if (delays.length !== numFrames || delays.every((delay) => delay === 0)) return assumedTiming(numFrames, assumedFps);
  const shown = delays.map((delay) => (delay < 2 ? 10 : delay));
  let total = 0;
  const seconds = shown.map((delay) => {
    total += delay;
    return (total - delay) / 100;
  });
  const short = delays.filter((delay) => delay < 2).length;
  const notes = short > 0 ? [noteOf('timing', `${short} GIF delays below 0.02 s taken as 0.1 s, as browsers do`)] : [];
  return { seconds, duration: total / 100, timing: 'container', notes };
}

/**
 * Timing of an animation whose file states each frame's delay in milliseconds.
 * @param delays - of each frame; 0 counts as 0.1 s, as browsers show it
 * @param numFrames - frames that there are
 * @param assumedFps - the rate to assume where the file has no delays at all
 * @returns the timing
 */
export function timingOfDelays(delays: readonly number[], numFrames: number, assumedFps: number): Timing {
  if (delays.length !== numFrames || delays.every((delay) => delay === 0)) return assumedTiming(numFrames, assumedFps);
  let total = 0;
  const seconds = delays.map((delay) => {
    const start = total;
    total += delay === 0 ? 100 : delay;
    return start / 1000;
  });
  return { seconds, duration: total / 1000, timing: 'container', notes: [] };
}

function assumedTiming(numFrames: number, fps: number): Timing {
  return {
    seconds: Array.from({ length: numFrames }, (_, i) => i / fps),
    duration: numFrames / fps,
    timing: 'assumed',
    notes: [noteOf('timing', `no timing in the file: ${fps} frames a second assumed`)],
  };
}
