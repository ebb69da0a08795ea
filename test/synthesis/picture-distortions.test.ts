// Faults of pictures: that they are as strong as they say, what each does to pictures of which that is known, and that nothing else changes.
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import { gmsd, meanOverFrames, psnr, ssim } from '../../src/metrics/full-reference/index.ts';
import type { RgbFrame } from '../../src/video/index.ts';
import { defocus, gaussianBlur, motionBlur } from '../../src/synthesis/blur.ts';
import { filterSeparably, gaussianWeights } from '../../src/synthesis/filter.ts';
import type { PictureDistortionKind } from '../../src/synthesis/index.ts';
import { pictureDistortions } from '../../src/synthesis/index.ts';
import { chromaNoise, gaussianNoise, impulseNoise } from '../../src/synthesis/noise.ts';
import { compiled } from '../compiled.ts';
import { counted, digest, flat, mean, scene } from './helpers.ts';

const kinds = Object.keys(pictureDistortions) as PictureDistortionKind[];
const codecs = ['jpeg', 'h264', 'hevc', 'av1', 'mjpeg'] as const;
/** Kinds that leave luma nearly as it is, which is all that SSIM sees. */
const ofColour: readonly PictureDistortionKind[] = ['desaturation', 'oversaturation', 'colour-cast', 'chroma-noise'];

const scenes = [1, 2, 3].map((seed) => scene(seed, 112, 96));

describe.each(kinds)('%s', (kind) => {
  const distort = pictureDistortions[kind];

  it('is the worse the greater its strength', async () => {
    const qualities = await Promise.all(
      [0.15, 0.5, 0.9].map(async (strength) => {
        const distorted = await Promise.all(scenes.map(async (one) => distort([one], strength, randomStream(7))));
        const metric = ofColour.includes(kind) ? psnr : ssim;
        return meanOverFrames(metric, scenes, distorted.flat());
      }),
    );
    expect(qualities[1]).toBeLessThan(qualities[0]!);
    expect(qualities[2]).toBeLessThan(qualities[1]!);
  });

  it('is slight at 0.1 and gross at 1', async () => {
    const at = async (strength: number): Promise<RgbFrame[]> =>
      (await Promise.all(scenes.map(async (one) => distort([one], strength, randomStream(7))))).flat();
    const [slight, gross] = [await at(0.1), await at(1)];
    expect(meanOverFrames(psnr, scenes, slight)).toBeGreaterThan(23);
    expect(meanOverFrames(gmsd, scenes, slight)).toBeLessThan(0.06);
    expect(meanOverFrames(psnr, scenes, gross)).toBeLessThan(26);
  });

  it('keeps number and odd sizes of frames, leaves its input, and is fixed by its stream', async () => {
    const clip = [scene(4, 37, 51), scene(5, 37, 51), scene(6, 37, 51)];
    const before = digest(clip);
    const distorted = await distort(clip, 0.4, randomStream(1, 2));
    expect(distorted.map(({ width, height, data }) => [width, height, data.length])).toEqual(
      clip.map(() => [37, 51, 37 * 51 * 3]),
    );
    expect(digest(clip)).toBe(before);
    expect(digest(distorted)).not.toBe(before);
    expect(digest(await distort(clip, 0.4, randomStream(1, 2)))).toBe(digest(distorted));
  });

  it('takes one pixel', async () => {
    const [pixel] = await distort([flat(100, 1, 1)], 1, randomStream(1));
    expect(pixel).toMatchObject({ width: 1, height: 1 });
    expect(pixel!.data).toHaveLength(3);
  });

  it('refuses what it cannot do', async () => {
    const attempt = async (frames: RgbFrame[], strength: number): Promise<unknown> =>
      distort(frames, strength, randomStream(1));
    for (const strength of [0, -0.1, 1.01, Number.NaN]) {
      await expect(attempt([flat(9)], strength)).rejects.toThrow(`above 0 and at most 1, got ${strength}`);
    }
    await expect(attempt([], 0.5)).rejects.toThrow('at least one frame, got none');
    await expect(attempt([flat(9), flat(9, 20, 24)], 0.5)).rejects.toThrow('of one size, got 24×20 and 20×24');
    await expect(attempt([{ ...flat(9), width: 25 }], 0.5)).rejects.toThrow('must hold 1500 values of RGB, got 1440');
  });
});

