// Tiny videos of any kind, encoded by FFmpeg's libraries: frame k is flat, its luma tells k.
import type { AVColorRange, AVColorSpace, AVPixelFormat } from 'node-av';
import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_LOG_QUIET,
  AV_PIX_FMT_YUV420P,
  AV_PKT_DATA_DISPLAYMATRIX,
  AV_SAMPLE_FMT_FLTP,
  AV_CHANNEL_LAYOUT_MONO,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  AVFMT_GLOBALHEADER,
  AVMEDIA_TYPE_VIDEO,
  Codec,
  CodecContext,
  Dictionary,
  FFmpegError,
  FormatContext,
  Frame,
  Log,
  Packet,
  Rational,
} from 'node-av';

export interface ClipRecipe {
  path: string;
  /** Name of FFmpeg's encoder. */
  codec: string;
  /** Name of FFmpeg's muxer. */
  format: string;
  numFrames: number;
  width?: number;
  height?: number;
  pixelFormat?: AVPixelFormat;
  /** Timestamps in hundredths of a second; default ten frames a second. */
  times?: number[];
  /** How long each frame lasts, in hundredths of a second; default 10. */
  duration?: number;
  /** Rows [a, b, c, d] of a display matrix. */
  matrix?: [number, number, number, number];
  space?: AVColorSpace;
  range?: AVColorRange;
  /** Options of the encoder. */
  options?: Record<string, string>;
  /** Options of the muxer. */
  muxing?: Record<string, string>;
  /** Fills the planes of frame k; default flat, luma `lumaOf(k)`. */
  fill?: (planes: Buffer[], strides: number[], k: number) => void;
}

/** Luma of frame k: 5 levels from frame to frame, far above what a codec changes on a flat picture. */
export function lumaOf(k: number): number {
  return 30 + 5 * k;
}

Log.setLevel(AV_LOG_QUIET);

const check = (code: number, what: string): void => FFmpegError.throwIfError(code, what);

export async function makeClip(recipe: ClipRecipe): Promise<string> {
  const { path, numFrames, width = 64, height = 48, pixelFormat = AV_PIX_FMT_YUV420P } = recipe;
  const fill = recipe.fill ?? ((planes, _, k) => planes.forEach((plane, i) => plane.fill(i === 0 ? lumaOf(k) : 128)));
  await encode({
    path,
    codec: recipe.codec,
    format: recipe.format,
    muxing: recipe.muxing ?? {},
    options: recipe.codec === 'libx264' ? sameBytes(recipe.options ?? {}) : (recipe.options ?? {}),
    setUp: (context) => {
      context.width = width;
      context.height = height;
      context.pixelFormat = pixelFormat;
      context.timeBase = new Rational(1, 100);
      context.framerate = new Rational(10, 1);
      if (recipe.space !== undefined) context.colorSpace = recipe.space;
      if (recipe.range !== undefined) context.colorRange = recipe.range;
    },
    numFrames,
    matrix: recipe.matrix,
    frameDuration: recipe.duration ?? 10,
    frameOf: (k) => {
      const frame = new Frame();
      frame.alloc();
      frame.format = pixelFormat;
      frame.width = width;
      frame.height = height;
      if (recipe.space !== undefined) frame.colorSpace = recipe.space;
      if (recipe.range !== undefined) frame.colorRange = recipe.range;
      check(frame.getBuffer(0), 'getBuffer');
      fill(frame.data!, frame.linesize, k);
      frame.pts = BigInt(recipe.times?.[k] ?? k * 10);
      frame.duration = BigInt(recipe.duration ?? 10);
      return frame;
    },
  });
  return path;
}

/** x264's code for AVX-512 gives other bytes from run to run. */
const sameBytes = (options: Record<string, string>): Record<string, string> => ({
  ...options,
  'x264-params': [...(options['x264-params'] === undefined ? [] : [options['x264-params']]), 'asm=SSE42'].join(':'),
});

export async function makeSound(path: string): Promise<string> {
  await encode({
    path,
    codec: 'aac',
    format: 'mp4',
    muxing: {},
    options: {},
    setUp: (context) => {
      context.sampleRate = 16000;
      context.sampleFormat = AV_SAMPLE_FMT_FLTP;
      context.channelLayout = AV_CHANNEL_LAYOUT_MONO;
      context.timeBase = new Rational(1, 16000);
    },
    numFrames: 10,
    matrix: undefined,
    frameDuration: 1024,
    frameOf: (k) => {
      const frame = new Frame();
      frame.alloc();
      frame.format = AV_SAMPLE_FMT_FLTP;
      frame.sampleRate = 16000;
      frame.channelLayout = AV_CHANNEL_LAYOUT_MONO;
      frame.nbSamples = 1024;
      check(frame.getBuffer(0), 'getBuffer');
      frame.data![0]!.fill(0);
      frame.pts = BigInt(k * 1024);
      return frame;
    },
  });
  return path;
}

interface Encoding {
  path: string;
  codec: string;
  format: string;
  options: Record<string, string>;
  muxing: Record<string, string>;
  setUp: (context: CodecContext) => void;
  numFrames: number;
  matrix: [number, number, number, number] | undefined;
  frameDuration: number;
  frameOf: (k: number) => Frame;
}

async function encode(recipe: Encoding): Promise<void> {
  const codec = Codec.findEncoderByName(recipe.codec as Parameters<typeof Codec.findEncoderByName>[0]);
  if (!codec) throw new Error(`no encoder ${recipe.codec}`);
  using context = new CodecContext();
  context.allocContext3(codec);
  recipe.setUp(context);
  const format = new FormatContext();
  check(format.allocOutputContext2(null, recipe.format, `file:${recipe.path}`), 'muxer');
  if ((format.oformat!.flags & AVFMT_GLOBALHEADER) !== 0) context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
  check(await context.open2(codec, Dictionary.fromObject(recipe.options)), 'open encoder');
  const stream = format.newStream();
  stream.timeBase = context.timeBase;
  check(stream.codecpar.fromContext(context), 'parameters');
  if (recipe.matrix && context.codecType === AVMEDIA_TYPE_VIDEO) {
    const [a, b, c, d] = recipe.matrix;
    const side = Buffer.alloc(36);
    [a * 65536, b * 65536, 0, c * 65536, d * 65536, 0, 0, 0, 1 << 30].forEach((v, i) => side.writeInt32LE(v, i * 4));
    check(stream.codecpar.addCodedSideData(AV_PKT_DATA_DISPLAYMATRIX, side), 'side data');
  }
  check(await format.openOutput(), 'open file');
  check(await format.writeHeader(Dictionary.fromObject(recipe.muxing)), 'header');
  using packet = new Packet();
  packet.alloc();
  for (let k = 0; k <= recipe.numFrames; k++) {
    using frame = k < recipe.numFrames ? recipe.frameOf(k) : undefined;
    check(await context.sendFrame(frame ?? null), 'encode');
    for (;;) {
      const code = await context.receivePacket(packet);
      if (code === AVERROR_EAGAIN || code === AVERROR_EOF) break;
      check(code, 'packet');
      packet.streamIndex = 0;
      packet.duration = BigInt(recipe.frameDuration);
      packet.rescaleTs(context.timeBase, stream.timeBase);
      check(await format.interleavedWriteFrame(packet), 'write');
    }
  }
  check(await format.writeTrailer(), 'trailer');
  await format.closeOutput();
  format.freeContext();
}
