// Files that were once read wrongly: what is right of each, with pixels as they are stored and as a player shows them.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/index.ts';
import type { FrameOptions } from '../../src/video/index.ts';
import type { ClipFrames } from '../../src/video/types.ts';
import { openFrameReader, storedPixels } from '../../src/video/index.ts';
import { shownPixels } from '../../src/video/types.ts';
import { options } from '../video/fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-cases-'));
const reader = openFrameReader({ workers: 1 });
afterAll(async () => {
  await reader[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const at = (name: string): string => fileURLToPath(new URL(`cases/${name}`, import.meta.url));
const stored = { ...options, ...storedPixels, maxPixels: 2 ** 20 };
const shown = { ...stored, ...shownPixels };
const take = (path: string, how: FrameOptions = shown, kind: 'video' | 'image' = 'video'): Promise<ClipFrames> =>
  reader.read({ path, kind }, how);

/** Mean of the channels. */
function means({ rgb }: ClipFrames): number[] {
  const { data } = rgb[0]!;
  const sums = [0, 0, 0];
  for (let i = 0; i < data.length; i++) sums[i % 3]! += data[i]!;
  return sums.map((sum) => (sum * 3) / data.length);
}

describe('a picture in tiles', () => {
  it.each(['grid.avif', 'grid.heif', 'grid', 'grid.mp4'])(
    'is the whole picture as %s, in either column',
    async (name) => {
      const path = join(folder, name);
      cpSync(at('grid.avif'), path);
      const [a, b] = [await take(path), await take(path, shown, 'image')];
      expect(a.plan).toMatchObject({ sourceWidth: 896, sourceHeight: 560, as: 'image', timing: 'none', notes: [] });
      expect(b.plan).toEqual(a.plan);
    },
  );
});

describe('a JPEG by another name', () => {
  it('is a picture in either column', async () => {
    for (const kind of ['video', 'image'] as const) {
      const { plan } = await take(at('x.jfif'), shown, kind);
      expect(plan).toMatchObject({ sourceWidth: 448, sourceHeight: 280, as: 'image', notes: [] });
    }
  });
});

describe('HDR', () => {
  it('is noted where it is not mapped, and the note names the option', async () => {
    const { plan } = await take(at('hdr_pq.mp4'), stored);
    expect(plan.notes).toEqual([
      'hdr: HDR (PQ) without tone mapping: darker and paler than a player shows it (frames.toneMap: bt2390 changes that)',
    ]);
    expect(plan.corrections).toEqual([]);
    const { plan: silent } = await take(at('hdr_pq.mp4'), options);
    expect([silent.sha256, silent.notes]).toEqual([
      (await take(at('hdr_pq.mp4'), { ...options, ...storedPixels })).plan.sha256,
      plan.notes,
    ]);
  });

  it('is mapped where that is asked for, and the plan says so', async () => {
    const mapped = await take(at('hdr_pq.mp4'));
    expect(mapped.plan.notes).toEqual([]);
    expect(mapped.plan.corrections).toEqual(['HDR (PQ) of 1000 cd/m² to SDR of 203 cd/m² by BT.2390']);
    expect(mapped.plan.sha256).not.toBe((await take(at('hdr_pq.mp4'), stored)).plan.sha256);
  });
});

describe('pixels that are not square', () => {
  it('are noted, also where the container alone says so, and made square where that is asked for', async () => {
    const { plan } = await take(at('sar_container.mkv'), stored);
    expect(plan.notes).toEqual([
      'pixel-aspect: pixels are not square (10:9, by the container): shown as stored (frames.squarePixels: true changes that)',
    ]);
    const square = await take(at('sar_container.mkv'));
    expect([square.plan.notes, square.plan.corrections]).toEqual([[], ['pixels of 10:9 made square']]);
    // 448 × 10/9 is 498, whose nearest multiple of 28 is 504; 448 is one itself.
    expect([plan.width, plan.height, square.plan.width, square.plan.height]).toEqual([448, 280, 504, 280]);
    expect(square.plan).toMatchObject({ sourceWidth: 448, sourceHeight: 280 });
  });
});

describe('interlaced frames', () => {
  it('are noted, and deinterlaced where that is asked for', async () => {
    const combed = await take(at('inter.mp4'), stored);
    expect(combed.plan.notes).toEqual([
      'interlaced: both fields shown as one picture, with combs where something moves (frames.deinterlace: bwdif changes that)',
    ]);
    const whole = await take(at('inter.mp4'));
    expect([whole.plan.notes, whole.plan.corrections]).toEqual([[], ['deinterlaced by bwdif']]);
    expect(combs(whole)).toBeLessThan(0.7 * combs(combed));
  });

  it(
    'first and last frames have one neighbour, and all are those of a run over the whole film',
    { tags: ['long'] },
    async () => {
      const all = await take(at('inter.mp4'), { ...shown, pick: 'uniform', count: 8, as: 'images' });
      expect(all.plan.numFrames).toBe(8);
      const first = await take(at('inter.mp4'), { ...shown, pick: 'first' });
      expect(first.rgb[0]).toEqual(all.rgb[0]);
      const middle = await take(at('inter.mp4'));
      expect(middle.rgb[0]).toEqual(all.rgb[middle.plan.frames[0]!.index]);
      expect(new Set(all.rgb.map(combs_)).size).toBe(8);
    },
  );

  /** How much rows differ from the mean of their neighbours. */
  function combs_({ width, height, data }: ClipFrames['rgb'][number]): number {
    let sum = 0;
    for (let y = 1; y < height - 1; y++) {
      for (let x = 0; x < width * 3; x++) {
        const i = y * width * 3 + x;
        sum += Math.abs(2 * data[i]! - data[i - width * 3]! - data[i + width * 3]!);
      }
    }
    return sum / data.length;
  }
  const combs = ({ rgb }: ClipFrames): number => combs_(rgb[0]!);
});

describe('transparency', () => {
  it('of VP9 is blended on white as that of all other formats, and noted', async () => {
    const clip = await take(at('alpha_vp9.webm'), stored);
    expect(clip.plan.notes).toEqual(['alpha: transparency blended on white']);
    expect(clip.plan).toMatchObject({ sourceWidth: 448, sourceHeight: 280, numFrames: 10 });
    // The upper left is transparent, whatever colour lies below.
    expect(means(clip).every((mean) => mean > 100)).toBe(true);
  });
});

describe('a film that begins late', () => {
  it('is not cut short', async () => {
    const { plan } = await take(at('offset.mkv'));
    expect(plan.notes).toEqual([]);
    expect(plan).toMatchObject({ numFrames: 12, duration: expect.closeTo(1.2, 1), timing: 'container' });
  });
});

describe('a picture of floating-point values', () => {
  it('is refused, in one line that says what to do', async () => {
    const error = await take(at('float.tif')).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toContain(
      'float.tif: expected a picture of 8 or 16 bits a value, got values of type float',
    );
    expect((error as UserError).hint).toContain('save it with 8 or 16 bits');
  });
});

describe('a colour profile', () => {
  it('is noted where it is ignored', async () => {
    const { plan, rgb } = await take(at('p3.png'), stored);
    expect(plan.notes).toEqual([
      'profile: colour profile sRGB built-in not applied: numbers taken as sRGB (frames.profile: srgb changes that)',
    ]);
    expect([...rgb[0]!.data]).toEqual([
      ...(await sharp(at('p3.png'), { ignoreIcc: true }).removeAlpha().raw().toBuffer()),
    ]);
  });

  it('is applied where that is asked for, as libvips applies it, whatever name it gives itself', async () => {
    const { plan, rgb } = await take(at('p3.png'));
    expect([plan.notes, plan.corrections]).toEqual([[], ['profile sRGB built-in to sRGB, relative colorimetric']]);
    const reference = await sharp(at('p3.png')).toColourspace('srgb').removeAlpha().raw().toBuffer();
    const apart = rgb[0]!.data.map((value, i) => Math.abs(value - reference[i]!));
    expect(apart.reduce((a, b) => Math.max(a, b))).toBeLessThanOrEqual(1);
  });
});
