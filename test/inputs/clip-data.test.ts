// Clips as bytes and streams: the same scores as from files, the same limits, their own errors, and nothing left behind.
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Clip } from '../../src/inputs/index.ts';
import { withClipFile } from '../../src/inputs/index.ts';
import { createRandomCheckpoint } from '../../src/model/index.ts';
import { loadScorer } from '../../src/score/index.ts';

let folder: string;
let picture: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'iovqa-clip-data-'));
  picture = join(folder, 'picture.png');
  const noise = { type: 'gaussian' as const, mean: 128, sigma: 40 };
  await sharp({ create: { width: 84, height: 84, channels: 3, background: 'gray', noise } })
    .png()
    .toFile(picture);
  await createRandomCheckpoint(join(folder, 'model'), { preset: 'tiny' });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const temporary = async (): Promise<string[]> =>
  (await readdir(tmpdir())).filter((name) => name.startsWith('.iovqa-clip'));

describe('scorer.score', () => {
  test('gives bytes and streams the scores of the file, and a stream that fails its own error', async () => {
    const bytes = await readFile(picture);
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 100);
      throw new Error('the connection was lost');
    };
    const clips: Clip[] = [
      { path: picture, kind: 'image' },
      { path: 'bytes.png', kind: 'image', data: bytes },
      { path: 'stream.png', kind: 'image', data: createReadStream(picture, { highWaterMark: 1000 }) },
      { path: 'failing.png', kind: 'image', data: failing() },
      { path: 'web.png', kind: 'image', data: Readable.toWeb(createReadStream(picture)) as ReadableStream<Uint8Array> },
      { path: 'text.png', kind: 'image', data: Buffer.from('no picture') },
      { path: 'empty.png', kind: 'image', data: new Uint8Array(0) },
    ];
    await using scorer = await loadScorer(join(folder, 'model'), { workers: 1, cache: false });
    const found: unknown[] = [];
    for await (const result of scorer.score(clips)) {
      found.push('error' in result ? result.error.message : result.score);
      expect('error' in result ? result.clip.path : result.plan.path).toBe(clips[found.length - 1]!.path);
    }
    const [score] = found;
    expect(typeof score).toBe('number');
    expect([found[1], found[2], found[4]]).toEqual([score, score, score]);
    expect(found[3]).toBe('failing.png: expected a stream that ends, got the connection was lost');
    expect(found[5]).toMatch(/^text\.png: expected .*picture.*, got text/);
    expect(found[6]).toMatch(/^empty\.png: .*an empty file$/);
    expect(await temporary()).toEqual([]);
  });
});

describe('withClipFile', () => {
  test('remembers nothing of a clip, and removes what a killed process left of one', async () => {
    const place = join(folder, 'tmp');
    await mkdir(join(place, '.iovqa-clip.tmp-4194305-00000000-0'), { recursive: true });
    vi.stubEnv('TMPDIR', place);
    onTestFinished(() => void vi.unstubAllEnvs().restoreAllMocks());
    const add = vi.spyOn(Set.prototype, 'add');
    const clip: Clip = { path: 'bytes.png', kind: 'image', data: new Uint8Array(1) };
    const file = await withClipFile(clip, async ({ path }) => path);
    expect(file.startsWith(`${place}/.iovqa-clip.tmp-${process.pid}-`)).toBe(true);
    expect(add.mock.calls.filter(([value]) => typeof value === 'string' && value.includes('iovqa-clip.tmp'))).toEqual(
      [],
    );
    expect(await readdir(place)).toEqual([]);
  });

  test('stops a stream at the limit of files', async () => {
    let given = 0;
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      for (;;) {
        given += 1000;
        yield new Uint8Array(1000);
      }
    };
    const clip: Clip = { path: 'endless.mp4', kind: 'video', data: endless() };
    await expect(withClipFile(clip, async () => {}, 10_000)).rejects.toThrow(
      'endless.mp4: expected at most 10000 bytes, got more',
    );
    expect(given).toBe(11_000);
    expect(await temporary()).toEqual([]);
  });
});
