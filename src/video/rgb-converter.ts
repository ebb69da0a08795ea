// Decoded frames to upright RGB, by the stream's tags.
import type { AVColorSpace } from 'node-av';
import {
  AV_FRAME_FLAG_INTERLACED,
  AV_PIX_FMT_RGB24,
  AV_PIX_FMT_RGBA,
  AVCOL_PRI_UNSPECIFIED,
  AVCOL_RANGE_JPEG,
  AVCOL_RANGE_MPEG,
  AVCOL_SPC_RGB,
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
import type { ColourTags } from './colour-tags.ts';
import { hdrMeaning, meaningOf } from './colour-tags.ts';
import { reason } from './film.ts';
import type { ConvertedFrame } from './found-frames.ts';
import type { MediaFile, MediaNote } from '../media/index.ts';
import { noteOf, unreadable } from '../media/index.ts';
import type { Orientation } from './rotation.ts';
import { orient } from './rotation.ts';
import type { HdrPlanes } from './tone-map.ts';
import { toneMap, toneMapped } from './tone-map.ts';
import type { PixelOptions } from './types.ts';

/** Makes frames RGB. */
export interface ColourConverter extends Disposable {
  /** Converts a frame. */
  toRgb: (frame: Frame) => Promise<ConvertedFrame>;
}

/**
 * Opens a converter to upright RGB. Matrix and range are the stream's; without a tag BT.709 from 1280 columns or more than 576 rows
 * on, BT.601 below, limited range. Full-resolution chroma and exact rounding, so that machines agree.
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
      const { format, colour, notes } = declareColour(frame, toneMapping);
      if (hdr !== undefined) {
        const rgb = toneMap(hdr);
        return { rgb: orientation ? orient(rgb, orientation) : rgb, colour, corrections: [toneMapped(hdr)], notes };
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

/** What the frame says of its colours. FFmpeg's numbers are those of ITU-T H.273. */
function tagsOf({ colorSpace, colorTrc, colorPrimaries, colorRange, chromaLocation }: Frame): ColourTags {
  return {
    matrix: colorSpace,
    transfer: colorTrc,
    primaries: colorPrimaries,
    fullRange: colorRange === AVCOL_RANGE_JPEG,
    chroma: chromaLocation,
  };
}

function formatOf({ format }: Frame): string {
  return avGetPixFmtName(format as Parameters<typeof avGetPixFmtName>[0]) ?? `format ${format}`;
}

/** The planes of an HDR frame; undefined for SDR, and for formats that HDR is not coded in. */
function hdrPlanes(frame: Frame): HdrPlanes | undefined {
  const { width, height, data, linesize } = frame;
  const meaning = hdrMeaning(formatOf(frame), tagsOf(frame));
  if (!meaning || !data) return undefined;
  return {
    ...meaning,
    width,
    height,
    planes: [data[0]!, data[1]!, data[2]!],
    strides: [linesize[0]!, linesize[1]!, linesize[2]!],
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
function declareColour(
  frame: Frame,
  toneMapping: PixelOptions['toneMap'],
): { format: string; colour: string; notes: MediaNote[] } {
  const format = formatOf(frame);
  const { colour, notes, yuv } = meaningOf(format, frame, tagsOf(frame), toneMapping);
  frame.clearFlags(AV_FRAME_FLAG_INTERLACED); // or the scaler refuses: fields are not scaled apart, as `ffmpeg` does not either
  frame.colorPrimaries = AVCOL_PRI_UNSPECIFIED; // or the scaler maps gamut and tone
  frame.colorTrc = AVCOL_TRC_UNSPECIFIED;
  if (yuv) {
    frame.colorSpace = yuv.matrix as AVColorSpace;
    frame.colorRange = yuv.fullRange ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  }
  return { format, colour, notes };
}
