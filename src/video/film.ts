// Videos with FFmpeg's libraries (node-av): a file opened without network or playlists, its packets listed, its frames decoded in order.
import { readFile } from 'node:fs/promises';
import type { AVColorSpace, IRational, Stream } from 'node-av';
import {
  AV_DISPOSITION_ATTACHED_PIC,
  AV_LOG_QUIET,
  AV_NOPTS_VALUE,
  AV_PIX_FMT_RGBA,
  AV_PKT_DATA_DISPLAYMATRIX,
  AV_PKT_FLAG_CORRUPT,
  AV_PKT_FLAG_DISCARD,
  AVCOL_PRI_UNSPECIFIED,
  AVCOL_RANGE_JPEG,
  AVCOL_RANGE_MPEG,
  AVCOL_SPC_BT2020_NCL,
  AVCOL_SPC_BT709,
  AVCOL_SPC_RGB,
  AVCOL_SPC_SMPTE170M,
  AVCOL_TRC_ARIB_STD_B67,
  AVCOL_TRC_SMPTE2084,
  AVCOL_TRC_UNSPECIFIED,
  AVDISCARD_ALL,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  AVMEDIA_TYPE_VIDEO,
  avGetPixFmtName,
  Codec,
  CodecContext,
  Dictionary,
  FFmpegError,
  FormatContext,
  Frame,
  Log,
  Packet,
  SoftwareScaleContext,
  SWS_ACCURATE_RND,
  SWS_BILINEAR,
  SWS_BITEXACT,
  SWS_FULL_CHR_H_INP,
  SWS_FULL_CHR_H_INT,
} from 'node-av';
import { blendOnWhite } from './colour.ts';
import { gifDelays } from './gif-delays.ts';
import { unreadable } from './media-file.ts';
import type { MediaFile } from './media-file.ts';
import type { Orientation } from './rotation.ts';
import { orient, readDisplayMatrix } from './rotation.ts';
import type { DecodeLimits, RgbFrame } from './types.ts';

Log.setLevel(AV_LOG_QUIET);

/** FFmpeg's names of the containers that are opened. Nothing else is: no playlist, script, picture sequence or device. */
const containers = 'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,gif,ogg,asf,yuv4mpegpipe';
/** Containers whose header states a duration; of the others FFmpeg guesses it. */
const headed = /^(?:mov|matroska|avi|flv)/;
const expectedVideo = 'a video (MP4, MOV, WebM, MKV, AVI, GIF, MPEG, FLV, OGG, WMV or Y4M)';

/** A video file, opened. */
export interface Film extends AsyncDisposable {
  /** Width and height that the file claims, before rotation. */
  stream: Stream;
  /** How its frames are turned upright; undefined where they are. */
  orientation: Orientation | undefined;
  /** Delays of a GIF's frames in hundredths of a second; undefined for other files. */
  delays: number[] | undefined;
  /** Seconds that the file's header claims; undefined where it has no such field. */
  claimed: number | undefined;
  /** What a careful user should know. */
  notes: string[];
  /** Reads the next packet of the video into it; false at the end. */
  readPacket: (packet: Packet) => Promise<boolean>;
  /** Opens a decoder for the stream. */
  openDecoder: () => Promise<CodecContext>;
}

