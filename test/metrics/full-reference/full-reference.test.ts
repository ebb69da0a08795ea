// PSNR, SSIM, MS-SSIM and GMSD against NumPy and SciPy, and what must hold of them whatever the pictures.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Picture } from '../../../src/metrics/full-reference/index.ts';
import { gmsd, meanOverFrames, multiScaleSsim, psnr, ssim } from '../../../src/metrics/full-reference/index.ts';

interface Case {
  height: number;
  width: number;
  seed: number;
  kind: 'quantised' | 'dark' | 'noisy' | 'inverted';
  psnr: number;
  ssim: number;
  ssimTo256: number | null;
  multiScaleSsim: number;
  gmsd: number;
}
const path = new URL('golden/full-reference.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { cases: Case[] };

/** The formulas of golden/full-reference.py. */
function picture(height: number, width: number, seed: number): Picture {
  const data = new Uint8Array(height * width * 3);
  let o = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        const ramp = (x * 2 + y * 3 + c * 40 + seed * 17) % 256;
        const noise = ((x * 7919 + y * 104729 + c * 1299709 + seed * 15485863) % 1009) % 256;
        data[o++] = (Math.floor(x / 9) + Math.floor(y / 7)) % 3 === 0 ? noise : ramp;
      }
    }
  }
  return { width, height, data };
}

const formulas: Record<Case['kind'], (value: number, i: number) => number> = {
  quantised: (v) => Math.floor(v / 40) * 40,
  dark: (v) => Math.floor((v * 5) / 8),
  noisy: (v, i) => Math.min(255, Math.max(0, v + (((i * 48271) % 2147483647) % 61) - 30)),
  inverted: (v) => 255 - v,
};
const mapped = (from: Picture, formula: (value: number, i: number) => number): Picture => ({
  ...from,
  data: from.data.map(formula),
});

const metrics = { psnr, ssim, multiScaleSsim, gmsd };

describe('against NumPy and SciPy', () => {
  it.each(cases)('$height×$width, $kind', (wanted) => {
    const a = picture(wanted.height, wanted.width, wanted.seed);
    const b = mapped(a, formulas[wanted.kind]);
    for (const name of Object.keys(metrics) as (keyof typeof metrics)[]) {
      expect(metrics[name](a, b)).toBeCloseTo(wanted[name], 9);
    }
    const to256 = wanted.ssimTo256 === null ? null : ssim(a, b, { downsampling: 'to-256' });
    expect(to256 ?? 0).toBeCloseTo(wanted.ssimTo256 ?? 0, 9);
  });
});

/** Two pictures of one size: noise, or ramps of few levels. */
const pairs = fc
  .tuple(fc.integer({ min: 11, max: 40 }), fc.integer({ min: 11, max: 40 }), fc.integer({ min: 1, max: 255 }), fc.nat())
  .map(([width, height, levels, seed]): [Picture, Picture] => {
    const draw = (k: number): Picture => {
      const value = (_: unknown, i: number): number =>
        (Math.imul(i + seed + k * 7919, 2654435761) >>> 11) % (levels + 1);
      return { width, height, data: Uint8Array.from({ length: width * height * 3 }, value) };
    };
    return [draw(0), draw(1)];
  });

describe('each metric', () => {
  it.each(Object.entries(metrics))('%s does not depend on which picture is the reference', (_, metric) => {
    fc.assert(
      fc.property(pairs, ([a, b]) => {
        expect(metric(a, b)).toBeCloseTo(metric(b, a), 12);
      }),
      { numRuns: 60 },
    );
  });

  it('has its best value for identical pictures, and a worse one for others', () => {
    fc.assert(
      fc.property(pairs, ([a, b]) => {
        expect(psnr(a, a)).toBe(Infinity);
        expect(ssim(a, a)).toBeCloseTo(1, 12);
        expect(multiScaleSsim(a, a)).toBeCloseTo(1, 12);
        expect(gmsd(a, a)).toBe(0);
        fc.pre(a.data.some((value, i) => value !== b.data[i]));
        expect(psnr(a, b)).toBeLessThan(Infinity);
        expect(ssim(a, b)).toBeLessThan(1);
        expect(multiScaleSsim(a, b)).toBeLessThan(1);
        expect(gmsd(a, b)).toBeGreaterThan(0);
      }),
      { numRuns: 60 },
    );
  });

  it('knows the values of black against white', () => {
    const flat = (value: number): Picture => ({ width: 16, height: 16, data: new Uint8Array(768).fill(value) });
    expect(psnr(flat(0), flat(255))).toBe(0);
    const c1 = 2.55 ** 2;
    expect(ssim(flat(0), flat(255))).toBeCloseTo(c1 / (255 ** 2 + c1), 12);
  });

  it.each(Object.entries(metrics))('%s refuses sizes that differ and data that do not fill them', (_, metric) => {
    const a = picture(16, 16, 0);
    expect(() => metric(a, picture(16, 17, 0))).toThrow('expected two pictures of one size, got 16×16 and 17×16');
    expect(() => metric(a, { ...a, data: a.data.subarray(1) })).toThrow(
      'expected 768 values of RGB for 16×16 pixels, got 767',
    );
  });

  it.each([
    ['ssim', ssim, 10, 11],
    ['multi-scale ssim', multiScaleSsim, 10, 11],
    ['gmsd', gmsd, 2, 3],
  ] as const)('%s refuses pictures that are too small', (name, metric, side, least) => {
    const small = picture(side, 40, 0);
    expect(() => metric(small, small)).toThrow(
      `${name}: expected pictures of at least ${least}×${least} pixels, got 40×${side}`,
    );
  });
});

describe('meanOverFrames', () => {
  const [a, b, c] = [picture(20, 20, 0), picture(20, 20, 1), picture(20, 20, 2)];

  it('is the mean of the frames', () => {
    expect(meanOverFrames(ssim, [a, a], [b, c])).toBeCloseTo((ssim(a, b) + ssim(a, c)) / 2, 12);
    expect(meanOverFrames(psnr, [a, a], [a, c])).toBe(Infinity);
  });

  it('refuses clips that cannot be compared frame by frame', () => {
    expect(() => meanOverFrames(ssim, [a], [a, b])).toThrow(
      'clips: expected two of as many frames, at least one, got 1 and 2',
    );
    expect(() => meanOverFrames(ssim, [], [])).toThrow('got 0 and 0');
  });
});
