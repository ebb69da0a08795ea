// Colour profiles and tone mapping, each against formulas in float64 that are written down once more, and against libvips.
import sharp from 'sharp';
import fc from 'fast-check';
import { deflateSync, crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readProfile } from '../../src/media/index.ts';
import { applyProfile } from '../../src/video/profile.ts';
import type { HdrPlanes } from '../../src/video/tone-map.ts';
import { compressLight, hlgToScene, lightToPq, pqToLight, toneMap } from '../../src/video/tone-map.ts';

/** A profile of colorants and curves, as ICC.1 lays it out. */
function profile(colorants: number[][], curve: Buffer, space = 'RGB '): Buffer {
  const xyz = (values: number[]): Buffer => {
    const tag = Buffer.alloc(20);
    tag.write('XYZ ');
    values.forEach((value, i) => tag.writeInt32BE(Math.round(value * 65536), 8 + 4 * i));
    return tag;
  };
  const names = space === 'GRAY' ? ['kTRC'] : ['rXYZ', 'gXYZ', 'bXYZ', 'rTRC', 'gTRC', 'bTRC'];
  const tags = [
    ['wtpt', xyz([0.9642, 1, 0.8249])] as const,
    ...names.map((name, i) => [name, name.endsWith('TRC') ? curve : xyz(colorants[i]!)] as const),
  ];
  let at = 132 + 12 * tags.length;
  const table = Buffer.alloc(at - 128);
  table.writeUInt32BE(tags.length);
  tags.forEach(([name, tag], i) => {
    table.write(name, 4 + 12 * i);
    table.writeUInt32BE(at, 8 + 12 * i);
    table.writeUInt32BE(tag.length, 12 + 12 * i);
    at += tag.length;
  });
  const head = Buffer.alloc(128);
  head.writeUInt32BE(at, 0);
  head.writeUInt32BE(0x02400000, 8);
  head.write(`mntr${space}XYZ `, 12);
  head.write('acsp', 36);
  [0.9642, 1, 0.8249].forEach((value, i) => head.writeInt32BE(Math.round(value * 65536), 68 + 4 * i));
  return Buffer.concat([head, table, ...tags.map(([, tag]) => tag)]);
}

const gamma = (value: number): Buffer => {
  const tag = Buffer.alloc(16);
  tag.write('curv');
  tag.writeUInt32BE(1, 8);
  tag.writeUInt16BE(Math.round(value * 256), 12);
  return tag;
};
const points = (of: (x: number) => number, count = 1024): Buffer => {
  const tag = Buffer.alloc(12 + 2 * count);
  tag.write('curv');
  tag.writeUInt32BE(count, 8);
  for (let i = 0; i < count; i++) tag.writeUInt16BE(Math.round(of(i / (count - 1)) * 65535), 12 + 2 * i);
  return tag;
};
const fromSrgb = (x: number): number => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
const toSrgb = (x: number): number => (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055);

const srgb = [
  [0.4361, 0.2225, 0.0139],
  [0.3851, 0.7169, 0.0971],
  [0.1431, 0.0606, 0.7141],
];
const adobe = [
  [0.6097, 0.3111, 0.0195],
  [0.2053, 0.6257, 0.0609],
  [0.1492, 0.0632, 0.7446],
];

/** A PNG with a profile in it. */
async function png(data: Buffer, side: number, channels: 1 | 3, icc: Buffer): Promise<Buffer> {
  const plain = await sharp(data, { raw: { width: side, height: side, channels } })
    .png()
    .toBuffer();
  const body = Buffer.concat([Buffer.from('iCCPx\0\0', 'latin1'), deflateSync(icc)]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(body.length - 4, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([plain.subarray(0, 33), ends.subarray(0, 4), body, ends.subarray(4), plain.subarray(33)]);
}

describe('colour profiles', () => {
  it('that are sRGB by their numbers are, whatever their name; those that are near are not', () => {
    expect(readProfile(profile(srgb, points(fromSrgb))).kind).toBe('srgb');
    expect(readProfile(profile(srgb, gamma(2.2))).kind).toBe('matrix');
    expect(readProfile(profile(adobe, points(fromSrgb))).kind).toBe('matrix');
    expect(readProfile(profile([], points(fromSrgb), 'GRAY')).kind).toBe('srgb');
    expect(readProfile(profile([], gamma(1.8), 'GRAY')).kind).toBe('grey');
    expect(readProfile(profile(srgb, gamma(1.8), 'CMYK')).kind).toBe('table');
  });

  it.each([
    ['another gamut', adobe, gamma(2.19921875)],
    ['another curve', srgb, gamma(1.8)],
    ['a table', adobe, points((x) => x ** 2.4)],
  ])('of %s give what libvips gives, to a level', async (_, colorants, curve) => {
    const side = 16;
    const data = Buffer.from(Array.from({ length: side * side * 3 }, (__, i) => (i * 53 + (i >> 3) * 17) & 255));
    const icc = profile(colorants, curve);
    const reference = await sharp(await png(data, side, 3, icc))
      .toColourspace('srgb')
      .removeAlpha()
      .raw()
      .toBuffer();
    const own = Buffer.from(data);
    applyProfile(own, 3, readProfile(icc));
    expect(own).not.toEqual(data);
    const apart = own.map((value, i) => Math.abs(value - reference[i]!));
    expect(Math.max(...apart)).toBeLessThanOrEqual(1);
  });

  it('of grey give what the formula gives', () => {
    const own = Buffer.from(Array.from({ length: 256 }, (_, i) => [i, i, i]).flat());
    applyProfile(own, 3, readProfile(profile([], gamma(1.8), 'GRAY')));
    for (let i = 0; i < 256; i++)
      expect(Math.abs(own[3 * i]! - 255 * toSrgb((i / 255) ** (461 / 256)))).toBeLessThan(0.6);
  });

  it('that are damaged are told, never thrown', () => {
    const good = profile(
      adobe,
      points((x) => x ** 2),
    );
    expect(readProfile(Buffer.alloc(200)).kind).toBe('broken');
    expect(readProfile(good.subarray(0, 240)).kind).toBe('broken');
    const edits = fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 8 });
    fc.assert(
      fc.property(edits, fc.nat(good.length), (changes, length) => {
        const bytes = Buffer.from(good.subarray(0, length));
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        const { kind, name } = readProfile(bytes);
        expect(['srgb', 'matrix', 'grey', 'table', 'broken']).toContain(kind);
        expect(name).toMatch(/^[^\p{C}]{1,60}$/u);
      }),
    );
  });
});

