// Raw frames of any pixel format to 8-bit RGB, as FFmpeg's scaler does it with full chroma and exact rounding, to within one level.
import { blendOnWhite } from '../colour.ts';
import type { RgbFrame } from '../types.ts';
import type { Component, PixelFormat } from './pixel-format.ts';
import { ceilShift } from './pixel-format.ts';

/** A raw frame. */
export interface RawFrame {
  /** Columns. */
  width: number;
  /** Rows. */
  height: number;
  /** How its planes lie. */
  format: PixelFormat;
  /** The planes; those of a palette's colours last. */
  planes: readonly Buffer[];
  /** Bytes from row to row of each. */
  strides: readonly number[];
}

/** How colour differences become colour. */
export interface YuvMeaning {
  /** Weights of red and blue in luma. */
  matrix: readonly [kr: number, kb: number];
  /** Whether values use their full range. */
  fullRange: boolean;
  /** Where chroma lies between luma's columns and rows: 0 on the first of two, 0.5 between them, 1 on the second. */
  siting: readonly [x: number, y: number];
}

/**
 * Converts a frame.
 * @param meaning - how colour differences become colour; of RGB it does not count
 * @returns the picture, alpha blended on white; whether any pixel was not opaque
 */
export function planesToRgb(frame: RawFrame, meaning: YuvMeaning): { rgb: RgbFrame; transparent: boolean } {
  const { width, height, format } = frame;
  const channels = format.alpha ? 4 : 3;
  const data = new Uint8Array(width * height * channels);
  if (format.model === 'palette') fromPalette(frame, data);
  else {
    const fill =
      format.model === 'rgb' ? rgbRows(frame) : format.model === 'grey' ? greyRows(frame) : yuvRows(frame, meaning);
    for (let y = 0; y < height; y++) fill(y, data, y * width * channels, channels);
    if (format.alpha) fillAlpha(frame, data);
  }
  if (!format.alpha) return { rgb: { width, height, data }, transparent: false };
  const { frame: rgb, transparent } = blendOnWhite(data, width, height);
  return { rgb, transparent };
}

/** Writes red, green and blue of a row. */
type FillRow = (y: number, to: Uint8Array, offset: number, channels: number) => void;

/** Reads a row of a component, in units of 8 bits. */
function rowReader({ planes, strides }: RawFrame, part: Component): (y: number, into: Float64Array) => void {
  const { plane, step, offset, shift, depth, bigEndian } = part;
  const [bytes, stride] = [planes[plane]!, strides[plane]!];
  const [low, high] = bigEndian ? [1, 0] : [0, 1];
  const unit = 2 ** (8 - depth - shift);
  const mask = ~((1 << shift) - 1);
  return (y, into) => {
    let p = y * stride + offset;
    if (depth <= 8) for (let x = 0; x < into.length; x++, p += step) into[x] = bytes[p]!;
    else {
      for (let x = 0; x < into.length; x++, p += step) {
        into[x] = ((bytes[p + low]! | (bytes[p + high]! << 8)) & mask) * unit;
      }
    }
  };
}

function fillAlpha(frame: RawFrame, data: Uint8Array): void {
  const { width, height, format } = frame;
  const read = rowReader(frame, format.components.at(-1)!);
  const row = new Float64Array(width);
  for (let y = 0, o = 3; y < height; y++) {
    read(y, row);
    for (let x = 0; x < width; x++, o += 4) data[o] = Math.min(255, Math.round(row[x]!));
  }
}

function rgbRows(frame: RawFrame): FillRow {
  const readers = frame.format.components.slice(0, 3).map((part) => rowReader(frame, part));
  const row = new Float64Array(frame.width);
  return (y, to, offset, channels) => {
    for (const [c, read] of readers.entries()) {
      read(y, row);
      for (let x = 0, o = offset + c; x < row.length; x++, o += channels) to[o] = row[x]!;
    }
  };
}

/** Grey has its full range whatever the tags say: FFmpeg's scaler holds it so. */
function greyRows(frame: RawFrame): FillRow {
  const read = rowReader(frame, frame.format.components[0]!);
  const row = new Float64Array(frame.width);
  return (y, to, offset, channels) => {
    read(y, row);
    for (let x = 0, o = offset; x < row.length; x++, o += channels) to.fill(row[x]!, o, o + 3);
  };
}

function fromPalette({ planes, strides, width, height }: RawFrame, data: Uint8Array): void {
  const [indices, colours] = [planes[0]!, planes[1]!];
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < width; x++, o += 4) {
      const p = indices[y * strides[0]! + x]! * 4; // blue, green, red, alpha
      data[o] = colours[p + 2]!;
      data[o + 1] = colours[p + 1]!;
      data[o + 2] = colours[p]!;
      data[o + 3] = colours[p + 3]!;
    }
  }
}

