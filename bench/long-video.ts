// Makes the long video that picking frames is measured with: 1080p H.264 in MP4, a keyframe every two seconds, B-frames as x264 likes them.
import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_LOG_QUIET,
  AV_PIX_FMT_YUV420P,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  AVFMT_GLOBALHEADER,
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

Log.setLevel(AV_LOG_QUIET);
const [width, height, fps] = [1920, 1080, 30];

/**
 * Makes the video: a texture that drifts, and a grid that moves the other way, so that motion and residuals are there to decode.
 * @param path - where to
 * @param seconds - how long
 */
export async function makeLongVideo(path: string, seconds: number): Promise<void> {
  const check = (code: number, what: string): void => FFmpegError.throwIfError(code, what);
  const codec = Codec.findEncoderByName('libx264' as Parameters<typeof Codec.findEncoderByName>[0]);
  if (!codec) throw new Error('no H.264 encoder');
  using context = new CodecContext();
  context.allocContext3(codec);
  context.width = width;
  context.height = height;
  context.pixelFormat = AV_PIX_FMT_YUV420P;
  context.timeBase = new Rational(1, fps);
  context.framerate = new Rational(fps, 1);
  const format = new FormatContext();
  check(format.allocOutputContext2(null, 'mp4', `file:${path}`), 'muxer');
  if ((format.oformat!.flags & AVFMT_GLOBALHEADER) !== 0) context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
  const params = `keyint=${2 * fps}:min-keyint=${2 * fps}:scenecut=0:open-gop=0:bframes=3:ref=3`;
  check(await context.open2(codec, Dictionary.fromObject({ preset: 'veryfast', 'x264-params': params })), 'encoder');
  const stream = format.newStream();
  stream.timeBase = context.timeBase;
  check(stream.codecpar.fromContext(context), 'parameters');
  check(await format.openOutput(), 'open file');
  check(await format.writeHeader(), 'header');
  const texture = makeTexture();
  using packet = new Packet();
  packet.alloc();
  for (let k = 0; k <= seconds * fps; k++) {
    using frame = k < seconds * fps ? drawFrame(texture, k) : undefined;
    check(await context.sendFrame(frame ?? null), 'encode');
    for (;;) {
      const code = await context.receivePacket(packet);
      if (code === AVERROR_EAGAIN || code === AVERROR_EOF) break;
      check(code, 'packet');
      packet.streamIndex = 0;
      packet.duration = 1n;
      packet.rescaleTs(context.timeBase, stream.timeBase);
      check(await format.interleavedWriteFrame(packet), 'write');
    }
  }
  check(await format.writeTrailer(), 'trailer');
  await format.closeOutput();
  format.freeContext();
}

/** Rows of twice the width, so that any window of it can be copied as it is. */
function makeTexture(): Buffer {
  const texture = Buffer.alloc(2 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < 2 * width; x++) {
      const noise = (Math.imul(((x >> 2) % (width >> 2)) * 7919 + (y >> 2) * 104729, 2654435761) >>> 24) >> 3;
      const waves = 60 * Math.sin((2 * Math.PI * 5 * x) / width + y / 90) + 40 * Math.cos(y / 37);
      texture[y * 2 * width + x] = Math.max(16, Math.min(235, 120 + waves + noise));
    }
  }
  return texture;
}

function drawFrame(texture: Buffer, k: number): Frame {
  const frame = new Frame();
  frame.alloc();
  frame.format = AV_PIX_FMT_YUV420P;
  frame.width = width;
  frame.height = height;
  FFmpegError.throwIfError(frame.getBuffer(0), 'getBuffer');
  const [luma, ...chroma] = frame.data!;
  const [stride, chromaStride] = frame.linesize;
  for (let y = 0; y < height; y++) {
    const shift = (3 * k + (y > height / 2 ? k : 0)) % width;
    texture.copy(luma!, y * stride!, y * 2 * width + shift, y * 2 * width + shift + width);
  }
  for (let y = 0; y < height; y += 60) {
    const left = (y * 11 + 5 * k) % (width - 60);
    for (let row = y; row < y + 30; row++) luma!.fill(40 + (k % 160), row * stride! + left, row * stride! + left + 60);
  }
  chroma.forEach((plane, c) => {
    for (let y = 0; y < height / 2; y++) {
      plane.fill(90 + ((y + k * (c + 1)) % 80), y * chromaStride!, y * chromaStride! + width / 2);
    }
  });
  frame.pts = BigInt(k);
  frame.duration = 1n;
  return frame;
}