describe('tone mapping', () => {
  it('knows the values of ITU-R BT.2100 and BT.2408', () => {
    expect(pqToLight(1)).toBeCloseTo(10_000, 6);
    expect(lightToPq(203)).toBeCloseTo(0.5807, 4);
    expect(lightToPq(1000)).toBeCloseTo(0.7518, 4);
    expect(hlgToScene(0.5)).toBeCloseTo(1 / 12, 12);
    expect(hlgToScene(1)).toBeCloseTo(1, 6);
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 1, noNaN: true }), (x) => Math.abs(lightToPq(pqToLight(x)) - x) < 1e-9),
    );
  });

  it('keeps dark light, bends the rest without a jump, and ends at white', () => {
    expect(compressLight(5)).toBeCloseTo(5, 9);
    expect(compressLight(1000)).toBeCloseTo(203, 6);
    expect(compressLight(5000)).toBeCloseTo(203, 6);
    const steps = Array.from({ length: 2001 }, (_, i) => compressLight(i / 2));
    for (const [i, value] of steps.entries()) {
      const before = steps[i - 1] ?? value;
      expect(value - before).toBeGreaterThanOrEqual(-1e-9);
      expect(value - before).toBeLessThan(0.51);
    }
  });

  /** The same in float64, written once more: a flat frame's colour. */
  function expected([y, u, v]: number[], transfer: 'PQ' | 'HLG'): number[] {
    const [luma, cb, cr] = [(y! - 64) / 876, (u! - 512) / 896, (v! - 512) / 896];
    const coded = [luma + 1.4746 * cr, luma - 0.16455312684 * cb - 0.57135312684 * cr, luma + 1.8814 * cb];
    const cut = coded.map((x) => Math.min(1, Math.max(0, x)));
    let light = cut.map(transfer === 'PQ' ? pqToLight : hlgToScene);
    if (transfer === 'HLG') {
      const scene = 0.2627 * light[0]! + 0.678 * light[1]! + 0.0593 * light[2]!;
      light = light.map((x) => x * 1000 * scene ** 0.2);
    }
    const most = Math.min(1000, Math.max(...light, 1e-4));
    const [r, g, b] = light.map((x) => (x * compressLight(most)) / most / 203) as [number, number, number];
    return [
      1.660491 * r - 0.587641 * g - 0.07285 * b,
      -0.12455 * r + 1.1329 * g - 0.008349 * b,
      -0.018151 * r - 0.100579 * g + 1.11873 * b,
    ].map((x) => 255 * toSrgb(Math.min(1, Math.max(0, x))));
  }

  const flat = ([y, u, v]: number[], transfer: 'PQ' | 'HLG'): HdrPlanes => {
    const plane = (value: number, count: number): Buffer => Buffer.from(new Uint16Array(count).fill(value).buffer);
    return {
      width: 5,
      height: 3,
      depth: 10,
      planes: [plane(y!, 15), plane(u!, 6), plane(v!, 6)],
      strides: [10, 6, 6],
      shiftX: 1,
      shiftY: 1,
      chromaOnRows: false,
      fullRange: false,
      matrix: [0.2627, 0.0593],
      transfer,
      primaries: 'BT.2020',
    };
  };

  it('gives what the formulas give, to a level', () => {
    const value = fc.integer({ min: 64, max: 940 });
    const chroma = fc.integer({ min: 300, max: 720 });
    fc.assert(
      fc.property(
        fc.tuple(value, chroma, chroma),
        fc.constantFrom('PQ' as const, 'HLG' as const),
        (colour, transfer) => {
          const { data } = toneMap(flat(colour, transfer));
          const wanted = expected(colour, transfer);
          for (const [i, level] of data.entries()) expect(Math.abs(level - wanted[i % 3]!)).toBeLessThan(1.1);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('makes grey of grey, and the reference white of BT.2408 neither dim nor cut', () => {
    for (const y of [64, 200, 400, 573, 722, 940]) {
      const { data } = toneMap(flat([y, 512, 512], 'PQ'));
      expect(Math.max(...data) - Math.min(...data)).toBeLessThanOrEqual(1);
    }
    const [white] = toneMap(flat([573, 512, 512], 'PQ')).data;
    expect(white).toBeGreaterThan(190);
    expect(white).toBeLessThan(255);
  });
});
