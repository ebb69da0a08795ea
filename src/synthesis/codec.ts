// Frames through a real codec and back, in memory and on one thread.
import {
  AV_LOG_QUIET,
  AVCOL_SPC_SMPTE170M,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  Codec,
  CodecContext,
  Dictionary,
  FFmpegError,
  Frame,
  Log,
  Packet,
  Rational,
} from 'node-av';
import { invariant, UserError } from '../core/index.ts';
import type { RgbFrame } from '../video/index.ts';
import { takingTurns } from './encoder-lock.ts';
import type { YuvCoding } from './yuv.ts';
import { openYuvConverter, yuvFormat } from './yuv.ts';

Log.setLevel(AV_LOG_QUIET);
silenceEncoders();

/**
 * Keeps SVT-AV1 from printing to the standard error stream, which only an environment variable of the process does. Loading this
 * module in the main thread does it; the environment of a worker thread is its own, so that a program whose workers encode AV1
 * calls this in its main thread, or starts them with `SHARE_ENV`.
 */
export function silenceEncoders(): void {
  process.env['SVT_LOG'] ??= '0'; // fatal errors only
}

/** An encoder, the decoder of its data, and the encoder's options. */
export interface CodecRecipe {
  /** FFmpeg's name of the encoder. */
  encoder: string;
  /** FFmpeg's name of the decoder. */
  decoder: string;
  /** Whether colours use the whole range of 0–255, as JPEG's do. */
  fullRange: boolean;
  /** Options of the encoder. */
  options: Record<string, string>;
  /** Quality of each frame in FFmpeg's units, for encoders that take it from there. */
  quality?: number;
}

/**
 * Encodes frames and decodes them again.
 * @param frames - a clip of 25 frames a second, all of one size; one frame is coded as a keyframe
 * @param recipe - the codec
 * @returns as many frames of the same size
 * @throws UserError `not-supported` where FFmpeg was built without the codec
 */
export function passThroughCodec(frames: readonly RgbFrame[], recipe: CodecRecipe): Promise<RgbFrame[]> {
  const pass = (): Promise<RgbFrame[]> => encodeAndDecode(frames, recipe);
  return recipe.encoder === 'libsvtav1' ? takingTurns(pass) : pass();
}

async function encodeAndDecode(frames: readonly RgbFrame[], recipe: CodecRecipe): Promise<RgbFrame[]> {
  const { width, height } = frames[0]!;
  const { fullRange, quality } = recipe;
  const coding = { matrix: AVCOL_SPC_SMPTE170M, fullRange, width: codedSide(width), height: codedSide(height) };
  using converter = openYuvConverter(coding);
  using encoder = await openEncoder(recipe.encoder, recipe.options, coding, new Rational(25, 1));
  using decoder = await openDecoder(recipe.decoder);
  using packet = new Packet();
  packet.alloc();
  using decoded = new Frame();
  decoded.alloc();
  const result: RgbFrame[] = [];
  const takeFrames = (): void => {
    while (isThere(decoder.receiveFrameSync(decoded), 'decode')) {
      result.push(converter.toRgb(decoded, width, height));
      decoded.unref();
    }
  };
  for (let k = 0; k <= frames.length; k++) {
    using frame = k < frames.length ? converter.toYuv(frames[k]!, k) : null;
    if (frame && quality !== undefined) frame.quality = quality;
    FFmpegError.throwIfError(encoder.sendFrameSync(frame), 'encode');
    while (isThere(encoder.receivePacketSync(packet), 'encode')) {
      FFmpegError.throwIfError(decoder.sendPacketSync(packet), 'decode');
      packet.unref();
      takeFrames();
    }
  }
  FFmpegError.throwIfError(decoder.sendPacketSync(null), 'decode');
  takeFrames();
  invariant(result.length === frames.length, `${recipe.encoder} gave ${result.length} frames of ${frames.length}`);
  return result;
}

/**
 * Whether a codec gave something.
 * @param code - what it answered
 * @param what - was asked, for the message
 * @returns false where it wants more first, or has ended
 * @throws FFmpegError where it failed
 */
export function isThere(code: number, what: string): boolean {
  if (code === AVERROR_EAGAIN || code === AVERROR_EOF) return false;
  FFmpegError.throwIfError(code, what);
  return true;
}

/** The size of a coded side: even, as 4:2:0 needs it, and at least 64 pixels, which every encoder takes. */
function codedSide(side: number): number {
  return Math.max(64, side + (side % 2));
}

/**
 * Opens an encoder of one thread, so that the same frames give the same bytes.
 * @param name - FFmpeg's name of it
 * @param coding - of its frames
 * @param fps - frames a second
 * @param setUp - sets what else is to be set before it opens
 * @returns the encoder; dispose of it
 * @throws UserError `not-supported` where FFmpeg was built without it
 */
export async function openEncoder(
  name: string,
  options: Record<string, string>,
  coding: YuvCoding,
  fps: Rational,
  setUp?: (context: CodecContext) => void,
): Promise<CodecContext> {
  const codec = Codec.findEncoderByName(name as Parameters<typeof Codec.findEncoderByName>[0]);
  if (!codec) throw missing('encoder', name);
  const context = new CodecContext();
  context.allocContext3(codec);
  context.width = coding.width;
  context.height = coding.height;
  const { format, range } = yuvFormat(coding);
  context.pixelFormat = format;
  context.colorRange = range;
  context.colorSpace = coding.matrix;
  context.timeBase = new Rational(fps.den, fps.num);
  context.framerate = fps;
  context.threadCount = 1;
  setUp?.(context);
  // Not `open2Sync`: it frees the options twice (node-av 6.1.1), of which the process dies when it ends.
  FFmpegError.throwIfError(await context.open2(codec, Dictionary.fromObject(options)), name);
  return context;
}

async function openDecoder(name: string): Promise<CodecContext> {
  const codec = Codec.findDecoderByName(name as Parameters<typeof Codec.findDecoderByName>[0]);
  if (!codec) throw missing('decoder', name);
  const context = new CodecContext();
  context.allocContext3(codec);
  context.threadCount = 1;
  FFmpegError.throwIfError(await context.open2(codec, null), name);
  return context;
}

function missing(what: string, name: string): UserError {
  return new UserError('not-supported', `codec: expected FFmpeg's ${what} ${name}, got a build of node-av without it`);
}
