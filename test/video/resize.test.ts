// Sizes, resizing and patches against transformers, Pillow and torchvision, bit for bit.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutPatches, resizeBicubic } from '../../src/video/index.ts';
import { smartResize } from '../../src/video/resize.ts';
import { golden, options, picture, sha256 } from './fixtures.ts';

interface ResizeGolden {
  sizes: [number, number, number, number, number, number][];
  resized: [number, number, number, number, 'image' | 'video', string][];
  patches: { height: number; width: number; frames: number; grid: number[]; sha256: string; some: number[] }[];
  mean: [number, number, number];
  std: [number, number, number];
}
const reference = golden('resize') as ResizeGolden;

describe('smartResize', () => {
  it.each(reference.sizes)('gives %i×%i within %i–%i pixels the size of transformers', (h, w, low, high, H, W) => {
    expect(smartResize(h, w, 28, low, high)).toEqual({ height: H, width: W });
  });

  it('refuses a shape beyond 200:1 and names the frame', () => {
    expect(() => smartResize(1, 201, 28, 784, 1e6, 'strip.png')).toThrow(
      'strip.png: expected sides of which none is more than 200 times the other, got 201×1',
    );
    expect(smartResize(1, 200, 28, 784, 1e6)).toEqual({ height: 28, width: 420 });
  });

  it('gives multiples of the factor, within the bounds unless a side is at its least', () => {
    const side = fc.integer({ min: 20, max: 3000 });
    fc.assert(
      fc.property(side, side, fc.integer({ min: 16, max: 2000 }), (h, w, tokens) => {
        fc.pre(Math.max(h, w) / Math.min(h, w) <= 200);
        const { height, width } = smartResize(h, w, 28, 3136, tokens * 784);
        expect([height % 28, width % 28]).toEqual([0, 0]);
        expect(height * width).toBeGreaterThanOrEqual(784);
        const least = Math.min(height, width) === 28;
        expect(least || height * width <= tokens * 784).toBe(true);
      }),
    );
  });
});

describe('resizeBicubic', () => {
  it.each(reference.resized)('makes %i×%i to %i×%i as the reference does for an %s', (h, w, H, W, kind, sha) => {
    expect(sha256(resizeBicubic(picture(h, w), W, H, kind).data)).toBe(sha);
  });

  it.each(['image', 'video'] as const)(
    'gives the same with vector instructions and without: %s',
    { tags: ['long'] },
    (kind) => {
      const side = fc.integer({ min: 1, max: 90 });
      const bytes = fc.constantFrom(0, 255, undefined); // undefined: noise
      fc.assert(
        fc.property(side, side, side, side, bytes, fc.integer(), (h, w, H, W, value, seed) => {
          const noise = (i: number): number => (Math.imul(i + seed, 2654435761) >>> 13) & 255;
          const source = {
            width: w,
            height: h,
            data: Uint8Array.from({ length: h * w * 3 }, (_, i) => value ?? noise(i)),
          };
          expect(resizeBicubic(source, W, H, kind)).toEqual(resizeBicubic(source, W, H, kind, true));
        }),
        { numRuns: 200 },
      );
    },
  );

  it.each(['image', 'video'] as const)('keeps a flat picture flat: %s', (kind) => {
    const grey = fc.integer({ min: 0, max: 255 });
    const side = fc.integer({ min: 1, max: 60 });
    fc.assert(
      fc.property(grey, side, side, side, side, (value, h, w, H, W) => {
        const flat = { width: w, height: h, data: new Uint8Array(h * w * 3).fill(value) };
        // Rounded weights may add up to slightly less or more than one.
        for (const v of resizeBicubic(flat, W, H, kind).data) expect(Math.abs(v - value)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 40 },
    );
  });
});

describe('cutPatches', () => {
  it.each(reference.patches)('gives the values of the reference for $height×$width, $frames frames', (wanted) => {
    const { height, width, frames, grid } = wanted;
    const size = smartResize(height, width, 28, 3136, 50176);
    const kind = frames === 0 ? 'image' : 'video';
    const clip = Array.from({ length: Math.max(1, frames) }, (_, phase) =>
      resizeBicubic(picture(height, width, phase), size.width, size.height, kind),
    );
    const { mean, std } = reference;
    const cut = cutPatches(kind, clip, { ...options, mean, std });
    expect([cut.grid.t, cut.grid.h, cut.grid.w]).toEqual(grid);
    expect(Array.from({ length: 12 }, (_, i) => cut.pixels[5 * 1176 + i * 100])).toEqual(wanted.some);
    expect(sha256(cut.pixels)).toBe(wanted.sha256);
  });
});
