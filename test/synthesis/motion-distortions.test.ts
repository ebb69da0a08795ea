// Faults of motion: which frames are shown, how bright and where.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import { meanOverFrames, ssim } from '../../src/metrics/full-reference/index.ts';
import type { MotionDistortionKind } from '../../src/synthesis/index.ts';
import { cameraMotion, motionDistortions } from '../../src/synthesis/index.ts';
import { counted, digest, flat, scene, shown } from './helpers.ts';

const kinds = Object.keys(motionDistortions) as MotionDistortionKind[];
const strengths = fc.double({ min: 0.01, max: 1, noNaN: true });
const lengths = fc.integer({ min: 2, max: 20 });

describe.each(kinds)('%s', (kind) => {
  const distort = motionDistortions[kind];
  const photo = scene(3, 160, 140);
  const clip = cameraMotion(photo, { width: 71, height: 63, numFrames: 12, stream: randomStream(3) });

  it('is the worse the greater its strength', () => {
    const qualities = [0.15, 0.5, 0.9].map((strength) => {
      const seeds = [1, 2, 3, 4, 5, 6];
      const distorted = seeds.flatMap((seed) => distort(clip, strength, randomStream(seed)));
      return meanOverFrames(
        ssim,
        seeds.flatMap(() => clip),
        distorted,
      );
    });
    expect(qualities[0]).toBeLessThan(1);
    expect(qualities[1]).toBeLessThan(qualities[0]!);
    expect(qualities[2]).toBeLessThan(qualities[1]!);
  });

  it('keeps number and size of frames, leaves its input, and is fixed by its stream', () => {
    const before = digest(clip);
    const distorted = distort(clip, 0.6, randomStream(9));
    expect(distorted.map(({ width, height, data }) => [width, height, data.length])).toEqual(
      clip.map(() => [71, 63, 71 * 63 * 3]),
    );
    expect(digest(clip)).toBe(before);
    expect(digest(distort(clip, 0.6, randomStream(9)))).toBe(digest(distorted));
    expect(digest(distort(clip, 0.6, randomStream(10)))).not.toBe(digest(distorted));
  });

  it('refuses what it cannot do', () => {
    expect(() => distort([flat(9)], 0.5, randomStream(1))).toThrow('at least two frames, got one');
    expect(() => distort([flat(9), flat(9)], 2, randomStream(1))).toThrow('above 0 and at most 1, got 2');
  });
});

describe('what is shown', () => {
  it('frozen: one stretch repeats its first frame, as long as the strength says', () => {
    fc.assert(
      fc.property(strengths, lengths, fc.nat(), (strength, n, seed) => {
        const indices = shown(motionDistortions.frozen(counted(n), strength, randomStream(seed)));
        const repeated = indices.flatMap((index, k) => (index === k ? [] : [k]));
        expect(repeated).toHaveLength(Math.max(1, Math.round(strength * (n - 1))));
        expect(repeated.at(-1)! - repeated[0]!).toBe(repeated.length - 1);
        for (const k of repeated) expect(indices[k]).toBe(repeated[0]! - 1);
      }),
    );
  });

  it('dropped: lost frames repeat the one before, the others stay in their places', () => {
    fc.assert(
      fc.property(strengths, lengths, fc.nat(), (strength, n, seed) => {
        const indices = shown(motionDistortions.dropped(counted(n), strength, randomStream(seed)));
        expect(indices[0]).toBe(0);
        indices.forEach((index, k) => expect([k, indices[k - 1]]).toContain(index));
        const lost = indices.filter((index, k) => index !== k);
        expect(lost).toHaveLength(Math.max(1, Math.round(0.8 * strength * (n - 1))));
      }),
    );
  });

  it('judder: as many frames as it says come from another time, not too far away', () => {
    fc.assert(
      fc.property(strengths, lengths, fc.nat(), (strength, n, seed) => {
        const indices = shown(motionDistortions.judder(counted(n), strength, randomStream(seed)));
        const moved = indices.filter((index, k) => index !== k);
        expect(moved).toHaveLength(Math.max(1, Math.round(Math.sqrt(strength) * n)));
        indices.forEach((index, k) => expect(Math.abs(index - k)).toBeLessThanOrEqual(Math.round(1 + 3 * strength)));
      }),
    );
  });

  it('flicker: exposures differ from frame to frame, within the bounds', () => {
    const lit = motionDistortions.flicker(
      Array.from({ length: 40 }, () => flat(100)),
      1,
      randomStream(1),
    );
    const stops = lit.map(({ data }) => 2.2 * Math.log2(data[0]! / 100));
    expect(new Set(stops).size).toBeGreaterThan(25);
    expect(Math.max(...stops.map(Math.abs))).toBeLessThan(1.62);
    expect(Math.max(...stops)).toBeGreaterThan(1);
    expect(Math.min(...stops)).toBeLessThan(-1);
  });

  it('shake: each frame is the picture moved by whole pixels, edges repeated', () => {
    const picture = scene(2, 40, 30);
    const still = Array.from({ length: 30 }, () => picture);
    const at = (x: number, y: number): number[] => {
      const p = (Math.min(29, Math.max(0, y)) * 40 + Math.min(39, Math.max(0, x))) * 3;
      return [...picture.data.subarray(p, p + 3)];
    };
    const moves = motionDistortions.shake(still, 1, randomStream(4)).map((frame) => {
      for (let dy = -8; dy <= 8; dy++) {
        for (let dx = -8; dx <= 8; dx++) {
          const same = (x: number, y: number): boolean =>
            at(x - dx, y - dy).every((v, c) => v === frame.data[(y * 40 + x) * 3 + c]);
          if (![0, 7, 20, 39].every((x) => [0, 9, 29].every((y) => same(x, y)))) continue;
          if (Array.from({ length: 1200 }, (_, i) => same(i % 40, Math.floor(i / 40))).every(Boolean))
            return `${dx},${dy}`;
        }
      }
      return undefined;
    });
    expect(moves).not.toContain(undefined);
    expect(new Set(moves).size).toBeGreaterThan(8);
    const slight = motionDistortions.shake(still, 0.01, randomStream(4));
    slight.slice(1).forEach((frame, k) => expect(frame.data).not.toEqual(slight[k]!.data));
  });

  it('shake: moves a picture out of view whole', () => {
    const frames = motionDistortions.shake([flat(1, 2, 200), flat(2, 2, 200)], 1, randomStream(1));
    expect(frames.map(({ data }) => new Set(data))).toEqual([new Set([1]), new Set([2])]);
  });
});
