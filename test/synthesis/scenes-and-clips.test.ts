// Generated scenes, camera motion over photographs, and clips that are written and read back.
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomStream, UserError } from '../../src/core/index.ts';
import { meanOverFrames, psnr, ssim } from '../../src/metrics/full-reference/index.ts';
import type { RgbFrame } from '../../src/video/index.ts';
import { openFrameReader } from '../../src/video/index.ts';
import { drawPath, leastRatio } from '../../src/synthesis/camera-path.ts';
import { cameraMotion, generatedScene, writeClip } from '../../src/synthesis/index.ts';
import { options } from '../video/fixtures.ts';
import { digest, flat, scene } from './helpers.ts';

describe('generatedScene', () => {
  it('is fixed by its stream, and another of another', () => {
    const draw = (key: number): RgbFrame => generatedScene({ width: 61, height: 45, stream: randomStream(key) });
    expect(draw(1)).toMatchObject({ width: 61, height: 45 });
    expect(digest([draw(1)])).toBe(digest([draw(1)]));
    expect(new Set([1, 2, 3, 4, 5].map((key) => digest([draw(key)]))).size).toBe(5);
  });

  it('has contrast, colour, and a spectrum that falls about as that of photographs', () => {
    // Differences of pixels d apart grow as d^(2H); a spectrum of 1/f^2 in power has H near 0, white noise none, a smooth ramp H = 1.
    const side = 128;
    const [near, far] = [1, 16].map((distance) => {
      let [sum, count] = [0, 0];
      for (let key = 0; key < 12; key++) {
        const { data } = scene(key, side, side);
        for (let y = 0; y < side; y++) {
          for (let x = 0; x + distance < side; x++, count++) {
            const p = (y * side + x) * 3 + 1;
            sum += (data[p]! - data[p + 3 * distance]!) ** 2;
          }
        }
      }
      return sum / count;
    });
    expect(Math.sqrt(near!)).toBeGreaterThan(5);
    expect(Math.sqrt(near!)).toBeLessThan(40);
    expect(far! / near!).toBeGreaterThan(2.5);
    expect(far! / near!).toBeLessThan(40);
  });

  it('refuses a size that has no room', () => {
    expect(() => generatedScene({ width: 15, height: 40, stream: randomStream(1) })).toThrow('at least 16×16 pixels');
  });
});

describe('cameraMotion', () => {
  const sides = fc.integer({ min: 8, max: 400 });
  const ratios = fc.double({ min: leastRatio, max: 6, noNaN: true });

  it('never looks beyond the photograph or closer than its pixels, and moves no faster than it says', () => {
    fc.assert(
      fc.property(sides, sides, ratios, ratios, fc.integer({ min: 1, max: 40 }), fc.nat(), (w, h, rx, ry, n, seed) => {
        const photo = { width: Math.ceil(w * rx), height: Math.ceil(h * ry) };
        const views = drawPath(photo, { width: w, height: h }, n, randomStream(seed));
        expect(views).toHaveLength(n);
        for (const [k, { x, y, scale, angle }] of views.entries()) {
          expect(scale).toBeGreaterThanOrEqual(1 - 1e-9);
          for (const [i, j] of [
            [-w, -h],
            [w, -h],
            [-w, h],
            [w, h],
          ] as const) {
            const cornerX = x + (scale / 2) * (i * Math.cos(angle) - j * Math.sin(angle));
            const cornerY = y + (scale / 2) * (i * Math.sin(angle) + j * Math.cos(angle));
            expect(Math.min(cornerX, cornerY, photo.width - cornerX, photo.height - cornerY)).toBeGreaterThan(-1e-6);
          }
          const last = views[k - 1];
          if (!last) continue;
          expect(Math.hypot(x - last.x, y - last.y)).toBeLessThan(0.031 * w * views[0]!.scale);
          expect(Math.abs(Math.log(scale / last.scale))).toBeLessThan(0.02);
          expect(Math.abs(angle - last.angle)).toBeLessThan(0.004);
        }
      }),
    );
  });

  it.each([
    [1.3, 'about its own resolution'],
    [1.9, 'resized once'],
    [5, 'resized twice'],
  ])('samples the place that it looks at: photograph %f times as large (%s)', (ratio) => {
    const [width, height, numFrames] = [64, 48, 5];
    const photoSize = { width: Math.round(width * ratio), height: Math.round(height * ratio) };
    const level = (x: number, y: number): [number, number] => [
      (200 * x) / photoSize.width + 20,
      (200 * y) / photoSize.height + 20,
    ];
    const data = new Uint8Array(photoSize.width * photoSize.height * 3);
    for (let i = 0; i < data.length / 3; i++) {
      const [r, g] = level((i % photoSize.width) + 0.5, Math.floor(i / photoSize.width) + 0.5);
      data.set([Math.round(r), Math.round(g), 0], i * 3);
    }
    const frames = cameraMotion({ ...photoSize, data }, { width, height, numFrames, stream: randomStream(11) });
    const views = drawPath(photoSize, { width, height }, numFrames, randomStream(11));
    for (const [k, { x, y, scale, angle }] of views.entries()) {
      for (const [i, j] of [
        [8, 8],
        [40, 10],
        [20, 40],
        [50, 33],
      ] as const) {
        const [u, v] = [(i + 0.5 - width / 2) * scale, (j + 0.5 - height / 2) * scale];
        const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
        const [r, g] = level(x + u * cos - v * sin, y + u * sin + v * cos);
        const p = (j * width + i) * 3;
        expect(Math.abs(frames[k]!.data[p]! - r)).toBeLessThan(1.5);
        expect(Math.abs(frames[k]!.data[p + 1]! - g)).toBeLessThan(1.5);
      }
    }
  });

  it('does not alias: a fine chequered photograph becomes an even grey', () => {
    const side = 400;
    const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => {
      const pixel = Math.floor(i / 3);
      return ((pixel % side) + Math.floor(pixel / side)) % 2 === 0 ? 0 : 255;
    });
    for (const [size, spread] of [
      [60, 4],
      [130, 40],
    ] as const) {
      const [frame] = cameraMotion(
        { width: side, height: side, data },
        { width: size, height: size, numFrames: 1, stream: randomStream(2) },
      );
      expect(Math.max(...frame!.data.map((v) => Math.abs(v - 127.5)))).toBeLessThan(spread);
    }
  });

  it('is fixed by its stream, and leaves the photograph', () => {
    const photo = scene(1, 120, 90);
    const before = digest([photo]);
    const make = (key: number): string =>
      digest(cameraMotion(photo, { width: 61, height: 47, numFrames: 4, stream: randomStream(key) }));
    expect(make(1)).toBe(make(1));
    expect(make(1)).not.toBe(make(2));
    expect(digest([photo])).toBe(before);
  });

  it('refuses a photograph that is too small', () => {
    const make = (): unknown =>
      cameraMotion(flat(9, 120, 90), { width: 100, height: 60, numFrames: 4, stream: randomStream(1) });
    expect(make).toThrow(UserError);
    expect(make).toThrow('camera motion: expected a photograph of at least 125×75 pixels, got 120×90');
  });
});

