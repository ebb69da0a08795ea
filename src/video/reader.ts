// Clips to frames of the size that the model sees: the children decode and resize.
import { availableParallelism } from 'node:os';
import { invariant } from '../core/index.ts';
import { openChildPool } from './child-pool.ts';
import type { SandboxMode } from './confinement/sandbox.ts';
import { patchGrid } from './patches.ts';
import type { ClipFrames, ClipInput, DecodeLimits, DecoderName, FrameOptions } from './types.ts';
import { defaultLimits } from './types.ts';

/** Reads clips; dispose of it to end its child processes. */
export interface FrameReader {
  /** Starts a child, which else the first clip does: it takes a tenth of a second, in which the caller can do something else. */
  start: (decoder?: DecoderName) => void;
  /**
   * Reads one clip; calls may run at a time, as many as there are workers are served at once.
   * @throws UserError `unreadable-media` where this clip cannot be read; the reader serves the next one all the same
   */
  read: (clip: ClipInput, options: FrameOptions, signal?: AbortSignal) => Promise<ClipFrames>;
  /** Ends the child processes; clips still being read are rejected. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/** Options of {@link openFrameReader}. */
export interface FrameReaderOptions {
  /** Child processes; default as many as the machine has cores, at most 4. */
  workers?: number;
  /** What one clip may cost; defaults in {@link defaultLimits}. */
  limits?: Partial<DecodeLimits>;
  /** Whether clips are decoded in a sandbox of the operating system; default as `IOVQA_SANDBOX` says, else `auto`. */
  sandbox?: SandboxMode;
}

/**
 * Opens a reader. Each clip is decoded in a child process without network access, within limits; a child that dies, hangs or
 * grows too big is an error on its clip only.
 * @param options - workers and limits
 * @returns the reader
 */
export function openFrameReader(options: FrameReaderOptions = {}): FrameReader {
  const limits: DecodeLimits = { ...defaultLimits, ...options.limits };
  const { workers = Math.min(4, availableParallelism()), sandbox } = options;
  const pool = openChildPool(workers, { limits, ...(sandbox === undefined ? {} : { sandbox }) });
  return {
    start: pool.start,
    read: async (clip, frameOptions, signal) => {
      const { count } = frameOptions;
      invariant(Number.isInteger(count) && count >= 1, `count ${count}`);
      const request = { clip: { path: clip.path, kind: clip.kind }, options: frameOptions, limits };
      const { plan, frames, secondsPerGrid } = await pool.read(request, signal);
      const visions: ClipFrames['visions'] =
        secondsPerGrid === undefined
          ? frames.map((frame) => ({ kind: 'image', grid: patchGrid([frame], frameOptions) }))
          : [{ kind: 'video', grid: patchGrid(frames, frameOptions), secondsPerGrid }];
      return { plan, visions, rgb: frames };
    },
    [Symbol.asyncDispose]: pool.close,
  };
}
