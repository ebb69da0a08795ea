// Frames to an H.264 file that any player shows.
import { readFile, rm } from 'node:fs/promises';
import { constants } from 'node:os';
import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AVCOL_PRI_BT709,
  AVCOL_SPC_BT709,
  AVCOL_TRC_BT709,
  Dictionary,
  FFmpegError,
  FormatContext,
  Packet,
  Rational,
} from 'node-av';
import { UserError } from '../core/index.ts';
import { temporaryFor, writeFileAtomic, writeNewFile } from '../files/index.ts';
import type { RgbFrame } from '../video/index.ts';
import { isThere, openEncoder } from './codec.ts';
import { openYuvConverter } from './yuv.ts';

const { errno } = constants;

/** How {@link writeClip} encodes. */
export interface WriteClipOptions {
  /** Frames a second, 0.001–240; kept to a thousandth. */
  fps: number;
  /** Constant rate factor of libx264, 0–51; default 12, at which no difference is seen. */
  crf?: number;
  /** Frames from one keyframe to the next, at least 1; default: at most 250, and where the picture changes. */
  keyInterval?: number;
}

/**
 * Writes frames as an MP4 file with H.264, 4:2:0, BT.709 in limited range and tagged so; whole or not at all. The same frames give
 * the same bytes.
 * @param path - the file; its folder must be there
 * @param frames - at least one, all of one size, of even sides of at least 16 pixels
 * @param options - rate and quality
 * @throws UserError `bad-input` for frames or options that cannot be written; `not-supported` where FFmpeg was built without libx264
 */
export async function writeClip(path: string, frames: readonly RgbFrame[], options: WriteClipOptions): Promise<void> {
  const { fps, crf = 12, keyInterval } = options;
  check(path, frames, fps, crf, keyInterval);
  // FFmpeg writes next to the place, under a name that is known for a leftover's; its bytes then go there in one step.
  const temporary = temporaryFor(path);
  try {
    await writeNewFile(temporary, '');
    await encode(temporary, frames, { fps, crf, keyInterval }).catch((error: unknown) => {
      throw isSystemError(error) ? Object.assign(error, { path }) : error;
    });
    await writeFileAtomic(path, await readFile(temporary));
  } finally {
    await rm(temporary, { force: true });
  }
}

const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'code' in error && typeof error.code === 'string';

function check(
  path: string,
  frames: readonly RgbFrame[],
  fps: number,
  crf: number,
  keyInterval: number | undefined,
): void {
  const refuse = (expected: string, got: string): UserError =>
    new UserError('bad-input', `${path}: expected ${expected}, got ${got}`);
  if (!(fps >= 0.001 && fps <= 240)) throw refuse('0.001 to 240 frames a second', `${fps}`);
  if (!(crf >= 0 && crf <= 51)) throw refuse('a rate factor (crf) of 0–51', `${crf}`);
  if (keyInterval !== undefined && !(Number.isInteger(keyInterval) && keyInterval >= 1)) {
    throw refuse('a whole number of at least 1 between keyframes', `${keyInterval}`);
  }
  const first = frames[0];
  if (!first) throw refuse('at least one frame', 'none');
  const { width, height } = first;
  if (width % 2 !== 0 || height % 2 !== 0 || Math.min(width, height) < 16) {
    throw refuse('frames of even sides of at least 16 pixels', `${width}×${height}`);
  }
  const other = frames.find((frame) => frame.width !== width || frame.height !== height);
  if (other) throw refuse(`frames of one size (${width}×${height})`, `one of ${other.width}×${other.height}`);
}

async function encode(
  path: string,
  frames: readonly RgbFrame[],
  { fps, crf, keyInterval }: { fps: number; crf: number; keyInterval: number | undefined },
): Promise<void> {
  const { width, height } = frames[0]!;
  const coding = { matrix: AVCOL_SPC_BT709, fullRange: false, width, height };
  const rate = Number.isInteger(fps) ? new Rational(fps, 1) : new Rational(Math.round(fps * 1000), 1000);
  using converter = openYuvConverter(coding);
  // x264's code for AVX-512 gives other bytes from run to run; that up to SSE4.2 gives those of plain C.
  const keys = keyInterval === undefined ? '' : `:keyint=${keyInterval}:min-keyint=${keyInterval}:scenecut=0`;
  const options = { preset: 'medium', crf: String(crf), 'x264-params': `asm=SSE42${keys}` };
  using encoder = await openEncoder('libx264', options, coding, rate, (context) => {
    context.colorPrimaries = AVCOL_PRI_BT709;
    context.colorTrc = AVCOL_TRC_BT709;
    context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER); // as MP4 wants them
  });
  const format = new FormatContext();
  succeed(format.allocOutputContext2(null, 'mp4', `file:${path}`), 'muxer');
  try {
    const stream = format.newStream();
    stream.timeBase = encoder.timeBase;
    stream.avgFrameRate = rate;
    succeed(stream.codecpar.fromContext(encoder), 'parameters');
    succeed(await format.openOutput(), 'open');
    succeed(await format.writeHeader(Dictionary.fromObject({ movflags: '+faststart' })), 'header');
    using packet = new Packet();
    packet.alloc();
    for (let k = 0; k <= frames.length; k++) {
      using frame = k < frames.length ? converter.toYuv(frames[k]!, k) : null;
      succeed(await encoder.sendFrame(frame), 'encode');
      while (isThere(await encoder.receivePacket(packet), 'encode')) {
        packet.streamIndex = 0;
        packet.duration = 1n;
        packet.rescaleTs(encoder.timeBase, stream.timeBase);
        succeed(await format.interleavedWriteFrame(packet), 'write');
      }
    }
    succeed(await format.writeTrailer(), 'trailer');
  } finally {
    await format.closeOutput();
    format.freeContext();
  }
}

/** FFmpeg's numbers for the system's errors are those of the system, below zero. */
function succeed(code: number, what: string): void {
  const name = Object.entries(errno).find(([, number]) => number === -code)?.[0];
  if (name !== undefined) throw Object.assign(new Error(`${name}: ${what}`), { code: name, syscall: 'write' });
  FFmpegError.throwIfError(code, what);
}