function yuvRows(frame: RawFrame, { matrix: [kr, kb], fullRange, siting }: YuvMeaning): FillRow {
  const { width, height, format } = frame;
  const { shiftX, shiftY } = format.chroma;
  const [luma, blue, red] = format.components as [Component, Component, Component];
  const readLuma = rowReader(frame, luma);
  const columns = linear(width, shiftX, siting[0]);
  const rows = linear(height, shiftY, siting[1]);
  const [us, vs] = [blue, red].map((part) => chromaReader(frame, part, rows, columns)) as [ChromaRow, ChromaRow];
  const kg = 1 - kr - kb;
  const [black, unit, chromaUnit] = fullRange ? [0, 1, 1] : [16, 255 / 219, 255 / 224];
  const [redOfV, blueOfU] = [2 * (1 - kr) * chromaUnit, 2 * (1 - kb) * chromaUnit];
  const [greenOfU, greenOfV] = [(-kb / kg) * blueOfU, (-kr / kg) * redOfV];
  const row = new Float64Array(width);
  // Of blue far beyond white, which no camera gives, FFmpeg's scaler runs out of bits and makes none.
  const clamped = (value: number): number =>
    value <= 0 ? 0 : value < 255 ? (value + 0.5) | 0 : value < 511.5 ? 255 : 0;
  return (y, to, offset, channels) => {
    readLuma(y, row);
    const [u, v] = [us(y), vs(y)];
    for (let x = 0, o = offset; x < width; x++, o += channels) {
      const grey = (row[x]! - black) * unit;
      const [cb, cr] = [u[x]! - 128, v[x]! - 128];
      to[o] = clamped(grey + redOfV * cr);
      to[o + 1] = clamped(grey + greenOfU * cb + greenOfV * cr);
      to[o + 2] = clamped(grey + blueOfU * cb);
    }
  };
}

/** For each place along an axis, the sample before it and the share of the next. */
interface Interpolation {
  from: Int32Array;
  share: Float64Array;
  length: number;
}

/**
 * Where places of the frame lie among chroma's samples. FFmpeg's scaler stretches the samples over the whole length, so that with an odd
 * one they are a bit closer than two pixels; its steps are 16.16.
 */
function linear(length: number, shift: number, siting: number): Interpolation {
  const samples = ceilShift(length, shift);
  const step = Math.floor((samples * 65_536 + (length >> 1)) / length);
  // The centre of the first sample, in 256ths of one.
  const place = shift === 0 || siting === 0.5 ? 128 : (siting * 256 + 128) >> shift;
  const from = new Int32Array(length);
  const share = new Float64Array(length);
  for (let i = 0, at = (step >> 1) - place * 256; i < length; i++, at += step) {
    const low = at >> 16;
    from[i] = low;
    share[i] = (at - low * 65_536) / 65_536;
  }
  return { from, share, length: samples };
}

/** A row of a colour difference at luma's size; valid until the next is asked for. */
type ChromaRow = (y: number) => Float64Array;

function chromaReader(frame: RawFrame, part: Component, rows: Interpolation, columns: Interpolation): ChromaRow {
  const read = rowReader(frame, part);
  const kept = [0, 1].map(() => ({ row: -1, values: new Float64Array(columns.length) }));
  const inside = (i: number, length: number): number => Math.min(length - 1, Math.max(0, i));
  const rowOf = (row: number): Float64Array => {
    const place = kept[row & 1]!;
    if (place.row !== row) {
      place.row = row;
      read(row, place.values);
    }
    return place.values;
  };
  const mixed = new Float64Array(columns.length);
  const { from, share } = columns;
  const [lefts, rights] = [0, 1].map((next) => from.map((i) => inside(i + next, columns.length))) as [
    Int32Array,
    Int32Array,
  ];
  const line = new Float64Array(from.length);
  return (y) => {
    const low = rows.from[y]!;
    const part = rows.share[y]!;
    const [above, below] = [rowOf(inside(low, rows.length)), rowOf(inside(low + 1, rows.length))];
    for (let i = 0; i < mixed.length; i++) mixed[i] = above[i]! + (below[i]! - above[i]!) * part;
    for (let x = 0; x < line.length; x++) {
      const left = mixed[lefts[x]!]!;
      line[x] = left + (mixed[rights[x]!]! - left) * share[x]!;
    }
    return line;
  };
}