describe('writeClip', () => {
  const folder = mkdtemp(join(tmpdir(), 'iovqa-write-clip-'));
  const photo = scene(6, 200, 150);
  const frames = cameraMotion(photo, { width: 112, height: 84, numFrames: 9, stream: randomStream(6) });

  it.each([25, 29.97, 12.5])('writes what our reader reads back, at %f frames a second', async (fps) => {
    const path = join(await folder, `clip-${fps}.mp4`);
    await writeClip(path, frames, { fps });
    await using reader = openFrameReader({ workers: 1 });
    // Patches of one pixel pair: frames keep their size.
    const take = { ...options, pick: 'uniform', count: 9, patchSize: 2, mergeSize: 1, as: 'images' } as const;
    const { plan, rgb } = await reader.read({ path, kind: 'video' }, take);
    expect(plan).toMatchObject({ numFrames: 9, sourceWidth: 112, sourceHeight: 84, timing: 'container', notes: [] });
    expect(plan.colour).toBe('yuv420p, BT.709 (tagged), limited range');
    expect(plan.fps).toBeCloseTo(fps, 2);
    expect(plan.duration).toBeCloseTo(9 / fps, 3);
    expect(rgb).toHaveLength(9);
    expect(meanOverFrames(psnr, frames, rgb)).toBeGreaterThan(32); // half the resolution of colour costs the most
    expect(meanOverFrames(ssim, frames, rgb)).toBeGreaterThan(0.98);
    rgb.forEach((frame, k) => expect(psnr(frame, frames[k]!)).toBeGreaterThan(psnr(frame, frames[(k + 4) % 9]!)));
  });

  it('gives the same bytes for the same frames, smaller ones for a greater rate factor', async () => {
    const [a, b, c] = [join(await folder, 'a.mp4'), join(await folder, 'b.mp4'), join(await folder, 'c.mp4')];
    await writeClip(a, frames, { fps: 25 });
    await writeClip(b, frames, { fps: 25 });
    await writeClip(c, frames, { fps: 25, crf: 40 });
    expect(await readFile(b)).toEqual(await readFile(a));
    expect((await readFile(c)).length).toBeLessThan((await readFile(a)).length / 2);
    expect((await readdir(await folder)).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('gives the same bytes however often it is run', { tags: ['long'] }, async () => {
    const stream = randomStream(8);
    const photo = generatedScene({ width: 320, height: 320, stream });
    const moved = cameraMotion(photo, { width: 224, height: 224, numFrames: 8, stream });
    const files = new Set<string>();
    const path = join(await folder, 'again.mp4');
    for (let i = 0; i < 24; i++) {
      await writeClip(path, moved, { fps: 8 });
      files.add((await readFile(path)).toString('base64'));
    }
    expect(files.size).toBe(1);
  });

  it.each([
    ['no frames', [], { fps: 25 }, 'at least one frame, got none'],
    ['odd sides', [flat(1, 33, 32)], { fps: 25 }, 'even sides of at least 16 pixels, got 33×32'],
    ['sizes that differ', [flat(1, 32, 32), flat(1, 34, 32)], { fps: 25 }, 'of one size (32×32), got one of 34×32'],
    ['a rate of 0', [flat(1, 32, 32)], { fps: 0 }, '0.001 to 240 frames a second, got 0'],
    ['a wrong rate factor', [flat(1, 32, 32)], { fps: 25, crf: 52 }, 'a rate factor (crf) of 0–51, got 52'],
  ])('refuses %s and leaves nothing behind', async (_, clip, how, message) => {
    const place = await mkdtemp(join(await folder, 'refused-'));
    await expect(writeClip(join(place, 'x.mp4'), clip, how)).rejects.toThrow(message);
    expect(await readdir(place)).toEqual([]);
  });
});
