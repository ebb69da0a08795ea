// The main module of a decoding child process: reads clips that the parent names, one at a time, and dies with the parent.
import { UserError } from '../core/index.ts';
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
}

/** What the child answers: `ready` once, then for each request `begun` and one of the others. */
export type ReadReply =
  | { type: 'ready' }
  | { type: 'begun' }
  | { type: 'read'; clip: ReadClip }
  | { type: 'user-error'; message: string; hint: string | undefined }
  | { type: 'too-much-memory' }
  | { type: 'bug'; stack: string };

const send = (reply: ReadReply, then: () => void = () => {}): void => {
  if (process.connected) process.send!(reply, undefined, undefined, then);
};

process.on('disconnect', () => process.exit());
process.on('message', (request: ReadRequest) => {
  send({ type: 'begun' });
  // Decoding runs on FFmpeg's and libvips' threads, so that this timer comes to its turn while it does.
  const watch = setInterval(() => {
    if (process.memoryUsage.rss() <= request.limits.maxMemory) return;
    clearInterval(watch);
    send({ type: 'too-much-memory' }, () => process.exit(1));
  }, 20);
  void readClip(request.clip, request.options, request.limits)
    .then(
      (clip): ReadReply => ({ type: 'read', clip }),
      (error: unknown): ReadReply =>
        error instanceof UserError
          ? { type: 'user-error', message: error.message, hint: error.hint }
          : { type: 'bug', stack: error instanceof Error ? (error.stack ?? error.message) : String(error) },
    )
    .then((reply) => {
      clearInterval(watch);
      send(reply);
    });
});
send({ type: 'ready' });
