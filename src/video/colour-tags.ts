// What a frame says of its colours, in the code points of ITU-T H.273 (FFmpeg's are the same), and what follows, whatever decodes.
import type { MediaNote } from '../media/index.ts';
import { noteOf } from '../media/index.ts';
import type { HdrPlanes } from './tone-map.ts';
import type { FrameSize, PixelOptions } from './types.ts';

/** Tags of a decoded frame. */
export interface ColourTags {
  /** MatrixCoefficients; 2 where unknown. */
  matrix: number;
  /** TransferCharacteristics; 2 where unknown. */
  transfer: number;
  /** ColourPrimaries; 2 where unknown. */
  primaries: number;
  /** Whether values are tagged to use their full range. */
  fullRange: boolean;
  /** Where chroma lies, in FFmpeg's numbers, which are H.273's and one: 1 left, 2 centre, 3 top left, 4 top, 5 bottom left, 6 bottom; 0 unknown. */
  chroma: number;
}

/** How a frame is taken to be. */
export interface ColourMeaning {
  /** In words, for the plan. */
  colour: string;
  /** What a careful user should know. */
  notes: MediaNote[];
  /** MatrixCoefficients and range that are meant; undefined for RGB. */
  yuv: { matrix: number; fullRange: boolean } | undefined;
}

const BT709 = 1;
const UNKNOWN = 2;
const BT601 = 6;
const BT2020 = 9;

const matrixNames = new Map<number, string>([
  [BT709, 'BT.709'],
  [BT601, 'BT.601'],
  [5, 'BT.601'], // BT.470's, the same numbers
  [BT2020, 'BT.2020'],
]);

/** Weights of red and blue in luma, by matrix (ITU-R BT.709, BT.601, BT.2020). */
const lumaWeights = new Map<string, readonly [number, number]>([
  ['BT.709', [0.2126, 0.0722]],
  ['BT.601', [0.299, 0.114]],
  ['BT.2020', [0.2627, 0.0593]],
]);

/** Primaries beyond BT.709's, with the gamut that tone mapping takes them for. */
const widePrimaries = new Map<number, 'BT.2020' | 'P3'>([
  [9, 'BT.2020'],
  [11, 'P3'],
  [12, 'P3'],
]);

/**
 * Weights of red and blue in luma.
 * @param matrix - MatrixCoefficients; unknown ones are BT.2020's
 */
export function lumaWeightsOf(matrix: number): readonly [number, number] {
  return lumaWeights.get(matrixNames.get(matrix) ?? 'BT.2020')!;
}

/**
 * HDR's transfer function.
 * @param tags - of the frame
 * @returns undefined for SDR
 */
function transferOf({ transfer }: ColourTags): 'PQ' | 'HLG' | undefined {
  if (transfer === 16) return 'PQ';
  return transfer === 18 ? 'HLG' : undefined;
}

/**
 * How an HDR frame's planes are to be mapped.
 * @param format - FFmpeg's name of the pixel format
 * @param tags - of the frame
 * @returns all but the planes; undefined for SDR, and for formats that HDR is not coded in
 */
export function hdrMeaning(
  format: string,
  tags: ColourTags,
): Omit<HdrPlanes, 'width' | 'height' | 'planes' | 'strides'> | undefined {
  const transfer = transferOf(tags);
  const [, chroma, bits = '8'] = /^yuvj?4(20|22|44)p(?:(10|12|14|16)le)?$/.exec(format) ?? [];
  if (transfer === undefined || chroma === undefined) return undefined;
  return {
    depth: Number(bits),
    shiftX: chroma === '44' ? 0 : 1,
    shiftY: chroma === '20' ? 1 : 0,
    chromaOnRows: tags.chroma === 3,
    fullRange: tags.fullRange,
    matrix: lumaWeightsOf(tags.matrix),
    transfer,
    primaries: tags.primaries === BT709 ? 'BT.709' : (widePrimaries.get(tags.primaries) ?? 'BT.2020'),
  };
}

/**
 * How a frame's values are taken: matrix and range are the stream's; without a tag BT.709 from 1280 columns or more than 576 rows on,
 * BT.601 below, limited range.
 * @param format - FFmpeg's name of the pixel format
 * @param size - of the frame
 * @param tags - of the frame
 * @param toneMapping - the curve that HDR is mapped by, in formats that it is mapped in
 */
export function meaningOf(
  format: string,
  size: FrameSize,
  tags: ColourTags,
  toneMapping: PixelOptions['toneMap'] | undefined,
): ColourMeaning {
  const notes: MediaNote[] = [];
  const transfer = transferOf(tags);
  const wide = widePrimaries.get(tags.primaries);
  if (transfer !== undefined) {
    if (toneMapping !== 'bt2390') notes.push(noteOf('hdr', transfer));
    else if (!hdrMeaning(format, tags)) notes.push(noteOf('hdr-format', transfer, format));
  }
  if (transfer === undefined && wide !== undefined) notes.push(noteOf('gamut', wide));
  if (/^(?:0?rgb|0?bgr|gbr|argb|abgr|pal8)/.test(format)) return { colour: format, notes, yuv: undefined };
  const tagged = matrixNames.has(tags.matrix);
  const matrix = tagged ? tags.matrix : size.height > 576 || size.width >= 1280 ? BT709 : BT601;
  if (!tagged && !/^gray|^ya/.test(format) && tags.matrix !== UNKNOWN) {
    notes.push(noteOf('matrix', tags.matrix, matrixNames.get(matrix)!));
  }
  const fullRange = tags.fullRange || format.startsWith('yuvj');
  const origin = tagged ? 'tagged' : 'by size';
  const colour = `${format}, ${matrixNames.get(matrix)} (${origin}), ${fullRange ? 'full' : 'limited'} range`;
  return { colour, notes, yuv: { matrix, fullRange } };
}

/**
 * Where chroma lies between luma's columns and rows, as FFmpeg's scaler takes it.
 * @param tags - of the frame
 * @returns 0 on the first of two, 0.5 between them, 1 on the second
 */
export function sitingOf({ chroma }: ColourTags): readonly [x: 0 | 0.5, y: 0 | 0.5 | 1] {
  const isLeft = chroma === 1 || chroma === 3 || chroma === 5;
  return [isLeft ? 0 : 0.5, chroma === 3 || chroma === 4 ? 0 : chroma === 5 || chroma === 6 ? 1 : 0.5];
}