/**
 * Opens a video.
 * @param file - the file
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
    const opened = await format.openInput(`file:${file.path}`, null, options);
    if (opened < 0) throw unreadable(file.path, expectedVideo, `${file.looksLike} (${reason(opened)})`);
    checkSizes(format, file, limits);
    const found = await format.findStreamInfo();
    if (found < 0) throw unreadable(file.path, expectedVideo, `damaged data (${reason(found)})`);
    checkSizes(format, file, limits);
    const index = format.findBestStream(AVMEDIA_TYPE_VIDEO);
    const stream = format.streams[index];
    if (!stream || (stream.disposition & AV_DISPOSITION_ATTACHED_PIC) !== 0) {
      const got = format.streams.length > 0 ? 'a file without a video stream' : 'one without any stream (cut short?)';
      throw unreadable(file.path, expectedVideo, got);
    }
    for (const other of format.streams) if (other.index !== index) other.discard = AVDISCARD_ALL;
    const notes: string[] = [];
    const matrix = stream.codecpar.getCodedSideData(AV_PKT_DATA_DISPLAYMATRIX);
    const orientation = matrix ? readDisplayMatrix(matrix) : undefined;
    if (orientation === null) notes.push('display matrix is no multiple of 90°: not applied');
    const aspect = stream.codecpar.sampleAspectRatio;
    if (aspect.num > 0 && aspect.den > 0 && aspect.num !== aspect.den) {
      notes.push(`pixels are not square (${aspect.num}:${aspect.den}): shown as stored`);
    }
    const gif = file.still === 'gif' ? gifDelays(await readFile(file.path)) : undefined;
    if (gif && !gif.whole) throw unreadable(file.path, 'a whole GIF', 'one that is cut short');
    const { duration } = format;
    const claimed = duration > 0n && headed.test(format.iformat?.name ?? '') ? Number(duration) / 1e6 : undefined;

    const readPacket = async (packet: Packet): Promise<boolean> => {
      for (;;) {
        packet.unref();
        const code = await format.readFrame(packet);
        if (code === AVERROR_EOF) return false;
        if (code < 0) throw unreadable(file.path, 'a whole video', `damaged data (${reason(code)})`);
        if (packet.streamIndex !== index) continue;
        if ((packet.flags & AV_PKT_FLAG_CORRUPT) !== 0) {
          throw unreadable(file.path, 'a whole video', 'one that is cut short or damaged');
        }
        return true;
      }
    };
    const openDecoder = async (): Promise<CodecContext> => {
      const codec = Codec.findDecoder(stream.codecpar.codecId);
      if (!codec) throw unreadable(file.path, 'a codec with a decoder', `codec ${stream.codecpar.codecId}`);
      const context = new CodecContext();
      context.allocContext3(codec);
      context.parametersToContext(stream.codecpar);
      context.pktTimebase = stream.timeBase;
      context.threadCount = 1;
      const code = await context.open2(codec, Dictionary.fromObject({ max_pixels: String(limits.maxPixels) }));
      if (code < 0) throw unreadable(file.path, 'a video that can be decoded', `${codec.name}: ${reason(code)}`);
      return context;
    };
    return {
      stream,
      orientation: orientation ?? undefined,
      delays: gif?.delays,
      claimed,
      notes,
      readPacket,
      openDecoder,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function checkSizes(format: FormatContext, file: MediaFile, limits: DecodeLimits): void {
  for (const { codecpar } of format.streams) {
    if (codecpar.codecType !== AVMEDIA_TYPE_VIDEO) continue;
    const { width, height } = codecpar;
    if (width * height > limits.maxPixels) {
      throw unreadable(file.path, `at most ${limits.maxPixels} pixels a frame`, `${width}×${height}`);
    }
  }
}

/** What the packets tell without decoding. */
export interface PacketList {
  /** Packets that hold a frame to show. */
  numFrames: number;
  /** Indices of keyframes in presentation order, as far as the packets' flags tell. */
  keyframes: number[];
  /** Seconds of each packet in presentation order; null where it carries none. */
  times: (number | null)[];
  /** Seconds that the last packet lasts; 0 where unknown. */
  lastDuration: number;
}

/**
 * Lists the packets of a film, which is then at its end.
 * @param film - the film, just opened
 * @returns what they tell; only decoding gives the truth
 */
export async function listPackets(film: Film): Promise<PacketList> {
  using packet = new Packet();
  packet.alloc();
  const shown: { time: bigint; key: boolean; duration: bigint }[] = [];
  while (await film.readPacket(packet)) {
    if ((packet.flags & AV_PKT_FLAG_DISCARD) !== 0) continue;
    const time = packet.pts === AV_NOPTS_VALUE ? packet.dts : packet.pts;
    shown.push({ time, key: packet.isKeyframe, duration: packet.duration });
  }
  if (shown.every(({ time }) => time !== AV_NOPTS_VALUE)) {
    shown.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  }
  const base = film.stream.timeBase;
  return {
    numFrames: shown.length,
    keyframes: shown.flatMap(({ key }, i) => (key ? [i] : [])),
    times: shown.map(({ time }) => seconds(time, base)),
    lastDuration: Number(shown.at(-1)?.duration ?? 0n) * (base.num / base.den),
  };
}

