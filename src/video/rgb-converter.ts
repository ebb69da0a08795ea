// Decoded frames to upright RGB, by the stream's tags.
import type { AVColorPrimaries, AVColorSpace } from 'node-av';
import {
  AV_FRAME_FLAG_INTERLACED,
  AV_PIX_FMT_RGB24,
  AV_PIX_FMT_RGBA,
  AVCHROMA_LOC_TOPLEFT,
  AVCOL_PRI_BT2020,
  AVCOL_PRI_BT709,
  AVCOL_PRI_SMPTE431,
  AVCOL_PRI_SMPTE432,
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
  avGetPixFmtName,
  FFmpegError,
  Frame,
  SoftwareScaleContext,
  SWS_ACCURATE_RND,
  SWS_BILINEAR,
  SWS_BITEXACT,
  SWS_FULL_CHR_H_INP,
  SWS_FULL_CHR_H_INT,
} from 'node-av';
import { blendOnWhite } from './colour.ts';
import { reason } from './film.ts';
import type { MediaFile, MediaNote } from '../media/index.ts';
import { noteOf, unreadable } from '../media/index.ts';
import type { Orientation } from './rotation.ts';
import { orient } from './rotation.ts';
import type { HdrPlanes } from './tone-map.ts';
import { HDR_PEAK, SDR_WHITE, toneMap } from './tone-map.ts';
import type { PixelOptions, RgbFrame } from './types.ts';

/** Makes frames RGB. */
export interface ColourConverter extends Disposable {
  /** Converts a frame. */
  toRgb: (frame: Frame) => Promise<ConvertedFrame>;
}

/** A frame as RGB. */
export interface ConvertedFrame {
  /** Upright. */
  rgb: RgbFrame;
  /** How its colours became RGB. */
  colour: string;
  /** What was done besides. */
  corrections: string[];
  /** What a careful user should know. */
  notes: MediaNote[];
}

/**
 * Opens a converter to upright RGB. Matrix and range are the stream's; without a tag BT.709 from 1280 columns or more than 576 rows
 * on, BT.601 below, limited range. Full-resolution chroma and exact rounding, so that machines agree.
 * @param file - the file
 * @param orientation - how frames are turned upright
 * @param toneMapping - the curve that HDR is mapped by; `none` takes its numbers as SDR's
 * @returns the converter; dispose of it
 */
