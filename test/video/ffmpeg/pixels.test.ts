// What a player does to pixels, done by the system's `ffmpeg` as by node-av: fields, rotation, shapes of pixels, HDR, transparency, palettes.
// @module-tag long
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AV_PIX_FMT_RGBA, AV_PIX_FMT_YUV420P10LE } from 'node-av';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { shownPixels, storedPixels } from '../../../src/video/types.ts';
import { makeClip } from '../make-clip.ts';
import type { ClipRecipe } from '../make-clip.ts';
import { busy, x264 } from '../seek-corpus.ts';
import { expectSame, ffmpegOrWhy, takeBoth } from './fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-pixels-'));
afterAll(() => rmSync(folder, { recursive: true }));

const { ffmpeg, why } = await ffmpegOrWhy();

/** Noise of 10 bits that moves. */
function busy10(planes: Buffer[], strides: number[], k: number): void {
  planes.forEach((plane, p) => {
    let state = k + 1;
    for (let i = 0; i < plane.length; i += 2) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
      const [x, y] = [(i % strides[p]!) / 2, Math.floor(i / strides[p]!)];
      plane.writeUInt16LE(200 + (((x * 3 + k * 5) * (y + 2)) & 511) + ((state >> 16) & 63), i);
    }
  });
}

const base = { format: 'mp4', width: 112, height: 56, fill: busy, numFrames: 8 };
const clips: (Partial<ClipRecipe> & { name: string })[] = [
  { name: 'fields, the lower first', ...x264('interlaced=1') },
  { name: 'fields of 10 bits', ...x264('interlaced=1'), pixelFormat: AV_PIX_FMT_YUV420P10LE, fill: busy10 },
  { name: 'turned by 90 degrees', matrix: [0, 1, -1, 0], ...x264('keyint=4') },
  { name: 'mirrored', matrix: [-1, 0, 0, 1], ...x264('keyint=4') },
  { name: 'turned by 45 degrees', matrix: [0.7, 0.7, -0.7, 0.7], ...x264('keyint=4') },
  { name: 'pixels that are not square', ...x264('sar=4/3') },
  {
    name: 'HDR (PQ)',
    ...x264('transfer=smpte2084:colorprim=bt2020:colormatrix=bt2020nc'),
    pixelFormat: AV_PIX_FMT_YUV420P10LE,
    fill: busy10,
  },
  {
    name: 'HDR (HLG)',
    ...x264('transfer=arib-std-b67:colorprim=bt2020:colormatrix=bt2020nc'),
    pixelFormat: AV_PIX_FMT_YUV420P10LE,
    fill: busy10,
  },
  { name: 'full range, BT.709', ...x264('fullrange=on:colormatrix=bt709') },
  { name: 'a matrix that is not known here', ...x264('colormatrix=smpte240m') },
  { name: 'APNG with alpha', codec: 'apng', format: 'apng', pixelFormat: AV_PIX_FMT_RGBA },
];

describe('pixels as a player shows them, by both decoders (skipped without ffmpeg)', () => {
  beforeEach((context) => context.skip(ffmpeg === undefined, why));

  it.each(clips)('$name', async ({ name, ...recipe }) => {
    const path = join(folder, `${name.replaceAll(/\W/g, '-')}.${recipe.format ?? base.format}`);
    await makeClip({ codec: 'libx264', ...base, ...recipe, path });
    const every = Array.from({ length: recipe.numFrames ?? base.numFrames }, (_, i) => i);
    expectSame(await takeBoth(path, { ...shownPixels, squarePixels: false, pick: 'first', count: 1 }, ffmpeg!));
    for (const pixels of [shownPixels, storedPixels]) {
      const asked = { ...pixels, pick: every, count: every.length, as: 'images' as const };
      expectSame(await takeBoth(path, asked, ffmpeg!), recipe.codec === undefined && /square/.test(name) ? 2 : 1);
    }
  });

  it('a single frame of two fields is refused, with the option that reads it', async () => {
    const path = await makeClip({
      codec: '',
      ...base,
      ...x264('interlaced=1'),
      numFrames: 1,
      path: join(folder, 'one.mp4'),
    });
    await expect(takeBoth(path, { ...shownPixels, pick: 'first', count: 1 }, ffmpeg!)).rejects.toMatchObject({
      message: expect.stringContaining('got a video of a single frame') as string,
      hint: expect.stringContaining('--decoder node-av') as string,
    });
  });

  /** A clip by the programs themselves, of half a second. */
  const made = (name: string, size: string, args: string): string => {
    const path = join(folder, name);
    const source = `testsrc2=size=${size}:rate=10:duration=0.5`;
    execFileSync(ffmpeg!.ffmpeg, ['-v', 'error', '-y', '-f', 'lavfi', '-i', source, ...args.split(' '), path]);
    return path;
  };

  it.each([
    ['the tag in capitals', 'capitals.webm', '112x56', 'libvpx-vp9'],
    ['VP8 of a size that is BT.709 without tags', 'vp8.webm', '1280x720', 'libvpx'],
  ])('transparency of WebM, %s', async (_, name, size, codec) => {
    const alpha = '-vf format=yuva420p,geq=lum=p(X\\,Y):cb=p(X\\,Y):cr=p(X\\,Y):a=128';
    const path = made(name, size, `${alpha} -c:v ${codec} -auto-alt-ref 0 -metadata:s:v:0 alpha_mode=1`);
    const both = await takeBoth(path, { ...shownPixels, pick: 'first', count: 1 }, ffmpeg!);
    expectSame(both, 2);
    expect(both[1].notes.join()).toContain('alpha: transparency blended on white');
  });

  it('fields in a format that the filter does not take are refused, with the option that reads them', async () => {
    const path = made('raw.mov', '112x56', '-c:v rawvideo -pix_fmt uyvy422 -vf setfield=tff -field_order tt');
    await expect(takeBoth(path, { ...shownPixels, pick: 'middle', count: 1 }, ffmpeg!)).rejects.toMatchObject({
      hint: expect.stringContaining('--decoder node-av') as string,
    });
  });

  const cases = fileURLToPath(new URL('../../media/cases/', import.meta.url));
  it.each(['alpha_vp9.webm', 'hdr_pq.mp4', 'inter.mp4', 'offset.mkv', 'sar_container.mkv'])(
    '%s',
    { tags: ['long'] },
    async (name) => {
      expect(existsSync(join(cases, name))).toBe(true);
      for (const pixels of [shownPixels, storedPixels]) {
        expectSame(await takeBoth(join(cases, name), { ...pixels, pick: 'uniform', count: 3 }, ffmpeg!), 2);
        // In inter.mp4 the upper field is the earlier.
        expectSame(await takeBoth(join(cases, name), { ...pixels, pick: 'first', count: 1 }, ffmpeg!), 2);
      }
    },
  );
});
