// The system's `ffmpeg` gives what node-av gives: the same frames with the same numbers and times, native planes to the bit, RGB to within
// one level, for every codec and container of the corpus.
// @module-tag long
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { avGetPixFmtName } from 'node-av';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { readHeader } from '../../../src/video/ffmpeg/header.ts';
import { frameLayout, pixelFormatOf } from '../../../src/video/ffmpeg/pixel-format.ts';
import { readFrames } from '../../../src/video/ffmpeg/raw-frames.ts';
import { decode, openFilm } from '../../../src/video/film.ts';
import { defaultLimits } from '../../../src/video/types.ts';
import { inspectFile } from '../../../src/media/index.ts';
import { sha256 } from '../fixtures.ts';
import { kinds, makeKind, numFrames } from '../seek-corpus.ts';
import { expectSame, ffmpegOrWhy, jobOf, takeBoth } from './fixtures.ts';

process.env['SVT_LOG'] = '0';
const folder = mkdtempSync(join(tmpdir(), 'iovqa-ffmpeg-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** One that is not resized, which widens differences. */
const size: [number, number] = [112, 56];

const { ffmpeg, why } = await ffmpegOrWhy();

/** Hashes of the native planes of every frame. */
async function planesByNodeAv(path: string): Promise<string[]> {
  const file = await inspectFile(path, defaultLimits.maxBytes);
  await using film = await openFilm(file, defaultLimits);
  const hashes: string[] = [];
  await decode(film, file, async (frame) => {
    const { width, height } = frame;
    const name = avGetPixFmtName(frame.format as Parameters<typeof avGetPixFmtName>[0])!;
    const { size: bytesOfAll, offsets, strides } = frameLayout(pixelFormatOf(name)!, width, height);
    const packed = new Uint8Array(bytesOfAll);
    for (const [i, offset] of offsets.entries()) {
      const [bytes, stride, own] = [frame.data![i]!, frame.linesize[i]!, strides[i]!];
      const rows = ((offsets[i + 1] ?? bytesOfAll) - offset) / own;
      for (let y = 0; y < rows; y++) packed.set(bytes.subarray(y * stride, y * stride + own), offset + y * own);
    }
    hashes.push(`${name} ${sha256(packed)}`);
    return true;
  });
  return hashes;
}

async function planesByFfmpeg(path: string, format: string): Promise<string[]> {
  const job = await jobOf(path, ffmpeg!);
  const frames = Array.from({ length: numFrames }, (_, i) => i);
  const hashes: string[] = [];
  const wanted = { frames, format, width: size[0], height: size[1], deinterlaced: false };
  await readFrames(job, await readHeader(job), wanted, (_, { planes }) => {
    hashes.push(`${format} ${sha256(Buffer.concat(planes))}`);
  });
  return hashes;
}

describe('the corpus by the system’s ffmpeg (skipped without it)', () => {
  beforeEach((context) => context.skip(ffmpeg === undefined, why));

  it.each(kinds)('$name', async (kind) => {
    const path = await makeKind(folder, kind, size);
    const planes = await planesByNodeAv(path);
    expect(planes.length).toBe(numFrames);
    expect(await planesByFfmpeg(path, planes[0]!.split(' ')[0]!)).toEqual(planes);
    const every = Array.from({ length: numFrames }, (_, i) => i);
    expectSame(await takeBoth(path, { pick: every, count: numFrames, as: 'images' }, ffmpeg!));
    for (const pick of ['first', 'keyframe'] as const)
      expectSame(await takeBoth(path, { pick, count: 3, deinterlace: 'bwdif' }, ffmpeg!));
  });
});
