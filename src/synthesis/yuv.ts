// Between our RGB and the YUV 4:2:0 frames of FFmpeg's encoders and decoders.
import type { AVColorRange, AVColorSpace, AVPixelFormat } from 'node-av';
import {
  AV_PIX_FMT_RGB24,
  AV_PIX_FMT_YUV420P,
  AV_PIX_FMT_YUVJ420P,
  AVCOL_RANGE_JPEG,
  AVCOL_RANGE_MPEG,
  AVCOL_SPC_RGB,
  FFmpegError,
  Frame,
  SoftwareScaleContext,
  SWS_ACCURATE_RND,
  SWS_BILINEAR,
  SWS_BITEXACT,
  SWS_FULL_CHR_H_INP,
  SWS_FULL_CHR_H_INT,
} from 'node-av';
import type { RgbFrame } from '../video/index.ts';

/** How colours are coded as YUV 4:2:0. */
export interface YuvCoding {
  /** Matrix of the colours. */
  matrix: AVColorSpace;
  /** Whether the whole range of 0–255 is used, as JPEG does, or 16–235. */
  fullRange: boolean;
  /** Columns of the YUV frames, even and at least the picture's. */
  width: number;
  /** Rows of the YUV frames, even and at least the picture's. */
  height: number;
}

/** Converts frames to YUV and back, one after another. */
export interface YuvConverter extends Disposable {
  /** A frame as YUV, padded to the right and below, with a timestamp; free it. */
  toYuv: (frame: RgbFrame, pts: number) => Frame;
  /** The upper left corner of a decoded frame as RGB. */
  toRgb: (frame: Frame, width: number, height: number) => RgbFrame;
}

/**
 * FFmpeg's names for a coding.
 * @param coding - how colours are coded
 * @returns pixel format and range
 */
export function yuvFormat(coding: YuvCoding): { format: AVPixelFormat; range: AVColorRange } {
  return coding.fullRange
    ? { format: AV_PIX_FMT_YUVJ420P, range: AVCOL_RANGE_JPEG }
    : { format: AV_PIX_FMT_YUV420P, range: AVCOL_RANGE_MPEG };
}

/**
 * Opens a converter. Rounding is exact, so that machines agree; edge pixels are repeated where a side is padded.
 * @param coding - how colours are coded
 * @returns the converter; dispose of it
 */
export function openYuvConverter(coding: YuvCoding): YuvConverter {
  const { format, range } = yuvFormat(coding);
  const [encoding, decoding] = [openScaler(), openScaler()];
  return {
    toYuv: (frame, pts) => {
      using source = newFrame(AV_PIX_FMT_RGB24, coding.width, coding.height);
      source.colorSpace = AVCOL_SPC_RGB;
      source.colorRange = AVCOL_RANGE_JPEG;
      copyPadded(frame, source);
      const yuv = newFrame(format, source.width, source.height);
      yuv.colorSpace = coding.matrix;
      yuv.colorRange = range;
      FFmpegError.throwIfError(encoding.scaleFrameSync(yuv, source), 'RGB to YUV');
      yuv.pts = BigInt(pts);
      yuv.duration = 1n;
      return yuv;
    },
    toRgb: (frame, width, height) => {
      frame.colorSpace = coding.matrix;
      frame.colorRange = range;
      using target = newFrame(AV_PIX_FMT_RGB24, frame.width, frame.height);
      target.colorSpace = AVCOL_SPC_RGB;
      target.colorRange = AVCOL_RANGE_JPEG;
      FFmpegError.throwIfError(decoding.scaleFrameSync(target, frame), 'YUV to RGB');
      const [rows, stride] = [target.data![0]!, target.linesize[0]!];
      const data = new Uint8Array(width * height * 3);
      for (let y = 0; y < height; y++) data.set(rows.subarray(y * stride, y * stride + width * 3), y * width * 3);
      return { width, height, data };
    },
    [Symbol.dispose]: () => {
      encoding.freeContext();
      decoding.freeContext();
    },
  };
}

function openScaler(): SoftwareScaleContext {
  const scaler = new SoftwareScaleContext();
  scaler.allocContext();
  const flags = SWS_BILINEAR | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP;
  FFmpegError.throwIfError(scaler.setOption('sws_flags', flags), 'sws_flags');
  FFmpegError.throwIfError(scaler.setOption('threads', 1), 'threads');
  return scaler;
}

function newFrame(format: AVPixelFormat, width: number, height: number): Frame {
  const frame = new Frame();
  frame.alloc();
  frame.format = format;
  frame.width = width;
  frame.height = height;
  FFmpegError.throwIfError(frame.getBuffer(0), 'frame buffer');
  return frame;
}

function copyPadded({ width, height, data }: RgbFrame, target: Frame): void {
  const [rows, stride] = [target.data![0]!, target.linesize[0]!];
  for (let y = 0; y < target.height; y++) {
    const from = Math.min(y, height - 1) * width * 3;
    rows.set(data.subarray(from, from + width * 3), y * stride);
    for (let x = width; x < target.width; x++) {
      rows.set(data.subarray(from + (width - 1) * 3, from + width * 3), y * stride + x * 3);
    }
  }
}
