// Keys of the frozen tower: what must change them does, what must not does not; and what is never kept under a wrong one.
import {
  copyFileSync,
  cpSync,
  openSync,
  closeSync,
  readSync,
  renameSync,
  statSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { RunOptions } from '../../../src/graph/index.ts';
import type { Checkpoint } from '../../../src/model/index.ts';
import {
  createFeatureCache,
  createRandomCheckpoint,
  identifyFile,
  isSameFile,
  openCacheStore,
  openCheckpoint,
  visionPart,
} from '../../../src/model/index.ts';
import { SETTLED_MS } from '../../../src/model/cache/file-identity.ts';
import { temporaryFolder } from '../../files/temporary.ts';

async function madeModel(): Promise<string> {
  const folder = join(temporaryFolder(), 'model');
  await createRandomCheckpoint(folder, { preset: 'tiny' });
  return folder;
}

const keyOf = async (folder: string, run: RunOptions = {}, change: Partial<Checkpoint> = {}): Promise<string> =>
  visionPart({ ...(await openCheckpoint(folder)), ...change }, run, null).key();

/** Flips the lowest bit of the middle byte of a weight, in its file. */
async function flipBit(folder: string, name: string): Promise<void> {
  const { source } = (await openCheckpoint(folder)).stored(name);
  const at = source.offset + (source.length >> 1);
  const file = openSync(source.file, 'r+');
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, at);
  byte[0]! ^= 1;
  writeSync(file, byte, 0, 1, at);
  closeSync(file);
}

