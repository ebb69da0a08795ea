// Picking, timing, hashing and writing frames: the parts that need no video.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { inspectFile } from '../../src/media/index.ts';
import { gifDelays } from '../../src/video/gif-delays.ts';
import { nearDuplicates, pictureHash, resizeBicubic, writePng } from '../../src/video/index.ts';
import { pickFrames } from '../../src/video/picks.ts';
import { readStill } from '../../src/video/still.ts';
import { timingOfGif, timingOfStamps } from '../../src/video/timing.ts';
import { picture } from './fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-frames-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('pickFrames', () => {
  const source = (numFrames: number): { numFrames: number; keyframes: number[]; key: number[] } => ({
    numFrames,
    keyframes: Array.from({ length: Math.ceil(numFrames / 12) }, (_, i) => i * 12),
    key: [7, 9],
  });

  it.each([
    ['middle', 1, 1, [0]],
    ['middle', 1, 2, [1]],
    ['middle', 1, 5, [2]],
    ['middle', 2, 5, [2, 3]],
    ['middle', 3, 9, [3, 4, 5]],
    ['first', 2, 9, [0, 1]],
    ['uniform', 1, 9, [4]],
    ['uniform', 2, 33, [8, 24]],
    ['uniform', 4, 4, [0, 1, 2, 3]],
    ['keyframe', 2, 48, [12, 36]],
    ['keyframe', 1, 5, [0]],
  ] as const)('%s: %i of %i', (pick, count, numFrames, wanted) => {
    expect(pickFrames(pick, count, source(numFrames))).toEqual(wanted);
  });

  it('gives as many different frames as there are, at most as many as asked for, in order', () => {
    const pick = fc.constantFrom('middle', 'first', 'uniform', 'random', 'keyframe');
    fc.assert(
      fc.property(pick, fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 200 }), (how, count, numFrames) => {
        const from = source(numFrames);
        const picked = pickFrames(how, count, from);
        const there = how === 'keyframe' ? from.keyframes : Array.from({ length: numFrames }, (_, i) => i);
        expect(picked.length).toBe(Math.min(count, there.length));
        expect(picked).toEqual([...new Set(picked)].toSorted((a, b) => a - b));
        expect(picked.every((index) => there.includes(index))).toBe(true);
      }),
    );
  });
});

describe('timing', () => {
  it('takes the mean for a last frame of unknown length', () => {
    expect(timingOfStamps([5, 5.5, 6], 0, 10)).toMatchObject({
      seconds: [0, 0.5, 1],
      duration: 1.5,
      timing: 'container',
    });
    expect(timingOfStamps([5, 5.5, 6], 0.25, 10).duration).toBe(1.25);
  });

  it.each([[[null, 1]], [[1, 1]], [[2, 1]], [[0]]])('assumes a rate for stamps %j', (stamps) => {
    expect(timingOfStamps(stamps, 0, 4)).toMatchObject({ timing: 'assumed', duration: stamps.length / 4 });
  });

  it('shows short GIF delays as browsers do, and does not trust a list of another length', () => {
    expect(timingOfGif([50, 1, 0, 2], 4, 10)).toMatchObject({ seconds: [0, 0.5, 0.6, 0.7], duration: 0.72 });
    expect(timingOfGif([50, 1, 0, 2], 4, 10).notes).toEqual([
      'timing: 2 GIF delays below 0.02 s taken as 0.1 s, as browsers do',
    ]);
    expect(timingOfGif([50, 50], 3, 10).timing).toBe('assumed');
  });

  it('reads GIF blocks of any kind and does not run on at the end of a cut file', () => {
    const bytes = Buffer.concat([
      Buffer.from('GIF89a\x01\0\x01\0\x80\0\0', 'latin1'),
      Buffer.alloc(6), // two colours
      Buffer.from([0x21, 0xff, 3, 1, 2, 3, 0]), // an extension to skip
      Buffer.from([0x21, 0xf9, 4, 0, 7, 1, 0, 0]), // 263 hundredths
      Buffer.from([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4c, 1, 0]),
      Buffer.from([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4c, 1, 0]),
      Buffer.from([0x3b]),
    ]);
    expect(gifDelays(bytes)).toEqual({ delays: [263, 0], whole: true });
    expect(gifDelays(bytes.subarray(0, -3))).toEqual({ delays: [263, 0], whole: false });
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => gifDelays(noise).delays.length <= 300));
  });
});

describe('pictureHash', () => {
  const photo = picture(240, 320);

  it('is 64 bits, stays near under resizing and goes far for another picture', () => {
    const smooth = resizeBicubic(picture(16, 16), 320, 240, 'image');
    const other = resizeBicubic(picture(16, 16, 3), 320, 240, 'image');
    const hashes = [smooth, resizeBicubic(smooth, 200, 120, 'image'), other].map(pictureHash);
    expect(hashes.every((hash) => hash >= 0n && hash < 1n << 64n)).toBe(true);
    const [near] = nearDuplicates(hashes, 6);
    expect(near).toMatchObject({ a: 0, b: 1 });
    expect(nearDuplicates(hashes, 6).length).toBe(1);
    expect(pictureHash(photo)).toBe(pictureHash(picture(240, 320)));
  });

  it('counts the bits that differ', () => {
    const hash = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
    fc.assert(
      fc.property(hash, hash, (a, b) => {
        const distance = (a ^ b).toString(2).replaceAll('0', '').length;
        expect(nearDuplicates([a, b], 64)).toEqual([{ a: 0, b: 1, distance }]);
        expect(nearDuplicates([a, b], distance - 1)).toEqual([]);
      }),
    );
  });
});

describe('writePng', () => {
  it('writes the very pixels, and leaves nothing else behind', async () => {
    const path = join(folder, 'frame.png');
    const frame = picture(30, 20);
    await writePng(path, frame);
    expect((await readStill(await inspectFile(path, 1e6), { maxPixels: 1e6, profile: 'ignore' })).frame).toEqual(frame);
    expect(readdirSync(folder)).toEqual(['frame.png']);
  });
});
