// The main module of a decoding child process: reads clips that the parent names, one at a time, and dies with the parent.
import { UserError } from '../core/index.ts';
import type { UserErrorCode } from '../core/index.ts';
import type { FilePlace } from '../media/index.ts';
import { costOfDescendants } from './confinement/processor-time.ts';
import type { FfmpegPrograms } from './ffmpeg/run.ts';
import { killPrograms } from './ffmpeg/running.ts';
import type { ReadOptions } from './picks.ts';
import { readClip } from './read-clip.ts';
import type { ReadClip } from './read-clip.ts';
import type { ClipInput, DecodeLimits } from './types.ts';

/** What the parent asks for. */
export interface ReadRequest {
  /** The file. */
  clip: ClipInput;
  /** Which frames, at which size. */
  options: ReadOptions;
  /** What it may cost. */
  limits: DecodeLimits;
  /** Where the file is; what gives the clip to the process fills it in, as the next. */
  place?: FilePlace;
  /** The programs that decode it. */
  programs?: FfmpegPrograms;
}

/** What the child answers: `ready` once, then for each request `begun`, beats while it is at work, and one of the others. */
export type ReadReply =
  | { type: 'ready' }
  | { type: 'begun' }
  | { type: 'read'; clip: ReadClip }
  | { type: 'user-error'; code: UserErrorCode; message: string; hint: string | undefined }
  | { type: 'too-much-memory' }
  | { type: 'too-much-time' }
  | { type: 'bug'; stack: string };

/** A sign of life. */
export interface Beat {
  /** What it is. */
  type: 'beat';
}

const send = (reply: ReadReply | Beat, then: () => void = () => {}): void => {
  if (process.connected) process.send!(reply, undefined, undefined, then);
};

/** Milliseconds between two looks at what the clip costs, and looks between two beats. */
const look = 20;
const looksABeat = 50;

// Not `exit`, which waits for what other threads are at. In a namespace of its own it is killed with bubblewrap.
process.on('disconnect', () => {
  killPrograms();
  process.kill(process.pid, 'SIGKILL');
  process.exit();
});
process.on('message', ({ clip, options, limits, place, programs }: ReadRequest) => {
  send({ type: 'begun' });
  const before = process.cpuUsage();
  const startedBefore = programs && costOfDescendants().milliseconds;
  const stop = (type: 'too-much-memory' | 'too-much-time'): void => {
    clearInterval(watch);
    killPrograms();
    send({ type }, () => process.exit(1));
  };
  let looks = 0;
  // Decoding runs on FFmpeg's and libvips' threads or in programs, so that this timer comes to its turn while it does.
  const watch = setInterval(() => {
    if (++looks % looksABeat === 0) send({ type: 'beat' });
    const { user, system } = process.cpuUsage(before);
    const started = programs ? costOfDescendants() : { milliseconds: 0, bytes: 0 };
    const milliseconds = (user + system) / 1000 + started.milliseconds - (startedBefore ?? 0);
    if (milliseconds > limits.maxMilliseconds) stop('too-much-time');
    else if (process.memoryUsage.rss() + started.bytes > limits.maxMemory) stop('too-much-memory');
  }, look);
  void readClip(clip, options, limits, { place, programs })
    .then(
      (clip): ReadReply => ({ type: 'read', clip }),
      (error: unknown): ReadReply =>
        error instanceof UserError
          ? { type: 'user-error', code: error.code, message: error.message, hint: error.hint }
          : { type: 'bug', stack: error instanceof Error ? (error.stack ?? error.message) : String(error) },
    )
    .then((reply) => {
      clearInterval(watch);
      send(reply);
    });
});
send({ type: 'ready' });
