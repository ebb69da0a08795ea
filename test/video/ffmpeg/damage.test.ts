// Damaged clips by the system's `ffmpeg`: refused where node-av refuses them, with its notes where it does not.
// @module-tag long
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { takeFilm } from '../../../src/video/ffmpeg/take-film.ts';
import { openFilm } from '../../../src/video/film.ts';
import { listPackets } from '../../../src/video/packet-list.ts';
import { defaultLimits } from '../../../src/video/types.ts';
import { inspectFile } from '../../../src/media/index.ts';
import { options } from '../fixtures.ts';
import { makeClip } from '../make-clip.ts';
import { busy, x264 } from '../seek-corpus.ts';
import { expectSame, ffmpegOrWhy, jobOf, takeBoth } from './fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-damage-'));
afterAll(() => rmSync(folder, { recursive: true }));
const { ffmpeg, why } = await ffmpegOrWhy();

async function clip(name: string, format: string): Promise<string> {
  const recipe = { format, width: 112, height: 56, fill: busy, numFrames: 40, ...x264('keyint=10:bframes=0') };
  return makeClip({ codec: '', ...recipe, path: join(folder, name) });
}

const asked = { pick: 'uniform', count: 3 } as const;

describe('damaged clips (skipped without ffmpeg)', () => {
  beforeEach((context) => context.skip(ffmpeg === undefined, why));

  it('a frame whose decoder fills gaps has the note, and no other one', async () => {
    const path = await clip('hurt.mp4', 'mp4');
    await using film = await openFilm(await inspectFile(path, defaultLimits.maxBytes), defaultLimits);
    const at = (await listPackets(film)).packets[25]!.position;
    const bytes = readFileSync(path);
    for (let i = 30; i < 60; i++) bytes[at + i] = 0xa5 ^ i;
    writeFileSync(path, bytes);
    const both = await takeBoth(path, { pick: [24, 25, 26, 33], count: 4, as: 'images' }, ffmpeg!);
    expect(both[1].notes).toEqual(['damage: frame 25 was damaged: its decoder filled gaps']);
    expectSame(both);
    expectSame(await takeBoth(path, { pick: [15], count: 1 }, ffmpeg!));
  });

  it.each([
    ['cut short', 'matroska', (bytes: Buffer) => bytes.subarray(0, Math.floor(bytes.length * 0.6))],
    ['cut short', 'mp4', (bytes: Buffer) => bytes.subarray(0, Math.floor(bytes.length * 0.6))],
    [
      'with a hole',
      'mp4',
      (bytes: Buffer) => bytes.fill(0, Math.floor(bytes.length * 0.4), Math.floor(bytes.length * 0.45)),
    ],
  ] as const)('%s, in %s: refused by both', async (what, format, damage) => {
    const path = await clip(`${what.replaceAll(' ', '-')}.${format}`, format);
    writeFileSync(path, damage(readFileSync(path)));
    await expect(takeBoth(path, asked, ffmpeg!)).rejects.toMatchObject({ code: 'unreadable-media' });
    const { file, programs } = await jobOf(path, ffmpeg!);
    await expect(takeFilm(file, { ...options, ...asked }, defaultLimits, programs)).rejects.toMatchObject({
      code: 'unreadable-media',
    });
  });
});
