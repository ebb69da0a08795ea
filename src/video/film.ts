// Videos with FFmpeg's libraries (node-av): a file opened without network or playlists, its frames decoded in order.
import type { AVCodecID, FFDecoderCodec, IRational, Stream } from 'node-av';
import {
  AV_CODEC_ID_VP8,
  AV_CODEC_ID_VP9,
  AV_DISPOSITION_ATTACHED_PIC,
  AV_DISPOSITION_DEPENDENT,
  AV_LOG_QUIET,
  AV_NOPTS_VALUE,
  AV_PKT_DATA_DISPLAYMATRIX,
  AV_PKT_FLAG_CORRUPT,
  AVDISCARD_ALL,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  AVMEDIA_TYPE_VIDEO,
  AVSEEK_FLAG_BACKWARD,
  Codec,
  CodecContext,
  Dictionary,
  FF_DECODER_LIBVPX_VP8,
  FF_DECODER_LIBVPX_VP9,
  FFmpegError,
  FormatContext,
  Frame,
  Log,
  Packet,
} from 'node-av';
import type { FilmFacts, FilmTiming } from './film-facts.ts';
import type { PacketTime } from './listed-packet.ts';
import { aspectOf, containers, headed, readGifDelays } from './film-facts.ts';
import type { MediaFile, MediaNote } from '../media/index.ts';
import { expectedMedia, noteOf, unreadable } from '../media/index.ts';
import { readDisplayMatrix } from './rotation.ts';
import type { DecodeLimits } from './types.ts';

Log.setLevel(AV_LOG_QUIET);

/** A video file, opened. */
export interface Film extends FilmFacts, FilmTiming, AsyncDisposable {
  /** Width and height that the file claims, before rotation. */
  stream: Stream;
  /** Whether its container states when each frame is shown and has an index, or gets one by reading: MP4, MOV, Matroska, WebM; and no second stream hangs on the packets. */
  indexed: boolean;
  /** Reads the next packet of the video into it; false at the end. */
  readPacket: (packet: Packet) => Promise<boolean>;
  /** The same while this thread waits, which takes less time for a packet that is at hand. */
  readPacketNow: (packet: Packet) => boolean;
  /**
   * Goes to a keyframe at a time or before; the next packet read tells where that was.
   * @returns false where the container cannot
   */
  seek: (time: PacketTime) => Promise<boolean>;
  /** Frames by which the decoder's output lags behind its input, so that it can put them in the order of showing. */
  outputDelay: number;
  /** Opens a decoder for the stream: of one thread, that makes the best of damage, or a strict one, that fails of it. */
  openDecoder: (strict?: { threads: number }) => Promise<CodecContext>;
}

/**
 * Opens a video.
 * @param limits - what it may cost
 * @param ignoreEdits - whether frames that an MP4's edit list cuts are shown all the same; default false
 * @returns the open film; dispose of it
 * @throws UserError `unreadable-media` where it is no video of an allowed container
 */
