// The system's `ffmpeg` under the confinement and limits of every decoder, and without it.
// @module-tag long
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { costOfDescendants } from '../../../src/video/confinement/processor-time.ts';
import { bestConfinement, openFrameReader } from '../../../src/video/index.ts';
import { spawnCli } from '../../cli/run-cli.ts';
import { options } from '../fixtures.ts';
import { makeClip } from '../make-clip.ts';
import { ffmpegOrWhy } from './fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-programs-'));
afterAll(() => rmSync(folder, { recursive: true }));
let path = '';
beforeAll(async () => {
  path = await makeClip({ path: join(folder, 'clip.mp4'), codec: 'libx264', format: 'mp4', numFrames: 5 });
});

const { ffmpeg, why } = await ffmpegOrWhy();
const { why: noSandbox } = await bestConfinement();

describe('by the system’s ffmpeg (skipped without it)', () => {
  beforeEach((context) => context.skip(ffmpeg === undefined, why));

  it.for(['required', 'off'] as const)(
    'clips are read with --sandbox %s, in turn with node-av',
    async (sandbox, context) => {
      context.skip(sandbox === 'required' && noSandbox !== undefined, noSandbox);
      await using reader = openFrameReader({ workers: 1, sandbox });
      const decoders = ['ffmpeg', 'node-av', 'ffmpeg'] as const;
      const plans = [];
      for (const decoder of decoders) {
        plans.push((await reader.read({ path, kind: 'video' }, { ...options, decoder })).plan);
      }
      expect(plans.map(({ numFrames }) => numFrames)).toEqual([5, 5, 5]);
      expect(plans.map(({ decoder }) => decoder)).toEqual([ffmpeg!.name, undefined, ffmpeg!.name]);
      expect(ffmpeg!.name).toMatch(/^ffmpeg \d+(?:\.\d+)+$|^ffmpeg \S+$/);
    },
  );

  it('its processor time counts', async () => {
    await using reader = openFrameReader({ workers: 1, limits: { maxMilliseconds: 30 } });
    await expect(reader.read({ path, kind: 'video' }, { ...options, decoder: 'ffmpeg' })).rejects.toThrow(
      'expected to be read within 30 ms of processor time',
    );
  });

  it('a playlist is no video for it', async () => {
    const { writeFileSync } = await import('node:fs');
    const list = join(folder, 'list.m3u8');
    writeFileSync(list, `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n${path}\n#EXT-X-ENDLIST\n`);
    await using reader = openFrameReader({ workers: 1 });
    await expect(reader.read({ path: list, kind: 'video' }, { ...options, decoder: 'ffmpeg' })).rejects.toMatchObject({
      code: 'unreadable-media',
    });
  });
});

it.skipIf(process.platform !== 'linux')('memory of what a decoding process starts counts', async () => {
  const child = spawn(process.execPath, [
    '-e',
    'globalThis.kept = Buffer.alloc(2e8, 1); setTimeout(() => {}, 60_000);',
  ]);
  try {
    let bytes = 0;
    for (let i = 0; i < 300 && bytes < 2e8; i++) {
      await setTimeout(100);
      ({ bytes } = costOfDescendants());
    }
    expect(bytes).toBeGreaterThan(2e8);
  } finally {
    child.kill('SIGKILL');
  }
});

it('where it is not installed, one error says so and names the package', async () => {
  const { code, stderr } = await spawnCli(['score', path, '--decoder', 'ffmpeg'], { env: { PATH: '/nowhere' } });
  expect([code, stderr.trim().split('\n')]).toEqual([
    2,
    [
      'iovqa: --decoder ffmpeg: expected the program ffmpeg, got none on the PATH: install it (the package ffmpeg of Debian and Ubuntu), or use --decoder node-av',
    ],
  ]);
});
