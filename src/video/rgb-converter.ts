// Decoded frames to upright RGB, by the stream's tags.
import type { AVColorSpace } from 'node-av';
import {
  AV_FRAME_FLAG_INTERLACED,
  AV_PIX_FMT_RGB24,
  AV_PIX_FMT_RGBA,
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
import type { RgbFrame } from './types.ts';

/** Makes frames RGB. */
export interface ColourConverter extends Disposable {
  /** Converts a frame; `colour` says how, `notes` what to beware of. */
  toRgb: (frame: Frame) => Promise<{ rgb: RgbFrame; colour: string; notes: MediaNote[] }>;
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
      const { format, colour, notes } = declareColour(frame);
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

/** Planar YUV without alpha, in FFmpeg's names. */
const opaqueFormats = /^yuvj?4[124]\dp/;

function packRows(data: Uint8Array, width: number, height: number, stride: number): Uint8Array {
  const rows = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) rows.set(data.subarray(y * stride, y * stride + width), y * width);
  return rows;
}

/** Writes the colour that is meant into the frame, where FFmpeg's scaler reads it, and clears what would lead the scaler astray. */
function declareColour(frame: Frame): { format: string; colour: string; notes: MediaNote[] } {
  const format = avGetPixFmtName(frame.format as Parameters<typeof avGetPixFmtName>[0]) ?? `format ${frame.format}`;
  const notes: MediaNote[] = [];
  if (frame.colorTrc === AVCOL_TRC_SMPTE2084 || frame.colorTrc === AVCOL_TRC_ARIB_STD_B67) {
    notes.push(noteOf('hdr', frame.colorTrc === AVCOL_TRC_SMPTE2084 ? 'PQ' : 'HLG'));
  }
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