/**
 * Decodes a film from its start, in presentation order, until it ends or `visit` says false.
 * @param film - the film, just opened
 * @param file - its file
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

/** Makes frames RGB. */
export interface ColourConverter extends Disposable {
  /** Converts a frame; `colour` says how, `notes` what to beware of. */
  toRgb: (frame: Frame) => Promise<{ rgb: RgbFrame; colour: string; notes: string[] }>;
}

/**
 * Opens a converter to upright RGB. Matrix and range are the stream's; without a tag BT.709 from 1280 columns or more than 576 rows
 * on, BT.601 below, limited range. Full-resolution chroma and exact rounding, so that machines agree. No tone mapping.
 * @param file - the file
 * @param orientation - how frames are turned upright
 * @returns the converter; dispose of it
 */
export function openConverter(file: MediaFile, orientation: Orientation | undefined): ColourConverter {
  const scaler = new SoftwareScaleContext();
  scaler.allocContext();
  const flags = SWS_BILINEAR | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP;
  FFmpegError.throwIfError(scaler.setOption('sws_flags', flags), 'sws_flags');
  FFmpegError.throwIfError(scaler.setOption('threads', 1), 'threads');
  return {
    toRgb: async (frame) => {
      const { width, height } = frame;
      const { colour, notes } = declareColour(frame);
      using target = new Frame();
      target.alloc();
      target.format = AV_PIX_FMT_RGBA;
      target.width = width;
      target.height = height;
      target.colorSpace = AVCOL_SPC_RGB;
      target.colorRange = AVCOL_RANGE_JPEG;
      FFmpegError.throwIfError(target.getBuffer(0), 'frame buffer');
      const code = await scaler.scaleFrame(target, frame);
      if (code < 0) {
        throw unreadable(file.path, 'a pixel format that converts to RGB', `${colour} (${reason(code)})`);
      }
      const { frame: rgb, transparent } = blendOnWhite(target.data![0]!, width, height, target.linesize[0]);
      if (transparent) notes.push('transparency blended on white');
      return { rgb: orientation ? orient(rgb, orientation) : rgb, colour, notes };
    },
    [Symbol.dispose]: () => scaler.freeContext(),
  };
}

const matrixNames = new Map<AVColorSpace, string>([
  [AVCOL_SPC_BT709, 'BT.709'],
  [AVCOL_SPC_SMPTE170M, 'BT.601'],
  [5 as AVColorSpace, 'BT.601'], // AVCOL_SPC_BT470BG, the same numbers
  [AVCOL_SPC_BT2020_NCL, 'BT.2020'],
]);

/** Writes the colour that is meant into the frame, where FFmpeg's scaler reads it. */
function declareColour(frame: Frame): { colour: string; notes: string[] } {
  const format = avGetPixFmtName(frame.format as Parameters<typeof avGetPixFmtName>[0]) ?? `format ${frame.format}`;
  const notes: string[] = [];
  if (frame.colorTrc === AVCOL_TRC_SMPTE2084 || frame.colorTrc === AVCOL_TRC_ARIB_STD_B67) {
    notes.push('HDR transfer curve: shown without tone mapping');
  }
  frame.colorPrimaries = AVCOL_PRI_UNSPECIFIED; // or the scaler maps gamut and tone
  frame.colorTrc = AVCOL_TRC_UNSPECIFIED;
  if (/^(?:0?rgb|0?bgr|gbr|argb|abgr|pal8)/.test(format)) return { colour: format, notes };
  const tagged = matrixNames.has(frame.colorSpace);
  const byHeight = frame.height > 576 || frame.width >= 1280 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
  const space = tagged ? frame.colorSpace : byHeight;
  if (!tagged && !/^gray|^ya/.test(format) && frame.colorSpace !== 2) {
    notes.push(`colour matrix ${frame.colorSpace} is not known here: taken as ${matrixNames.get(space)}`);
  }
  const full = frame.colorRange === AVCOL_RANGE_JPEG || format.startsWith('yuvj');
  frame.colorSpace = space;
  frame.colorRange = full ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  const origin = tagged ? 'tagged' : 'by size';
  return { colour: `${format}, ${matrixNames.get(space)} (${origin}), ${full ? 'full' : 'limited'} range`, notes };
}

function reason(code: number): string {
  return new FFmpegError(code).message;
}