describe('the key of a tower', () => {
  test(
    'is another after one flipped bit of any of its weights, and the same after one of the text model',
    { tags: ['long'] },
    async () => {
      const folder = await madeModel();
      const { names } = await openCheckpoint(folder);
      const first = await keyOf(folder);
      expect(first).toMatch(/^[0-9a-f]{64}$/);
      const unseen: string[] = [];
      for (const name of names.filter((name) => name.startsWith('visual.'))) {
        await flipBit(folder, name);
        if ((await keyOf(folder)) === first) unseen.push(name);
        await flipBit(folder, name);
      }
      expect(unseen).toEqual([]);
      await flipBit(folder, 'layers.0.mlp.up_proj.weight');
      expect(await keyOf(folder)).toBe(first);
    },
  );

  test('is another for other sizes, providers and threads; not for a copy, nor for reordered copies of weights', async () => {
    const folder = await madeModel();
    const first = await keyOf(folder);
    const { vision } = await openCheckpoint(folder);
    const other = { ...vision, fullAttentionLayers: [0] };
    const keys = [
      first,
      await keyOf(folder, {}, { vision: other }),
      await keyOf(folder, { threads: 1 }),
      await keyOf(folder, { threads: 2 }),
      await keyOf(folder, { provider: 'webgpu' }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    cpSync(folder, `${folder}-copy`, { recursive: true });
    expect(await keyOf(`${folder}-copy`)).toBe(first);
    expect(await keyOf(folder, { provider: 'cpu', threads: 0, prepack: true })).toBe(first);
  });

  test('is another for the same bytes taken for another element type', async () => {
    const folder = await madeModel();
    const { stored } = await openCheckpoint(folder);
    const key = await keyOf(folder, {}, { stored: (name) => ({ ...stored(name), dtype: 'bfloat16' }) });
    expect(key).not.toBe(await keyOf(folder));
  });

  test('is another for another element type, though the numbers are the same', async () => {
    const folder = temporaryFolder();
    const [wide, narrow, again] = ['wide', 'narrow', 'again'].map((name) => join(folder, name));
    await createRandomCheckpoint(narrow!, { preset: 'tiny', dtype: 'BF16' });
    await createRandomCheckpoint(wide!, { preset: 'tiny' });
    await createRandomCheckpoint(again!, { preset: 'tiny', seed: 1 });
    expect(new Set([await keyOf(wide!), await keyOf(narrow!), await keyOf(again!)]).size).toBe(3);
  });

  test('is remembered for files that have not changed for a while, and only for them', async () => {
    const folder = await madeModel();
    const place = temporaryFolder();
    const store = openCacheStore({ folder: place })!;
    const file = join(folder, 'model.safetensors');
    const time = new Date(1e12); // whole milliseconds: it can be set again exactly
    utimesSync(file, time, time);
    const facts = async (): Promise<number> =>
      (await readdir(place, { recursive: true })).filter((name) => name.endsWith('.json')).length;
    const key = async (): Promise<string> => visionPart(await openCheckpoint(folder), {}, store).key();
    const first = await key();
    expect(await facts()).toBe(0); // the file is too young
    await sleep(SETTLED_MS + 100);
    expect(await key()).toBe(first);
    expect(await facts()).toBe(1);
    expect(await key()).toBe(first);
    // Another bit, and the time set back to what it was.
    await flipBit(folder, 'visual.patch_embed.proj.weight');
    utimesSync(file, time, time);
    expect(await key()).not.toBe(first);
    expect(await facts()).toBe(1);
  });
});

describe('identities of files', () => {
  test('tell a file from one of the same size and times that was put in its place', async () => {
    const folder = temporaryFolder();
    const [path, other] = [join(folder, 'a'), join(folder, 'b')];
    await writeFile(path, 'one');
    await writeFile(other, 'two');
    const time = new Date(Date.now() - 60_000);
    utimesSync(path, time, time);
    const before = await identifyFile(path);
    expect(isSameFile(before, await identifyFile(path))).toBe(true);
    utimesSync(other, time, time);
    renameSync(other, path);
    expect(isSameFile(before, await identifyFile(path))).toBe(false);
    await writeFile(path, 'six');
    const between = await identifyFile(path);
    utimesSync(path, time, time);
    expect(isSameFile(between, await identifyFile(path))).toBe(false);
    copyFileSync(path, other);
    expect(isSameFile(await identifyFile(other), await identifyFile(path))).toBe(false);
  });

  test('settle after two seconds, also of a clock that was set back', async () => {
    const path = join(temporaryFolder(), 'a');
    await writeFile(path, 'one');
    const { ctimeMs } = statSync(path);
    const settledAt = async (now: number): Promise<boolean> => (await identifyFile(path, now)).settled;
    expect(await settledAt(ctimeMs + SETTLED_MS - 10)).toBe(false);
    expect(await settledAt(ctimeMs + SETTLED_MS + 10)).toBe(true);
    expect(await settledAt(ctimeMs - 1e6)).toBe(false);
    const future = new Date(ctimeMs + 1e6);
    utimesSync(path, future, future);
    expect(await settledAt(ctimeMs + SETTLED_MS + 10)).toBe(false);
  });
});

describe('a cache of features', () => {
  const values = (): Float32Array => Float32Array.of(1.5, -0, 1e-45);
  const part = (key = 'k', isCurrent = true): Parameters<typeof createFeatureCache>[1] => ({
    what: 'vision',
    key: () => Promise.resolve(key),
    isCurrent: () => Promise.resolve(isCurrent),
  });

  test('computes once for an input, also when asked twice at once, and for later stores', async () => {
    const folder = temporaryFolder();
    const open = (key?: string): ReturnType<typeof createFeatureCache> =>
      createFeatureCache(openCacheStore({ folder }), part(key));
    let runs = 0;
    const compute = (): Promise<Float32Array> => {
      runs++;
      return Promise.resolve(values());
    };
    const cache = open();
    expect(await cache.find('a')).toBeNull();
    const [a, b] = await Promise.all([cache.get('a', compute), cache.get('a', compute)]);
    expect([a.cached, b.cached]).toEqual([false, false]);
    const [again, later] = [await cache.get('a', compute), await open().get('a', compute)];
    expect([again.cached, later.cached]).toEqual([true, true]);
    const found = (await open().find('a'))!;
    for (const got of [a.values, b.values, again.values, later.values, found]) {
      expect(new Uint8Array(got.slice().buffer)).toEqual(new Uint8Array(values().buffer));
    }
    expect(runs).toBe(1);
    await open().get('b', compute);
    await open('another tower').get('a', compute);
    expect(runs).toBe(3);
  });

  test('keeps no error, and nothing without a store or under a key that weights have left behind', async () => {
    const folder = temporaryFolder();
    const cache = createFeatureCache(openCacheStore({ folder }), part());
    await expect(cache.get('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await cache.get('a', () => Promise.resolve(values()))).toEqual({ values: values(), cached: false });
    const none = createFeatureCache(null, part());
    await none.get('a', () => Promise.resolve(values()));
    expect(await none.find('a')).toBeNull();
    const stale = createFeatureCache(openCacheStore({ folder }), part('k', false));
    expect((await stale.get('b', () => Promise.resolve(values()))).values).toEqual(values());
    expect(await stale.find('b')).toBeNull();
  });

  test('keeps nothing once the weights on disk are others than those that were hashed', async () => {
    const folder = await madeModel();
    const store = openCacheStore({ folder: temporaryFolder() });
    const tower = visionPart(await openCheckpoint(folder), {}, store);
    await tower.key();
    expect(await tower.isCurrent()).toBe(true);
    await flipBit(folder, 'visual.patch_embed.proj.weight');
    expect(await tower.isCurrent()).toBe(false);
  });
});
