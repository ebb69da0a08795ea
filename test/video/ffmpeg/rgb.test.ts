// Our conversion to RGB against FFmpeg's scaler as node-av has it, on noise: within one level, for every pixel format that is read.
import type { AVChromaLocation, AVColorRange, AVColorSpace } from 'node-av';
import { avGetPixFmtFromName, Frame } from 'node-av';
import { describe, expect, it } from 'vitest';
import { lumaWeightsOf, sitingOf } from '../../../src/video/colour-tags.ts';
import { frameLayout, pixelFormatOf } from '../../../src/video/ffmpeg/pixel-format.ts';
import { planesToRgb } from '../../../src/video/ffmpeg/planes-to-rgb.ts';
import { openConverter } from '../../../src/video/rgb-converter.ts';
import { placeOf } from '../../../src/media/index.ts';

const file = { ...placeOf('noise'), name: 'noise', format: undefined, looksLike: 'noise', cutShort: false };
const sizes = [
  [64, 48],
  [37, 29],
  [36, 30],
] as const;

/** A frame whose every byte is noise, as far as the format has bits for it. */
function noise(name: string, [width, height]: readonly [number, number]): Frame {
  const { depth, shift, bigEndian } = pixelFormatOf(name)!.components[0]!;
  const frame = new Frame();
  frame.alloc();
  frame.format = avGetPixFmtFromName(name);
  frame.width = width;
  frame.height = height;
  frame.getBuffer(0);
  let state = 12_345;
  const top = depth > 8 && shift === 0 ? (1 << (depth - 8)) - 1 : 255;
  for (const plane of frame.data!) {
    for (let i = 0; i < plane.length; i++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
      plane[i] = (state >> 16) & ((i & 1) === (bigEndian ? 0 : 1) ? top : 255);
    }
  }
  return frame;
}

function greatestDifference(a: Uint8Array, b: Uint8Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

async function compare(name: string, size: readonly [number, number], matrix: number, range: number, chroma: number) {
  using frame = noise(name, size);
  frame.colorSpace = matrix as AVColorSpace;
  frame.colorRange = range as AVColorRange;
  frame.chromaLocation = chroma as AVChromaLocation;
  const [width, height] = size;
  const format = pixelFormatOf(name)!;
  const planes = frame.data!.map((plane) => Buffer.from(plane));
  const raw = { width, height, format, planes, strides: [...frame.linesize] };
  const tags = { matrix, transfer: 2, primaries: 2, fullRange: range === 2, chroma };
  const fullRange = range === 2 || name.startsWith('yuvj');
  const { rgb } = planesToRgb(raw, { matrix: lumaWeightsOf(matrix), fullRange, siting: sitingOf(tags) });
  using converter = openConverter(file, undefined);
  const expected = await converter.toRgb(frame);
  return greatestDifference(rgb.data, expected.rgb.data);
}

const formats = `
  yuv420p yuvj420p yuv422p yuvj422p yuv444p yuv440p yuv411p yuv410p yuv420p10le yuv422p10le yuv444p12le
  yuv420p16le yuv420p10be yuva420p yuva444p10le gray gray10le gray16le gray16be ya8 ya16le gbrp
  gbrp10le gbrp16le gbrap nv12 nv21 p010le p210le yuyv422 uyvy422 rgb24 bgr24 rgba bgra argb abgr rgb0
  bgr0 0rgb rgb48le rgb48be rgba64le rgba64be
`
  .trim()
  .split(/\s+/);

describe('to RGB, within one level of FFmpeg’s scaler', () => {
  it.each(formats)('%s', async (name) => {
    for (const size of sizes) {
      for (const chroma of [0, 1, 2, 3]) {
        for (const range of [1, 2]) {
          const difference = await compare(name, size, 1, range, chroma);
          expect([size, chroma, range, Math.min(difference, 1)]).toEqual([size, chroma, range, difference]);
        }
      }
    }
  });

  it.each([4, 5, 6])('chroma at place %i', async (chroma) => {
    for (const size of sizes) expect(await compare('yuv420p', size, 1, 2, chroma)).toBeLessThanOrEqual(1);
  });

  it.each([1, 5, 6, 9])('matrix %i', async (matrix) => {
    for (const range of [1, 2]) expect(await compare('yuv444p', sizes[0], matrix, range, 1)).toBeLessThanOrEqual(1);
  });

  it('pal8, whose colours lie behind the picture', () => {
    const format = pixelFormatOf('pal8')!;
    expect(frameLayout(format, 3, 3)).toEqual({ size: 12 + 1024, offsets: [0, 12], strides: [3, 1024] });
    const colours = Buffer.alloc(1024, 255);
    colours.set([10, 20, 30, 255, 40, 50, 60, 0], 4); // blue, green, red, alpha
    const planes = [Buffer.from([1, 2, 0]), colours];
    const raw = { width: 3, height: 1, format, planes, strides: [3, 1024] };
    const { rgb, transparent } = planesToRgb(raw, { matrix: lumaWeightsOf(1), fullRange: true, siting: [0, 0] });
    expect([[...rgb.data], transparent]).toEqual([[30, 20, 10, 255, 255, 255, 255, 255, 255], true]);
  });

  it('no other format is taken for one of these', () => {
    for (const name of [
      'bayer_rggb8',
      'xyz12le',
      'rgb565le',
      'monob',
      'yuv420',
      'gray8le0',
      'rgbaf32le',
      'p016',
      'rgb',
    ]) {
      expect([name, pixelFormatOf(name)]).toEqual([name, undefined]);
    }
  });
});