describe('parameters', () => {
  it.each(['motion-blur', 'gaussian-noise', 'chroma-noise', 'impulse-noise', 'colour-cast'] as const)(
    'of %s are drawn from the stream',
    (kind) => {
      const [a, b] = [1, 2].map((key) => digest(pictureDistortions[kind](scenes.slice(0, 1), 0.5, randomStream(key))));
      expect(a).not.toBe(b);
    },
  );

  it('are the same for all frames of a clip, but its noise is not', () => {
    const still = [scenes[0]!, scenes[0]!];
    for (const kind of ['motion-blur', 'colour-cast'] as const) {
      const [a, b] = pictureDistortions[kind](still, 0.5, randomStream(3));
      expect(a!.data).toEqual(b!.data);
    }
    for (const kind of ['gaussian-noise', 'chroma-noise', 'impulse-noise'] as const) {
      const [a, b] = pictureDistortions[kind](still, 0.5, randomStream(3));
      expect(a!.data).not.toEqual(b!.data);
    }
  });
});

describe('blur', () => {
  /** What a filter of given weights gives, in the plainest way, not rounded. */
  function plainly(frame: RgbFrame, reach: number, weight: (dx: number, dy: number) => number): Float64Array {
    const { width, height, data } = frame;
    const out = new Float64Array(data.length);
    let total = 0;
    for (let dy = -reach; dy <= reach; dy++) {
      for (let dx = -reach; dx <= reach; dx++) {
        const w = weight(dx, dy);
        total += w;
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            const row = Math.min(height - 1, Math.max(0, y + dy)) * width;
            const from = (row + Math.min(width - 1, Math.max(0, x + dx))) * 3;
            for (let c = 0; c < 3; c++) out[(y * width + x) * 3 + c]! += w * data[from + c]!;
          }
        }
      }
    }
    return out.map((value) => value / total);
  }

  function greatestDifference(frame: RgbFrame, expected: Float64Array): number {
    return expected.reduce((greatest, value, i) => Math.max(greatest, Math.abs(value - frame.data[i]!)), 0);
  }

  const picture = scene(8, 30, 23);

  it.each([0.6, 1.7, 5])('is that of a Gaussian of σ = %f', (sigma) => {
    const reach = Math.max(1, Math.ceil(3 * sigma));
    const expected = plainly(picture, reach, (dx, dy) => Math.exp(-(dx * dx + dy * dy) / (2 * sigma * sigma)));
    expect(greatestDifference(gaussianBlur([picture], sigma)[0]!, expected)).toBeLessThan(1.1); // rounded twice
  });

  it.each([0.8, 2.5, 6])('is that of a disc of radius %f', (radius) => {
    const expected = plainly(picture, Math.ceil(radius), (dx, dy) => {
      if (Math.abs(dy) > radius) return 0;
      const half = Math.sqrt(radius * radius - dy * dy);
      return Math.min(1, Math.max(0, half + 1 - Math.abs(dx)));
    });
    expect(greatestDifference(defocus([picture], radius)[0]!, expected)).toBeLessThan(0.6);
  });

  it.each([
    [7, 0],
    [8.5, Math.PI / 2],
    [9, 0.4],
    [6, 2.2],
  ])('is that of a movement of %f pixels at %f', (length, angle) => {
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const steep = Math.abs(sin) > Math.abs(cos);
    const extent = length * Math.max(Math.abs(cos), Math.abs(sin));
    const expected = plainly(picture, 6, (dx, dy) => {
      const [along, across] = steep ? [dy, dx - (dy * cos) / sin] : [dx, dy - (dx * sin) / cos];
      return Math.min(1, Math.max(0, extent / 2 + 0.5 - Math.abs(along))) * Math.max(0, 1 - Math.abs(across));
    });
    expect(greatestDifference(motionBlur([picture], length, angle)[0]!, expected)).toBeLessThan(0.6);
  });

  it('is the same with vector instructions and without', () => {
    const side = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(side, side, fc.double({ min: 0.3, max: 7, noNaN: true }), fc.nat(), (width, height, sigma, seed) => {
        const value = (_: unknown, i: number): number => Math.imul(i + seed, 2654435761) >>> 24;
        const noise = { width, height, data: Uint8Array.from({ length: width * height * 3 }, value) };
        const weights = gaussianWeights(sigma);
        expect(filterSeparably(noise, weights)).toEqual(filterSeparably(noise, weights, true));
      }),
      { numRuns: 60 },
    );
  });

  it('leaves a flat picture as it is', () => {
    for (const kind of [
      'gaussian-blur',
      'motion-blur',
      'defocus',
      'downscale',
      'pixelate',
      'sharpening-halo',
    ] as const) {
      for (const value of [0, 77, 255]) {
        const [blurred] = pictureDistortions[kind]([flat(value)], 0.8, randomStream(value));
        expect(Math.max(...blurred!.data.map((v) => Math.abs(v - value)))).toBeLessThanOrEqual(
          kind === 'downscale' ? 1 : 0,
        );
      }
    }
  });
});

