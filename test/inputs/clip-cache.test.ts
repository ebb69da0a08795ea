// Clips whose features are kept: the same bits, no decoding and no tower; and everything after which they must not be found.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openEngine } from '../../src/engine/index.ts';
import type { Clip, PreparedClip, PromptProcessor } from '../../src/inputs/index.ts';
import {
  createClipCache,
  createClipPreparer,
  createClipViewer,
  frameOptions,
  loadPromptProcessor,
} from '../../src/inputs/index.ts';
import { PIXELS_VERSION, createPlanMemo } from '../../src/inputs/plan-memo.ts';
import type { Checkpoint } from '../../src/model/index.ts';
import { createRandomCheckpoint, openCacheStore, openCheckpoint } from '../../src/model/index.ts';
import { SETTLED_MS } from '../../src/model/cache/file-identity.ts';
import type { ClipScore } from '../../src/score/index.ts';
import { loadScorer } from '../../src/score/index.ts';
import type { FrameOptions, FrameReader } from '../../src/video/index.ts';
import { openFrameReader } from '../../src/video/index.ts';
import { writePicture } from '../train/run-fixtures.ts';
import { makeClip } from '../video/make-clip.ts';

let folder: string;
let checkpoint: Checkpoint;
let processor: PromptProcessor;
let frames: FrameOptions;
let reader: FrameReader;
const at = (name: string): string => join(folder, name);
const picture: () => Clip = () => ({ path: at('a.png'), kind: 'image' });
const film: () => Clip = () => ({ path: at('film.mp4'), kind: 'video' });
let count = 0;
const fresh = (): string => at(`cache-${count++}`);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'iovqa-clip-cache-'));
  await createRandomCheckpoint(at('model'), { preset: 'tiny' });
  await writePicture(at('a.png'), 1);
  await writePicture(at('b.png'), 2);
  await makeClip({ path: at('film.mp4'), codec: 'mpeg4', format: 'mp4', numFrames: 12 });
  checkpoint = await openCheckpoint(at('model'));
  const answer = { kind: 'integer', step: null } as const;
  processor = await loadPromptProcessor(checkpoint, { prompt: { template: 'four-dimensions', source: null }, answer });
  frames = frameOptions(checkpoint, {
    pick: 'uniform',
    count: 3,
    as: 'video',
    minPixels: 784,
    maxPixels: 3136,
    seed: 0,
  });
  reader = openFrameReader({ workers: 1 });
  await sleep(SETTLED_MS);
});
afterAll(async () => {
  await reader[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

interface Preparation extends PreparedClip {
  /** Clips that were decoded, and weights that were asked for to run the tower. */
  work: { decoded: number; weights: number };
}

/** Prepares clips as a new process would. */
async function prepare(
  place: string | null,
  clips: readonly Clip[],
  options: {
    frames?: Partial<FrameOptions>;
    threads?: number;
    now?: () => number;
    meanwhile?: () => Promise<void>;
  } = {},
): Promise<Preparation[]> {
  const chosen = { ...frames, ...options.frames };
  const runtime = options.threads === undefined ? {} : { threads: options.threads };
  const store = place === null ? null : openCacheStore({ folder: place });
  const work = { decoded: 0, weights: 0 };
  const counting: FrameReader = {
    ...reader,
    read: async (...args) => {
      work.decoded++;
      const read = await reader.read(...args);
      await options.meanwhile?.();
      return read;
    },
  };
  const watched = {
    ...checkpoint,
    stored: (name: string) => {
      work.weights++;
      return checkpoint.stored(name);
    },
  };
  await using engine = await openEngine(watched, { runtime, store });
  // The key of what is kept asks for weights, too, but not to run the tower.
  await using plain = await openEngine(checkpoint, { runtime, store });
  const cache = createClipCache(store, plain.tower, chosen);
  work.weights = 0;
  if (store !== null && options.now !== undefined) cache.plans = createPlanMemo(store, chosen, { now: options.now });
  const viewer = createClipViewer({ frames: chosen, reader: counting, features: { encoder: engine, cache } });
  const preparer = createClipPreparer(viewer, checkpoint, processor);
  const prepared: Preparation[] = [];
  for (const clip of clips) prepared.push({ ...(await preparer.prepare(clip)), work: { ...work } });
  return prepared;
}

const bitsOf = ({ vision }: PreparedClip): string => {
  if (vision.kind !== 'features') throw new Error('expected features');
  return Buffer.from(vision.features.slice().buffer).toString('hex');
};
/** All that the model and the user get of a clip. */
const seen = (clip: PreparedClip): unknown => [bitsOf(clip), clip.plan, clip.prompt];

describe('a preparer', () => {
  test('gives the same bits, plan and prompt without a cache, with an empty one and with a full one', async () => {
    const place = fresh();
    const clips = [picture(), film()];
    const without = await prepare(null, clips);
    const cold = await prepare(place, clips);
    const warm = await prepare(place, clips);
    expect(cold.map(seen)).toEqual(without.map(seen));
    expect(warm.map(seen)).toEqual(without.map(seen));
    expect(warm[1]!.plan).toMatchObject({ as: 'video', frames: [{}, {}, {}], path: film().path });
    expect([without, cold, warm].map((list) => list.map(({ cached }) => cached))).toEqual([
      [false, false],
      [false, false],
      [true, true],
    ]);
    expect(cold[1]!.work.decoded).toBe(2);
    expect(cold[1]!.work.weights).toBeGreaterThan(0);
    expect(warm[1]!.work).toEqual({ decoded: 0, weights: 0 });
  });

  test('finds a copy under another name by its pixels, and gives it its own path', async () => {
    const place = fresh();
    await prepare(place, [picture()]);
    await writeFile(at('copy.png'), await readFile(at('a.png')));
    const [copy] = await prepare(place, [{ path: at('copy.png'), kind: 'image' }]);
    expect(copy).toMatchObject({ cached: true, work: { decoded: 1 }, plan: { path: at('copy.png') } });
  });

  test.each([
    ['more frames', { count: 4 }],
    ['frames as images', { as: 'images' }],
    ['smaller frames', { maxPixels: 1568 }],
    ['another mean of pixels', { mean: [0.1, 0.2, 0.3] }],
    ['another deviation of pixels', { std: [0.1, 0.2, 0.3] }],
  ] as const)('computes anew for %s', async (_, change) => {
    const place = fresh();
    await prepare(place, [film()]);
    const [got] = await prepare(place, [film()], { frames: change });
    const [want] = await prepare(null, [film()], { frames: change });
    expect(got!.cached).toBe(false);
    expect(seen(got!)).toEqual(seen(want!));
  });

  test('computes anew with another number of threads, which can move the last bits', async () => {
    const place = fresh();
    await prepare(place, [film()], { threads: 1 });
    expect(await prepare(place, [film()], { threads: 2 })).toMatchObject([{ cached: false }]);
    expect(await prepare(place, [film()], { threads: 1 })).toMatchObject([{ cached: true }]);
  });

  test(
    'decodes a file again whose content was changed, of the same size and with its time set back',
    { tags: ['long'] },
    async () => {
      const place = fresh();
      const path = at('changing.png');
      const [a, b] = [await readFile(at('a.png')), await readFile(at('b.png'))];
      const size = Math.max(a.length, b.length);
      // Bytes behind the end of a PNG are nobody's.
      const filled = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(size - bytes.length)]);
      await writeFile(path, filled(a));
      const time = new Date(1e12); // whole milliseconds: it can be set again exactly
      await utimes(path, time, time);
      await sleep(SETTLED_MS + 100);
      const clip: Clip = { path, kind: 'image' };
      await prepare(place, [clip]);
      expect(await prepare(place, [clip])).toMatchObject([{ work: { decoded: 0 } }]);
      const before = await stat(path);
      await writeFile(path, filled(b));
      await utimes(path, time, time);
      const { size: newSize, ino, mtimeMs } = await stat(path);
      expect([newSize, ino, mtimeMs]).toEqual([before.size, before.ino, before.mtimeMs]);
      const [changed] = await prepare(place, [clip]);
      expect(changed!.work.decoded).toBe(1);
      expect(bitsOf(changed!)).toBe(bitsOf((await prepare(null, [{ path: at('b.png'), kind: 'image' }]))[0]!));
    },
  );

  test('decodes a file again that was less than two seconds old when it was read', async () => {
    const place = fresh();
    const path = at('young.png');
    await writeFile(path, await readFile(at('a.png')));
    const clip: Clip = { path, kind: 'image' };
    await prepare(place, [clip]);
    expect(await prepare(place, [clip])).toMatchObject([{ cached: true, work: { decoded: 1 } }]);
    // Read when it is older, it is remembered.
    await prepare(place, [clip], { now: () => Date.now() + SETTLED_MS });
    expect(await prepare(place, [clip])).toMatchObject([{ cached: true, work: { decoded: 0 } }]);
  });

  test('remembers nothing of a file that changed while it was read, under either name', async () => {
    const store = openCacheStore({ folder: fresh() })!;
    const memo = createPlanMemo(store, frames, { now: () => Date.now() + SETTLED_MS });
    const path = at('moving.png');
    const clip: Clip = { path, kind: 'image' };
    await writeFile(path, await readFile(at('a.png')));
    const { plan, visions } = await reader.read(clip, frames);
    const look = await memo.look(clip);
    await writeFile(path, await readFile(at('b.png')));
    await look.keep({ plan, visions });
    await expect(readdir(store.folder)).rejects.toThrow('ENOENT');
    await (await memo.look(clip)).keep({ plan, visions });
    expect((await memo.look(clip)).known).not.toBeNull();
  });

  test('gives a clip the path that it was asked by', async () => {
    const place = fresh();
    await prepare(place, [picture()]);
    const path = relative(process.cwd(), at('a.png'));
    const [got] = await prepare(place, [{ path, kind: 'image' }]);
    expect(got).toMatchObject({ plan: { path }, work: { decoded: 0 } });
  });

  test('remembers nothing of a file that was put in the place of another while it was read', async () => {
    const place = fresh();
    const path = at('replaced.png');
    const clip: Clip = { path, kind: 'image' };
    await writeFile(path, await readFile(at('a.png')));
    await writeFile(at('next.png'), await readFile(at('b.png')));
    const now = (): number => Date.now() + SETTLED_MS;
    await prepare(place, [clip], { now, meanwhile: () => rename(at('next.png'), path) });
    const [got] = await prepare(place, [clip], { now });
    expect(got!.work.decoded).toBe(1);
    expect(bitsOf(got!)).toBe(bitsOf((await prepare(null, [{ path: at('b.png'), kind: 'image' }]))[0]!));
  });

  test('computes again what was damaged or has left the cache', async () => {
    const place = fresh();
    const [want] = await prepare(place, [film()]);
    const files = (await readdir(place, { recursive: true })).filter((name) => name.endsWith('.f32'));
    expect(files).toHaveLength(1);
    const file = join(place, files[0]!);
    const whole = await readFile(file);
    whole[whole.length - 1]! ^= 1;
    await writeFile(file, whole);
    const [damaged] = await prepare(place, [film()]);
    expect(damaged).toMatchObject({ cached: false, work: { decoded: 1 } });
    expect(seen(damaged!)).toEqual(seen(want!));
    expect(await prepare(place, [film()])).toMatchObject([{ cached: true }]);
    await rm(file);
    expect((await prepare(place, [film()])).map(seen)).toEqual([seen(want!)]);
  });
});

describe('a scorer', () => {
  async function score(cache: string | false, notes: string[] = []): Promise<ClipScore[]> {
    await using scorer = await loadScorer(at('model'), { cache, workers: 1, onNote: (note) => notes.push(note) });
    const clips = [picture(), film(), picture()];
    const scores: ClipScore[] = [];
    for await (const result of scorer.score(clips)) {
      if ('error' in result) throw result.error;
      scores.push(result);
    }
    return scores;
  }
  const numbers = (scores: readonly ClipScore[]): unknown => scores.map(({ cached: _cached, ...rest }) => rest);

  test('gives the same scores without a cache, with an empty one and with a full one', async () => {
    const place = fresh();
    const without = await score(false);
    const [cold, warm] = [await score(place), await score(place)];
    expect(numbers(cold)).toEqual(numbers(without));
    expect(numbers(warm)).toEqual(numbers(without));
    expect(without.map(({ cached }) => cached)).toEqual([false, false, false]);
    expect(warm.map(({ cached }) => cached)).toEqual([true, true, true]);
  });

  test('goes on where the cache cannot be written, and says so once', { tags: ['long'] }, async () => {
    const file = at('file');
    await writeFile(file, '');
    const notes: string[] = [];
    expect(numbers(await score(file, notes))).toEqual(numbers(await score(false)));
    expect(notes).toEqual([expect.stringContaining('ENOTDIR') as string]);
  });
});

test('raise PIXELS_VERSION in src/inputs/plan-memo.ts if pixels or plans have changed with these files, and change this', async () => {
  const golden = new URL('../video/golden/', import.meta.url);
  const hash = createHash('sha256');
  for (const name of ['real.json', 'resize.json', 'stills.json']) hash.update(await readFile(new URL(name, golden)));
  expect({ version: PIXELS_VERSION, golden: hash.digest('hex').slice(0, 16) }).toMatchInlineSnapshot(`
    {
      "golden": "2a7d2e8d7243f84d",
      "version": 2,
    }
  `);
});
