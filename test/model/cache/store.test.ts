// The cache's store: damaged files, what leaves it first, its limit, places that cannot be written, processes that are killed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cacheFolder,
  cacheInfo,
  cacheKey,
  clearCache,
  openCacheStore,
  setCacheLimit,
} from '../../../src/model/index.ts';
import type { CacheStore } from '../../../src/model/index.ts';
import { temporaryFolder } from '../../files/temporary.ts';
import { compiled } from '../../compiled.ts';
import { contentOf, keyOf } from './contents.ts';

const open = (folder: string, notes: string[] = []): CacheStore =>
  openCacheStore({ folder, onNote: (note) => notes.push(note) })!;
const fileOf = (folder: string, key: string): string => join(folder, 'store-1', key.slice(0, 2), `${key}.f32`);
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

test('gives back what was written, to later stores too, by key and kind', async () => {
  const folder = join(temporaryFolder(), 'not', 'there');
  const store = open(folder);
  const key = cacheKey('a', [1]);
  expect(await store.read(key, 'f32')).toBeNull();
  await store.write(key, 'f32', bytes(1, 2, 3, 4));
  expect(await open(folder).read(key, 'f32')).toEqual(bytes(1, 2, 3, 4));
  expect(await store.read(key, 'json')).toBeNull();
  expect(await store.read(cacheKey('a', [2]), 'f32')).toBeNull();
  await store.write(key, 'f32', bytes(5));
  expect(await open(folder).read(key, 'f32')).toEqual(bytes(5));
  expect(readFileSync(join(folder, 'store-1', 'CACHEDIR.TAG'), 'utf8')).toMatch(
    /^Signature: 8a477f597d28d172789f06886806bc55/,
  );
});

describe('a damaged file is no entry, and is written anew:', () => {
  const content = Uint8Array.from({ length: 64 }, (_, i) => i);
  const key = cacheKey('damage', null);

  async function expectRefused(damage: (whole: Buffer) => Uint8Array): Promise<void> {
    const folder = temporaryFolder();
    const notes: string[] = [];
    const store = open(folder, notes);
    await store.write(key, 'f32', content);
    const file = fileOf(folder, key);
    writeFileSync(file, damage(readFileSync(file)));
    expect(await store.read(key, 'f32')).toBeNull();
    await store.write(key, 'f32', content);
    expect(await store.read(key, 'f32')).toEqual(content);
    expect(notes).toEqual([]);
  }

  test('any flipped bit', async () => {
    const bit = fc.integer({ min: 0, max: (40 + 64) * 8 - 1 });
    const flip = (at: number): Promise<void> =>
      expectRefused((whole) => {
        whole[at >> 3]! ^= 1 << (at & 7);
        return whole;
      });
    await fc.assert(fc.asyncProperty(bit, flip), { numRuns: 60 });
  });

  test('cut short at any place', async () => {
    const cut = (length: number): Promise<void> => expectRefused((whole) => whole.subarray(0, length));
    await fc.assert(fc.asyncProperty(fc.integer({ min: 0, max: 103 }), cut), { numRuns: 40 });
  });

  test('longer than it was', () => expectRefused((whole) => Buffer.concat([whole, Buffer.alloc(4)])));

  test("another entry's, whole in itself", async () => {
    const folder = temporaryFolder();
    const store = open(folder);
    const other = cacheKey('other', null);
    await store.write(other, 'f32', content);
    await store.write(key, 'f32', bytes(9));
    writeFileSync(fileOf(folder, key), readFileSync(fileOf(folder, other)));
    expect(await store.read(key, 'f32')).toBeNull();
    expect(await store.read(other, 'f32')).toEqual(content);
  });
});

