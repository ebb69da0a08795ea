// Videos of every kind: the very frame that was asked for, its time, its colour, upright.
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AV_PIX_FMT_BGRA,
  AV_PIX_FMT_GRAY8,
  AV_PIX_FMT_YUV420P10LE,
  AV_PIX_FMT_YUVJ420P,
  AVCOL_RANGE_JPEG,
  AVCOL_RANGE_MPEG,
  AVCOL_SPC_BT709,
  AVCOL_SPC_SMPTE170M,
} from 'node-av';
import { afterAll, describe, expect, it } from 'vitest';
import type { FrameOptions } from '../../src/video/index.ts';
import type { ClipFrames } from '../../src/video/types.ts';
import { openFrameReader } from '../../src/video/index.ts';
import { decode, openFilm } from '../../src/video/film.ts';
import { inspectFile } from '../../src/media/index.ts';
import { openConverter } from '../../src/video/rgb-converter.ts';
import { defaultLimits } from '../../src/video/types.ts';
import { golden, options, sha256, sharedData } from './fixtures.ts';
import type { ClipRecipe } from './make-clip.ts';
import { lumaOf, makeClip } from './make-clip.ts';

process.env['SVT_LOG'] = '0';
const folder = mkdtempSync(join(tmpdir(), 'iovqa-videos-'));
const reader = openFrameReader({ workers: 1 });
afterAll(async () => {
  await reader[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

let made = 0;
async function read(recipe: Omit<ClipRecipe, 'path'>, asked: Partial<FrameOptions> = {}): Promise<ClipFrames> {
  const path = await makeClip({ ...recipe, path: join(folder, `${made++}.${recipe.format}`) });
  return reader.read({ path, kind: 'video' }, { ...options, ...asked });
}

/** Which frame a flat grey picture is, by its level; limited range is stretched by 255/219. */
function indexOf(level: number, full: boolean): number {
  const luma = full ? level : (level * 219) / 255 + 16;
  return Math.round((luma - lumaOf(0)) / 5) + 0; // -0 is 0
}

const indices = (clip: ClipFrames, full = false): number[] => clip.rgb.map(({ data }) => indexOf(data[1]!, full));
const flat16 = (planes: Buffer[], _: number[], k: number): void =>
  planes.forEach((plane, i) =>
    new Uint16Array(plane.buffer, plane.byteOffset, plane.length / 2).fill(4 * (i ? 128 : lumaOf(k))),
  );

const kinds: (Omit<ClipRecipe, 'path' | 'numFrames'> & { name: string; full?: boolean })[] = [
  { name: 'MPEG-4 in MP4', codec: 'mpeg4', format: 'mp4' },
  {
    name: 'H.264 with B-frames in MP4',
    codec: 'libx264',
    format: 'mp4',
    options: { 'x264-params': 'bframes=3:b-adapt=0:keyint=8' },
  },
  {
    name: 'H.264, open groups, in Matroska',
    codec: 'libx264',
    format: 'matroska',
    options: { 'x264-params': 'open-gop=1:bframes=3:keyint=6' },
  },
  {
    name: 'H.264 in a fragmented MP4',
    codec: 'libx264',
    format: 'mp4',
    muxing: { movflags: 'frag_keyframe+empty_moov' },
  },
  { name: 'H.264 in MPEG-TS', codec: 'libx264', format: 'mpegts' },
  { name: 'H.264 in FLV', codec: 'libx264', format: 'flv' },
  {
    name: 'HEVC, 10 bits, in MP4',
    codec: 'libx265',
    format: 'mp4',
    pixelFormat: AV_PIX_FMT_YUV420P10LE,
    fill: flat16,
    options: { 'x265-params': 'log-level=none' },
  },
  { name: 'VP9 in WebM', codec: 'libvpx-vp9', format: 'webm' },
  { name: 'AV1 in MP4', codec: 'libsvtav1', format: 'mp4', height: 64 },
  { name: 'FFV1 of odd size in Matroska', codec: 'ffv1', format: 'matroska', width: 63, height: 47 },
  { name: 'Motion JPEG in AVI', codec: 'mjpeg', format: 'avi', pixelFormat: AV_PIX_FMT_YUVJ420P, full: true },
  { name: 'GIF', codec: 'gif', format: 'gif', pixelFormat: AV_PIX_FMT_GRAY8, full: true },
  { name: 'uncompressed Y4M', codec: 'wrapped_avframe', format: 'yuv4mpegpipe' },
];

describe('index k is the k-th frame in presentation order', () => {
  it.each(kinds)('$name', async ({ full, ...recipe }) => {
    const clip = await read({ ...recipe, numFrames: 20 }, { pick: 'first', count: 20 });
    expect(clip.plan.frames.map(({ index }) => index)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(indices(clip, full)).toEqual(clip.plan.frames.map(({ index }) => index));
    const some = await read({ ...recipe, numFrames: 20 }, { pick: 'uniform', count: 3 });
    expect([some.plan.numFrames, indices(some, full)]).toEqual([20, [3, 10, 16]]);
    expect([clip.plan.sourceWidth, clip.plan.sourceHeight]).toEqual([recipe.width ?? 64, recipe.height ?? 48]);
  });

  it('picks by the number of frames that decoding gives, whatever the container claims', async () => {
    const clip = await read({ codec: 'libx264', format: 'mp4', numFrames: 21 }, { pick: 'middle', count: 1 });
    expect(indices(clip)).toEqual([10]);
    const two = await read({ codec: 'libx264', format: 'mp4', numFrames: 20 }, { pick: 'middle', count: 2 });
    expect(indices(two)).toEqual([9, 10]);
    // A stream whose first keyframe is lost: the packets up to the next one give no frames.
    const path = await makeClip({
      path: join(folder, 'headless.ts'),
      codec: 'libx264',
      format: 'mpegts',
      numFrames: 24,
      options: { 'x264-params': 'keyint=8:scenecut=0:bframes=0' },
    });
    const bytes = readFileSync(path);
    for (let i = 0, frame = 0; i < bytes.length; i += 188) {
      if ((bytes.readUInt16BE(i + 1) & 0x1fff) !== 256) continue; // the video's packets, 188 bytes each
      if ((bytes[i + 1]! & 0x40) !== 0) frame++;
      if (frame === 1) bytes.writeUInt16BE((bytes.readUInt16BE(i + 1) & 0xe000) | 0x1fff, i + 1); // a null packet
    }
    writeFileSync(path, bytes);
    const headless = await reader.read({ path, kind: 'video' }, options);
    expect(headless.plan).toMatchObject({
      numFrames: 16,
      frames: [{ index: 8 }],
      notes: ['frame-count: 23 packets gave 16 frames'],
    });
    expect(indices(headless)).toEqual([16]);
  });
});

describe('picks', () => {
  const keyed = { codec: 'libx264', format: 'mp4', numFrames: 20, options: { 'x264-params': 'keyint=5:scenecut=0' } };

  it('takes keyframes only', async () => {
    expect(indices(await read(keyed, { pick: 'keyframe', count: 2 }))).toEqual([5, 15]);
    const all = await read(keyed, { pick: 'keyframe', count: 9 });
    expect(indices(all)).toEqual([0, 5, 10, 15]);
    expect(all.plan.notes).toContain('few-frames: 9 keyframes asked for, 4 there: each taken once');
  });

  it('draws the same random frames for the same seed and content, others for others', async () => {
    const path = await makeClip({ ...keyed, path: join(folder, 'random.mp4') });
    const copy = join(folder, 'copy.mp4');
    copyFileSync(path, copy);
    const draw = (path: string, seed = 1): Promise<ClipFrames> =>
      reader.read({ path, kind: 'video' }, { ...options, pick: 'random', count: 6, seed });
    const [a, b, other] = [await draw(path), await draw(copy), await draw(path, 2)];
    expect(indices(a)).toEqual(indices(b));
    expect(new Set(indices(a)).size).toBe(6);
    expect(indices(a)).toEqual(indices(a).toSorted((x, y) => x - y));
    expect(indices(other)).not.toEqual(indices(a));
  });

  it('stops after the first frames, and then does not claim to know their number', async () => {
    const { plan } = await read({ codec: 'mpeg4', format: 'mp4', numFrames: 12 }, { pick: 'first', count: 2 });
    expect([plan.numFrames, plan.duration, plan.fps]).toEqual([null, expect.closeTo(1.2), expect.closeTo(10)]);
  });
});

describe('timing', () => {
  it('follows the timestamps of a variable rate', async () => {
    const times = [0, 10, 15, 60, 61, 100];
    const { plan, visions } = await read(
      { codec: 'libx264', format: 'mp4', numFrames: 6, times },
      { pick: 'uniform', count: 3 },
    );
    expect(plan.frames).toEqual([
      { index: 1, seconds: expect.closeTo(0.1) },
      { index: 3, seconds: expect.closeTo(0.6) },
      { index: 5, seconds: expect.closeTo(1) },
    ]);
    expect(plan).toMatchObject({ as: 'video', timing: 'container', duration: expect.closeTo(1.1) });
    expect(visions).toMatchObject([{ kind: 'video', grid: { t: 2 }, secondsPerGrid: expect.closeTo((2 * 1.1) / 3) }]);
    expect(plan.notes).toEqual(['padding: last frame repeated 1× to fill the last pair of frames']);
  });

  it('gives separate images where they are asked for', async () => {
    const clip = await read(
      { codec: 'mpeg4', format: 'mp4', numFrames: 8 },
      { pick: 'uniform', count: 2, as: 'images' },
    );
    expect(clip.plan.as).toBe('images');
    expect(clip.visions.map(({ kind, grid, secondsPerGrid }) => [kind, grid.t, secondsPerGrid])).toEqual([
      ['image', 1, undefined],
      ['image', 1, undefined],
    ]);
  });

  it.each([10, 0])('takes a clip of one frame that lasts %i hundredths as one image, and says so', async (duration) => {
    const clip = await read({ codec: 'libx264', format: 'mp4', numFrames: 1, duration }, { pick: 'uniform', count: 2 });
    expect(clip.plan).toMatchObject({ as: 'image', numFrames: 1, duration: expect.closeTo(duration > 0 ? 0.1 : 0.01) });
    const uncut = duration > 0 ? [] : ['edit-list: edit list that cuts every frame: not applied'];
    expect(clip.plan.notes).toEqual([...uncut, 'few-frames: 2 frames asked for, 1 there: each taken once']);
    expect(clip.visions.map(({ kind }) => kind)).toEqual(['image']);
  });

  it('assumes a rate for a GIF without delays, and reads those of one that has them', async () => {
    const gif = {
      codec: 'gif',
      format: 'gif',
      numFrames: 6,
      pixelFormat: AV_PIX_FMT_GRAY8,
      times: [0, 20, 40, 60, 80, 100],
      duration: 20,
    };
    const timed = await read(gif, { pick: 'uniform', count: 2 });
    expect(timed.plan).toMatchObject({ timing: 'container', duration: expect.closeTo(1.2), notes: [] });
    const bytes = readFileSync(timed.plan.path);
    for (let i = 0; i + 8 < bytes.length; i++) {
      if (bytes[i] === 0x21 && bytes[i + 1] === 0xf9 && bytes[i + 2] === 4) bytes.writeUInt16LE(0, i + 4);
    }
    const path = join(folder, 'untimed.gif');
    writeFileSync(path, bytes);
    const { plan, visions } = await reader.read(
      { path, kind: 'video' },
      { ...options, pick: 'uniform', count: 2, assumedFps: 8 },
    );
    expect(plan).toMatchObject({ timing: 'assumed', fps: 8, duration: 0.75 });
    expect(plan.notes).toEqual(['timing: no timing in the file: 8 frames a second assumed']);
    expect(visions[0]!.secondsPerGrid).toBe(0.75);
  });
});

describe('colour', () => {
  const bars = (planes: Buffer[]): void => [120, 90, 200].forEach((value, i) => planes[i]!.fill(value));
  const coefficients = {
    'BT.709': [1.5748, 0.1873, 0.4681, 1.8556],
    'BT.601': [1.402, 0.3441, 0.7141, 1.772],
  } as const;
  const cases = [
    ['BT.709', AVCOL_SPC_BT709, AVCOL_RANGE_MPEG, 64],
    ['BT.601', AVCOL_SPC_SMPTE170M, AVCOL_RANGE_MPEG, 64],
    ['BT.601', AVCOL_SPC_SMPTE170M, AVCOL_RANGE_JPEG, 64],
    ['BT.601', undefined, AVCOL_RANGE_MPEG, 64],
    ['BT.709', undefined, AVCOL_RANGE_MPEG, 720],
  ] as const;

  it.each(cases)('is %s where the stream says matrix %s, range %s at height %i', async (name, space, range, height) => {
    const recipe = {
      codec: 'libx264',
      format: 'mp4',
      numFrames: 1,
      width: 64,
      height,
      fill: bars,
      range,
      options: { qp: '0' },
    };
    const { rgb, plan } = await read(space === undefined ? recipe : { ...recipe, space }, { maxPixels: 64 * 64 });
    const full = range === AVCOL_RANGE_JPEG;
    const [kr, kgb, kgr, kb] = coefficients[name];
    const [luma, chroma] = full ? [1, 1] : [255 / 219, 255 / 224];
    const y = (120 - (full ? 0 : 16)) * luma;
    const [u, v] = [(90 - 128) * chroma, (200 - 128) * chroma];
    const wanted = [y + kr * v, y - kgb * u - kgr * v, y + kb * u].map((c) => Math.min(255, Math.max(0, c)));
    for (const [c, value] of wanted.entries()) expect(Math.abs(rgb[0]!.data[c]! - value)).toBeLessThanOrEqual(1);
    expect(plan.colour).toBe(
      `${full ? 'yuvj420p' : 'yuv420p'}, ${name} (${space === undefined ? 'by size' : 'tagged'}), ${full ? 'full' : 'limited'} range`,
    );
  });

  it('blends transparency on white and says so', async () => {
    const { rgb, plan } = await read({
      codec: 'ffv1',
      format: 'matroska',
      numFrames: 1,
      pixelFormat: AV_PIX_FMT_BGRA,
      fill: ([plane]) => plane!.fill(Buffer.from([10, 20, 30, 128])),
    });
    expect([...rgb[0]!.data.subarray(0, 3)]).toEqual([142, 137, 132]);
    expect(plan.notes).toContain('alpha: transparency blended on white');
  });
});

describe('orientation', () => {
  // A bright top-left quarter: where it goes for each display matrix [a, b, c, d].
  const quarter = (planes: Buffer[], strides: number[]): void => {
    planes[0]!.fill(40);
    for (let y = 0; y < 28; y++) planes[0]!.fill(200, y * strides[0]!, y * strides[0]! + 28);
    planes.slice(1).forEach((plane) => plane.fill(128));
  };
  const cases = [
    ['none', [1, 0, 0, 1], 'top left'],
    ['90° clockwise', [0, 1, -1, 0], 'top right'],
    ['180°', [-1, 0, 0, -1], 'bottom right'],
    ['90° anticlockwise', [0, -1, 1, 0], 'bottom left'],
    ['mirrored', [-1, 0, 0, 1], 'top right'],
  ] as const;

  it.each(cases)('%s', async (_, [a, b, c, d], wanted) => {
    const { rgb, plan } = await read({
      codec: 'libx264',
      format: 'mp4',
      numFrames: 1,
      width: 84,
      height: 56,
      fill: quarter,
      matrix: [a, b, c, d],
      options: { qp: '0' },
    });
    const { width, height, data } = rgb[0]!;
    expect([plan.sourceWidth, plan.sourceHeight]).toEqual(a === 0 ? [56, 84] : [84, 56]);
    const bright = (x: number, y: number): boolean => data[(y * width + x) * 3]! > 128;
    const corners = {
      'top left': bright(5, 5),
      'top right': bright(width - 6, 5),
      'bottom left': bright(5, height - 6),
      'bottom right': bright(width - 6, height - 6),
    };
    expect(Object.entries(corners).flatMap(([name, on]) => (on ? [name] : []))).toEqual([wanted]);
  });
});

describe('real clips', () => {
  const { clips } = golden('real') as { clips: Record<string, string[]> };
  const absent = existsSync(join(sharedData, 'fetv')) ? '' : ' (skipped: shared/data/fetv is not here)';

  it.skipIf(absent !== '')(`decode to Pillow's pixels${absent}`, async () => {
    for (const [name, wanted] of Object.entries(clips)) {
      const file = await inspectFile(join(sharedData, name), 1e9);
      await using film = await openFilm(file, defaultLimits);
      using converter = openConverter(file, film.orientation);
      const got: string[] = [];
      await decode(film, file, async (frame) => {
        const { rgb } = await converter.toRgb(frame);
        got.push(sha256(rgb.data));
        return true;
      });
      expect({ [name]: got }).toEqual({ [name]: wanted });
    }
  });
});