export async function openFilm(file: MediaFile, limits: DecodeLimits, ignoreEdits: boolean = false): Promise<Film> {
  if (file.cutShort) throw unreadable(file.path, 'a whole video', 'one that is cut short');
  const format = new FormatContext();
  format.allocContext();
  const close = (): Promise<void> => format.closeInput();
  try {
    // An absolute path behind `file:` cannot be taken for another protocol, an option or a pattern.
    const options = Dictionary.fromObject({
      format_whitelist: containers,
      protocol_whitelist: 'file',
      ignore_editlist: ignoreEdits ? '1' : '0',
    });
    const opened = await format.openInput(`file:${file.source}`, null, options);
    if (opened < 0) throw unreadable(file.path, expectedMedia, `${file.looksLike} (${reason(opened)})`);
    checkSizes(format, file, limits);
    const found = await format.findStreamInfo();
    if (found < 0) throw unreadable(file.path, expectedMedia, `damaged data (${reason(found)})`);
    checkSizes(format, file, limits);
    const index = format.findBestStream(AVMEDIA_TYPE_VIDEO);
    const stream = format.streams[index];
    // A tile of a picture in an HEIF container depends on the others: none of them is the picture.
    if (!stream || (stream.disposition & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_DEPENDENT)) !== 0) {
      const got = format.streams.length > 0 ? 'a file without a video stream' : 'one without any stream (cut short?)';
      throw unreadable(file.path, expectedMedia, got);
    }
    for (const other of format.streams) if (other.index !== index) other.discard = AVDISCARD_ALL;
    const notes: MediaNote[] = [];
    const matrix = stream.codecpar.getCodedSideData(AV_PKT_DATA_DISPLAYMATRIX);
    const orientation = matrix ? readDisplayMatrix(matrix) : undefined;
    if (orientation === null) notes.push(noteOf('rotation'));
    // The decoder of the codec's alone drops the second stream that is the alpha: what it hides would be shown.
    const alphaDecoder =
      stream.metadata?.get('alpha_mode') === '1' ? alphaDecoders.get(stream.codecpar.codecId) : undefined;
    const ofAlpha = alphaDecoder && Codec.findDecoderByName(alphaDecoder);
    if (alphaDecoder !== undefined && !ofAlpha) notes.push(noteOf('alpha', 'not decoded: what it hides is shown'));
    const delays = await readGifDelays(file);
    const container = format.iformat?.name ?? '';
    const { duration } = format;
    const claimed = duration > 0n && headed.test(container) ? Number(duration) / 1e6 : undefined;

    const matroska = container.startsWith('matroska');

    /** Undefined for a packet of another stream. */
    const judge = (code: number, packet: Packet): boolean | undefined => {
      if (code === AVERROR_EOF) return false;
      if (code < 0) throw unreadable(file.path, 'a whole video', `damaged data (${reason(code)})`);
      if (packet.streamIndex !== index) return undefined;
      if ((packet.flags & AV_PKT_FLAG_CORRUPT) === 0) return true;
      throw unreadable(file.path, 'a whole video', 'one that is cut short or damaged');
    };
    const readPacket = async (packet: Packet): Promise<boolean> => {
      for (;;) {
        packet.unref();
        const got = judge(await format.readFrame(packet), packet);
        if (got !== undefined) return got;
      }
    };
    const readPacketNow = (packet: Packet): boolean => {
      for (;;) {
        packet.unref();
        const got = judge(format.readFrameSync(packet), packet);
        if (got !== undefined) return got;
      }
    };
    // MP4's index goes by the time of decoding, Matroska's by that of showing.
    const seek = async ({ pts, dts }: PacketTime): Promise<boolean> => {
      const time = matroska || Number.isNaN(dts) ? pts : dts;
      return (await format.seekFrame(index, BigInt(time), AVSEEK_FLAG_BACKWARD)) >= 0;
    };
    const openDecoder = async (strict?: { threads: number }): Promise<CodecContext> => {
      const codec = ofAlpha ?? Codec.findDecoder(stream.codecpar.codecId);
      if (!codec) throw unreadable(file.path, 'a codec with a decoder', `codec ${stream.codecpar.codecId}`);
      const context = new CodecContext();
      context.allocContext3(codec);
      context.parametersToContext(stream.codecpar);
      context.pktTimebase = stream.timeBase;
      context.threadCount = strict?.threads ?? 1;
      const options = { max_pixels: String(limits.maxPixels), ...(strict ? { err_detect: 'explode' } : {}) };
      const code = await context.open2(codec, Dictionary.fromObject(options));
      if (code < 0) throw unreadable(file.path, 'a video that can be decoded', `${codec.name}: ${reason(code)}`);
      return context;
    };
    return {
      stream,
      orientation: orientation ?? undefined,
      aspect: aspectOf(stream.sampleAspectRatio, stream.codecpar.sampleAspectRatio),
      delays,
      claimed,
      notes,
      indexed: !ofAlpha && (matroska || container.startsWith('mov')),
      readPacket,
      readPacketNow,
      seek,
      outputDelay: stream.codecpar.videoDelay,
      openDecoder,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Decoders by codec that decode the alpha of WebM, which is a second stream beside the packets. */
const alphaDecoders = new Map<AVCodecID, FFDecoderCodec>([
  [AV_CODEC_ID_VP8, FF_DECODER_LIBVPX_VP8],
  [AV_CODEC_ID_VP9, FF_DECODER_LIBVPX_VP9],
]);

function checkSizes(format: FormatContext, file: MediaFile, limits: DecodeLimits): void {
  for (const { codecpar } of format.streams) {
    if (codecpar.codecType !== AVMEDIA_TYPE_VIDEO) continue;
    const { width, height } = codecpar;
    if (width * height > limits.maxPixels) {
      throw unreadable(file.path, `at most ${limits.maxPixels} pixels a frame`, `${width}×${height}`);
    }
  }
}

/**
 * Decodes a film from its start, in presentation order, until it ends or `visit` says false.
 * @param film - the film, just opened
 * @param visit - takes each frame, which is valid until it returns
 */
export async function decode(film: Film, file: MediaFile, visit: (frame: Frame) => Promise<boolean>): Promise<void> {
  using context = await film.openDecoder();
  using packet = new Packet();
  packet.alloc();
  using frame = new Frame();
  frame.alloc();
  const drain = async (): Promise<boolean> => {
    for (;;) {
      const code = await context.receiveFrame(frame);
      if (code === AVERROR_EAGAIN || code === AVERROR_EOF) return true;
      if (code < 0) throw damaged(file, code);
      const go = await visit(frame);
      frame.unref();
      if (!go) return false;
    }
  };
  while (await film.readPacket(packet)) {
    const code = await context.sendPacket(packet);
    if (code < 0) throw damaged(file, code);
    if (!(await drain())) return;
  }
  await context.sendPacket(null);
  await drain();
}

function damaged(file: MediaFile, code: number): Error {
  return unreadable(file.path, 'a whole video', `data that its decoder refuses (${reason(code)})`);
}

/**
 * The seconds of a timestamp.
 * @param time - in units of the time base
 * @param base - the time base
 * @returns seconds, null where there is no timestamp
 */
export function seconds(time: bigint, base: IRational): number | null {
  return time === AV_NOPTS_VALUE ? null : (Number(time) * base.num) / base.den;
}

/**
 * What FFmpeg says of an error.
 * @param code - below 0
 * @returns its message
 */
export function reason(code: number): string {
  return new FFmpegError(code).message;
}