describe('the limit', () => {
  /** Entries of one block each, the last written first to leave: 100 seconds ago, 99, … */
  async function filled(count: number): Promise<{ folder: string; keys: string[] }> {
    const folder = temporaryFolder();
    const store = open(folder);
    const keys = Array.from({ length: count }, (_, i) => cacheKey('entry', i));
    for (const [i, key] of keys.entries()) {
      await store.write(key, 'f32', bytes(i));
      const used = Date.now() / 1000 - 1000 + i;
      utimesSync(fileOf(folder, key), used, used);
    }
    return { folder, keys };
  }
  const present = (folder: string, keys: readonly string[]): number[] =>
    keys.flatMap((key, i) => (existsSync(fileOf(folder, key)) ? [i] : []));

  test('what was used longest ago leaves first; reading is using', async () => {
    const { folder, keys } = await filled(10);
    await open(folder).read(keys[0]!, 'f32');
    await open(folder).read(keys[3]!, 'f32');
    await setCacheLimit(folder, 4 * 4096);
    expect(present(folder, keys)).toEqual([0, 3, 8, 9]);
  });

  test('is kept while entries come, and the newest stay', { tags: ['long'] }, async () => {
    const { folder } = await filled(0);
    await setCacheLimit(folder, 40 * 4096);
    const store = open(folder);
    const keys = Array.from({ length: 200 }, (_, i) => cacheKey('new', i));
    let most = 0;
    for (const [i, key] of keys.entries()) {
      await store.write(key, 'f32', bytes(i));
      most = Math.max(most, (await cacheInfo(folder)).sizeBytes);
    }
    expect(most).toBeLessThanOrEqual(40 * 4096);
    expect(most).toBeGreaterThan(30 * 4096);
    const left = present(folder, keys);
    expect(left.length).toBeGreaterThanOrEqual(30);
    expect(left.slice(-20)).toEqual(keys.map((_, i) => i).slice(-20));
  });

  test('an entry that is larger than all is not written, and drives nothing out', async () => {
    const { folder, keys } = await filled(3);
    await setCacheLimit(folder, 3 * 4096);
    const large = cacheKey('large', 0);
    const notes: string[] = [];
    await open(folder, notes).write(large, 'f32', new Uint8Array(4 * 4096));
    expect(present(folder, [...keys, large])).toEqual([0, 1, 2]);
    expect(notes).toEqual([]);
  });

  test('of 0 keeps nothing', async () => {
    const { folder, keys } = await filled(3);
    await setCacheLimit(folder, 0);
    await open(folder).write(keys[0]!, 'f32', bytes(1));
    expect(present(folder, keys)).toEqual([]);
  });
});

describe('where the folder cannot be written', () => {
  async function goesOn(folder: string, code: string): Promise<void> {
    const notes: string[] = [];
    const store = open(folder, notes);
    const key = cacheKey('x', 0);
    for (let i = 0; i < 3; i++) {
      expect(await store.read(key, 'f32')).toBeNull();
      await store.write(key, 'f32', bytes(1));
    }
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain(code);
  }

  test('because a file is in its place, it says so once', async () => {
    const folder = join(temporaryFolder(), 'file');
    writeFileSync(folder, '');
    await goesOn(folder, 'ENOTDIR');
  });

  test.skipIf(process.getuid?.() === 0)('because of its rights, it says so once', async () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o500);
    await goesOn(folder, 'EACCES');
  });

  test('because its limit is no number, it says so once', async () => {
    const folder = temporaryFolder();
    await setCacheLimit(folder, 5000);
    writeFileSync(join(folder, 'store-1', 'limit'), 'a lot\n');
    await goesOn(folder, 'expected a number of bytes, got "a lot\\n"');
  });

  test('any more because it was removed, it is made again', async () => {
    const folder = temporaryFolder();
    const notes: string[] = [];
    const store = open(folder, notes);
    await store.write(cacheKey('x', 0), 'f32', bytes(1));
    await clearCache(folder);
    await store.write(cacheKey('x', 0), 'f32', bytes(2));
    expect(await store.read(cacheKey('x', 0), 'f32')).toEqual(bytes(2));
    expect(notes).toEqual([]);
  });
});