describe('noise', () => {
  const grey = flat(128, 150, 100);
  const spread = (values: number[]): number => Math.sqrt(mean(values.map((v) => v * v)) - mean(values) ** 2);

  it('has the standard deviation that it says', () => {
    const [noisy] = gaussianNoise([grey], 10, randomStream(5));
    const errors = [...noisy!.data].map((v) => v - 128);
    expect(Math.abs(mean(errors))).toBeLessThan(0.2);
    expect(spread(errors)).toBeCloseTo(Math.hypot(10, Math.sqrt(1 / 12)), 0.5);
    const within = errors.filter((e) => Math.abs(e) <= 10).length / errors.length;
    expect(within).toBeCloseTo(0.7063, 1.5); // of a normal distribution, at 10.5
    const neighbours = mean(errors.slice(1).map((e, i) => e * errors[i]!)) / 100;
    expect(Math.abs(neighbours)).toBeLessThan(0.02);
  });

  it('of colour keeps the luma', () => {
    const [noisy] = chromaNoise([grey], 12, randomStream(5));
    const { data } = noisy!;
    const pixels = Array.from(
      { length: data.length / 3 },
      (_, i) => [data[3 * i]!, data[3 * i + 1]!, data[3 * i + 2]!] as const,
    );
    for (const [r, g, b] of pixels) expect(Math.abs(0.299 * r + 0.587 * g + 0.114 * b - 128)).toBeLessThan(0.6);
    expect(spread(pixels.map(([, , b]) => (b - 128) / 1.772))).toBeCloseTo(12, 0);
    expect(spread(pixels.map(([r]) => (r - 128) / 1.402))).toBeCloseTo(12, 0);
  });

  it('of single pixels is as frequent as it says, half of them white', () => {
    const [noisy] = impulseNoise([grey], 0.2, randomStream(5));
    const values = [...noisy!.data].filter((_, i) => i % 3 === 0);
    expect(values.filter((v) => v !== 128).length / values.length).toBeCloseTo(0.2, 1.5);
    const white = values.filter((v) => v === 255).length;
    expect(white / values.filter((v) => v === 0).length).toBeCloseTo(1, 0.5);
  });
});

describe('tone', () => {
  const pixel = (r: number, g: number, b: number): RgbFrame => ({ width: 1, height: 1, data: Uint8Array.of(r, g, b) });
  const of = (kind: 'overexposure' | 'underexposure' | 'desaturation' | 'banding', strength: number): number[] => [
    ...pictureDistortions[kind]([pixel(40, 100, 160)], strength, randomStream(1))[0]!.data,
  ];

  it('is what the table says', () => {
    const gain = 2 ** (1.6 / 2.2);
    expect(of('overexposure', 0.5)).toEqual([40, 100, 160].map((v) => Math.min(255, Math.round(v * gain))));
    expect(of('underexposure', 1)).toEqual([40, 100, 160].map((v) => Math.round(v * 2 ** (-5 / 2.2))));
    const luma = Math.round(0.299 * 40 + 0.587 * 100 + 0.114 * 160);
    expect(of('desaturation', 1)).toEqual([luma, luma, luma]);
    expect(new Set(pictureDistortions.banding([scenes[0]!], 1, randomStream(1))[0]!.data).size).toBeLessThanOrEqual(3);
  });

  it('of low contrast keeps the mean of a whole clip', () => {
    const [dark, bright] = pictureDistortions['low-contrast']([flat(60), flat(140)], 1, randomStream(1));
    expect([dark!.data[0], bright!.data[0]]).toEqual([100 - 5, 100 + 5]);
  });
});

describe('codecs', () => {
  it.each(codecs)('%s gives the frames back in their order', async (kind) => {
    const clip = counted(11);
    const coded = await pictureDistortions[kind](clip, 0.1, randomStream(1));
    expect(coded.map(({ data }) => Math.round((mean(data) - 20) / 10))).toEqual(clip.map((_, k) => k));
  });

  it.each(codecs)('%s keeps colours', async (kind) => {
    const colours = [200, 40, 60, 60, 180, 90, 40, 70, 190];
    const data = Uint8Array.from({ length: 96 * 64 * 3 }, (_, i) => {
      const x = Math.floor(i / 3) % 96;
      return colours[Math.floor(x / 32) * 3 + (i % 3)]!;
    });
    const [coded] = await pictureDistortions[kind]([{ width: 96, height: 64, data }], 0.1, randomStream(1));
    for (const [band, x] of [16, 48, 80].entries()) {
      for (let c = 0; c < 3; c++) {
        expect(Math.abs(coded!.data[(32 * 96 + x) * 3 + c]! - colours[band * 3 + c]!)).toBeLessThan(8);
      }
    }
  });

  it('print nothing, and a process that used them ends well', () => {
    const script = compiled('test/synthesis/encode-child.ts');
    const child = spawnSync(process.execPath, ['--expose-gc', script], { encoding: 'utf8' });
    expect(child).toMatchObject({ status: 0, stderr: '', stdout: 'done\n' });
  });
});