export function openConverter(
  file: MediaFile,
  orientation: Orientation | undefined,
  toneMapping: PixelOptions['toneMap'] = 'none',
): ColourConverter {
  const scaler = new SoftwareScaleContext();
  scaler.allocContext();
  const flags = SWS_BILINEAR | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP;
  FFmpegError.throwIfError(scaler.setOption('sws_flags', flags), 'sws_flags');
  FFmpegError.throwIfError(scaler.setOption('threads', 1), 'threads');
  return {
    toRgb: async (frame) => {
      const { width, height } = frame;
      const hdr = toneMapping === 'none' ? undefined : hdrPlanes(frame);
      const { format, colour, notes } = declareColour(frame, hdr !== undefined);
      if (hdr !== undefined) {
        const rgb = toneMap(hdr);
        const done = `HDR (${hdr.transfer}) of ${HDR_PEAK} cd/m² to SDR of ${SDR_WHITE} cd/m² by BT.2390`;
        return { rgb: orientation ? orient(rgb, orientation) : rgb, colour, corrections: [done], notes };
      }
      const opaque = opaqueFormats.test(format);
      using target = new Frame();
      target.alloc();
      target.format = opaque ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_RGBA;
      target.width = width;
      target.height = height;
      target.colorSpace = AVCOL_SPC_RGB;
      target.colorRange = AVCOL_RANGE_JPEG;
      FFmpegError.throwIfError(target.getBuffer(0), 'frame buffer');
      const code = await scaler.scaleFrame(target, frame);
      if (code < 0) {
        throw unreadable(file.path, 'a pixel format that converts to RGB', `${colour} (${reason(code)})`);
      }
      const [data, stride] = [target.data![0]!, target.linesize[0]!];
      const blended = opaque ? undefined : blendOnWhite(data, width, height, stride);
      if (blended?.transparent === true) notes.push(noteOf('alpha', 'blended on white'));
      const rgb = blended?.frame ?? { width, height, data: packRows(data, width * 3, height, stride) };
      return { rgb: orientation ? orient(rgb, orientation) : rgb, colour, corrections: [], notes };
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

/** Primaries beyond BT.709's, with the gamut that tone mapping takes them for. */
const widePrimaries = new Map<AVColorPrimaries, 'BT.2020' | 'P3'>([
  [AVCOL_PRI_BT2020, 'BT.2020'],
  [AVCOL_PRI_SMPTE431, 'P3'],
  [AVCOL_PRI_SMPTE432, 'P3'],
]);

function transferOf({ colorTrc }: Frame): 'PQ' | 'HLG' | undefined {
  if (colorTrc === AVCOL_TRC_SMPTE2084) return 'PQ';
  return colorTrc === AVCOL_TRC_ARIB_STD_B67 ? 'HLG' : undefined;
}

/** Weights of red and blue in luma, by matrix (ITU-R BT.709, BT.601, BT.2020). */
const lumaWeights = new Map<string, readonly [number, number]>([
  ['BT.709', [0.2126, 0.0722]],
  ['BT.601', [0.299, 0.114]],
  ['BT.2020', [0.2627, 0.0593]],
]);

/** The planes of an HDR frame; undefined for SDR, and for formats that HDR is not coded in. */
function hdrPlanes(frame: Frame): HdrPlanes | undefined {
  const transfer = transferOf(frame);
  const name = avGetPixFmtName(frame.format as Parameters<typeof avGetPixFmtName>[0]) ?? '';
  const [, chroma, bits = '8'] = /^yuvj?4(20|22|44)p(?:(10|12|14|16)le)?$/.exec(name) ?? [];
  if (transfer === undefined || chroma === undefined || !frame.data) return undefined;
  const { width, height, data, linesize } = frame;
  return {
    width,
    height,
    depth: Number(bits),
    planes: [data[0]!, data[1]!, data[2]!],
    strides: [linesize[0]!, linesize[1]!, linesize[2]!],
    shiftX: chroma === '44' ? 0 : 1,
    shiftY: chroma === '20' ? 1 : 0,
    chromaOnRows: frame.chromaLocation === AVCHROMA_LOC_TOPLEFT,
    fullRange: frame.colorRange === AVCOL_RANGE_JPEG,
    matrix: lumaWeights.get(matrixNames.get(frame.colorSpace) ?? 'BT.2020')!,
    transfer,
    primaries:
      frame.colorPrimaries === AVCOL_PRI_BT709 ? 'BT.709' : (widePrimaries.get(frame.colorPrimaries) ?? 'BT.2020'),
  };
}

/** Planar YUV without alpha, in FFmpeg's names. */
const opaqueFormats = /^yuvj?4[124]\dp/;

function packRows(data: Uint8Array, width: number, height: number, stride: number): Uint8Array {
  const rows = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) rows.set(data.subarray(y * stride, y * stride + width), y * width);
  return rows;
}

/** Writes the colour that is meant into the frame, where FFmpeg's scaler reads it, and clears what would lead the scaler astray. */
function declareColour(frame: Frame, isMapped: boolean): { format: string; colour: string; notes: MediaNote[] } {
  const format = avGetPixFmtName(frame.format as Parameters<typeof avGetPixFmtName>[0]) ?? `format ${frame.format}`;
  const notes: MediaNote[] = [];
  const transfer = transferOf(frame);
  const wide = widePrimaries.get(frame.colorPrimaries);
  if (transfer !== undefined && !isMapped) notes.push(noteOf('hdr', transfer));
  if (transfer === undefined && wide !== undefined) notes.push(noteOf('gamut', wide));
  frame.clearFlags(AV_FRAME_FLAG_INTERLACED); // or the scaler refuses: fields are not scaled apart, as `ffmpeg` does not either
  frame.colorPrimaries = AVCOL_PRI_UNSPECIFIED; // or the scaler maps gamut and tone
  frame.colorTrc = AVCOL_TRC_UNSPECIFIED;
  if (/^(?:0?rgb|0?bgr|gbr|argb|abgr|pal8)/.test(format)) return { format, colour: format, notes };
  const tagged = matrixNames.has(frame.colorSpace);
  const byHeight = frame.height > 576 || frame.width >= 1280 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
  const space = tagged ? frame.colorSpace : byHeight;
  if (!tagged && !/^gray|^ya/.test(format) && frame.colorSpace !== 2) {
    notes.push(noteOf('matrix', frame.colorSpace, matrixNames.get(space)!));
  }
  const full = frame.colorRange === AVCOL_RANGE_JPEG || format.startsWith('yuvj');
  frame.colorSpace = space;
  frame.colorRange = full ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  const origin = tagged ? 'tagged' : 'by size';
  const colour = `${format}, ${matrixNames.get(space)} (${origin}), ${full ? 'full' : 'limited'} range`;
  return { format, colour, notes };
}