test('clearing removes entries and nothing else', async () => {
  const folder = temporaryFolder();
  await setCacheLimit(folder, 123_456);
  const store = open(folder);
  await store.write(cacheKey('a', 0), 'f32', bytes(1));
  await store.write(cacheKey('b', 0), 'json', bytes(1));
  expect(await cacheInfo(folder)).toMatchObject({ limitBytes: 123_456, numFeatures: 1, numFacts: 1, sizeBytes: 8192 });
  const mine = ['mine.txt', 'store-1/ab/mine.f32', 'store-1/mine/x', `store-1/ab/${'0'.repeat(63)}.f32`];
  for (const name of mine) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), 'mine');
  }
  expect(await clearCache(folder)).toEqual({ numEntries: 2, sizeBytes: 8192 });
  expect(await cacheInfo(folder)).toEqual({
    folder,
    limitBytes: 123_456,
    sizeBytes: 0,
    numFeatures: 0,
    numFacts: 0,
    oldestUse: null,
  });
  for (const name of mine) expect(readFileSync(join(folder, name), 'utf8')).toBe('mine');
});

test(
  'processes that write into one small store, and are killed, leave whole entries within the limit',
  { tags: ['long'] },
  async () => {
    const folder = temporaryFolder();
    const limit = 256 * 1024;
    await setCacheLimit(folder, limit);
    const child = compiled('test/model/cache/hammer.ts');
    let numReads = 0;
    let most = 0;
    for (let round = 0; round < 4; round++) {
      const children = [0, 1].map((seed) =>
        spawn(process.execPath, [child, folder, `${2 * round + seed}`], {
          stdio: ['ignore', 'pipe', 'inherit'],
        }),
      );
      const ended = children.map((process) => once(process, 'exit'));
      const said = children.map(() => '');
      children.forEach((process, i) => process.stdout.on('data', (text) => (said[i] += String(text))));
      while (!said.every((text) => text.includes('going'))) await sleep(5);
      for (let i = 0; i < 10; i++) {
        await sleep(20 + Math.random() * 20);
        most = Math.max(most, (await cacheInfo(folder)).sizeBytes);
      }
      for (const process of children) process.kill('SIGKILL');
      await Promise.all(ended);
      expect(said.join('')).not.toContain('wrong');
      const notes: string[] = [];
      const store = open(folder, notes);
      for (let i = 0; i < 100; i++) {
        const kept = await store.read(keyOf(i), 'f32');
        expect([null, contentOf(i)]).toContainEqual(kept);
        if (kept !== null) numReads++;
      }
      expect(notes).toEqual([]);
    }
    expect(numReads).toBeGreaterThan(20);
    // Two processes may each be one entry (of at most 20 KiB) ahead of what the other has seen.
    expect(most).toBeLessThanOrEqual(limit + 2 * 20 * 1024);
    // The next writer removes what the killed ones left half-written.
    const store = open(folder);
    await store.write(keyOf(0), 'f32', contentOf(0));
    expect(readdirSync(join(folder, 'store-1', 'tmp'))).toEqual([]);
    expect((await cacheInfo(folder)).sizeBytes).toBeLessThanOrEqual(limit);
    expect(statSync(join(folder, 'store-1')).isDirectory()).toBe(true);
  },
);

test('lies where the environment says', () => {
  expect(cacheFolder({ IOVQA_CACHE: '/a/b', XDG_CACHE_HOME: '/x' })).toBe('/a/b');
  expect(cacheFolder({ IOVQA_CACHE: '', XDG_CACHE_HOME: '/x' })).toBe('/x/iovqa');
  expect(cacheFolder({})).toMatch(/[/\\]\.cache[/\\]iovqa$/);
  expect(cacheFolder({ IOVQA_CACHE: '~/c' })).not.toContain('~');
  expect(cacheFolder({ IOVQA_CACHE: 'off' })).toBeNull();
});
