// Runs with the cache: the same bits as without, from an empty one and from a full one; and where it cannot be written.
// @module-tag long
import { cp, mkdir, open, readFile, readdir, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { openCheckpoint, setCacheLimit } from '../../src/model/index.ts';
import { SETTLED_MS } from '../../src/model/cache/file-identity.ts';
import type { RecipeInput, TrainEvent } from '../../src/train/index.ts';
import { prepareClips } from '../../src/train/prepare.ts';
import type { Workshop } from './run-fixtures.ts';
import { bytesOf, only, openWorkshop, runAll } from './run-fixtures.ts';

let shop: Workshop;
beforeAll(async () => {
  shop = await openWorkshop();
  await sleep(SETTLED_MS);
});
afterAll(() => shop.remove());
afterEach(() => void vi.unstubAllEnvs());

interface Ran {
  events: TrainEvent[];
  bytes: string;
  plan: string;
}

async function run(name: string, changes: RecipeInput = {}): Promise<Ran> {
  const events = await runAll(shop.recipe(name, changes));
  const plan = await readFile(shop.at(name, 'plan.jsonl'), 'utf8');
  return { events, bytes: await bytesOf(shop.at(name), 6), plan };
}

/** Losses, validation and the like: what a run tells besides how fast it is and where it lies. */
const told = ({ events }: Ran): unknown =>
  events.flatMap((event): object[] => {
    if (event.type !== 'step') return event.type === 'evaluation' ? [event] : [];
    const { clipsPerSecond: _speed, secondsLeft: _left, ...rest } = event;
    return [rest];
  });
const numCached = ({ events }: Ran): number => only(events, 'prepared').at(-1)!.cached;
const features = async (cache: string): Promise<number> =>
  (await readdir(shop.at(cache), { recursive: true })).filter((name) => name.endsWith('.f32')).length;

test.each([
  ['whole', {}],
  ['last', { lora: { rank: 4, layers: 'last 1' } }],
] as const)(
  'a run (%s) ends with the same bits without the cache, with an empty one and with a full one',
  async (name, changes) => {
    const without = await run(`${name}-without`, changes);
    vi.stubEnv('IOVQA_CACHE', shop.at(`${name}-cache`));
    const off = await run(`${name}-off`, { ...changes, runtime: { workers: 1, threads: 1, cache: false } });
    await expect(readdir(shop.at(`${name}-cache`))).rejects.toThrow('ENOENT');
    const cold = await run(`${name}-cold`, changes);
    const warm = await run(`${name}-warm`, changes);
    for (const other of [off, cold, warm]) {
      expect(other.bytes).toBe(without.bytes);
      expect(other.plan).toBe(without.plan);
      expect(told(other)).toEqual(told(without));
    }
    expect([without, off, cold, warm].map(numCached)).toEqual([0, 0, 0, 12]);
  },
);

test('runs of other seeds and ranks share what is kept', async () => {
  vi.stubEnv('IOVQA_CACHE', shop.at('shared'));
  await run('one');
  const before = await features('shared');
  expect(numCached(await run('two', { seed: 5, lora: { rank: 2 } }))).toBe(12);
  expect(await features('shared')).toBe(before);
});

test('a run whose features leave the cache while it goes on ends with the same bits', async () => {
  vi.stubEnv('IOVQA_CACHE', shop.at('small'));
  await setCacheLimit(shop.at('small'), 5 * 4096);
  const small = await run('in-small');
  expect(await features('small')).toBeLessThanOrEqual(5);
  vi.stubEnv('IOVQA_CACHE', 'off');
  expect(small.bytes).toBe((await run('in-none')).bytes);
});

test('a run whose cache cannot be written goes on, and says so once', async () => {
  await writeFile(shop.at('file'), '');
  vi.stubEnv('IOVQA_CACHE', shop.at('file'));
  const { events } = await run('noted');
  const aboutCache = only(events, 'note').filter(({ text }) => text.startsWith('cache '));
  expect(aboutCache).toEqual([{ type: 'note', text: expect.stringContaining('ENOTDIR') as string }]);
  const log = await readFile(shop.at('noted', 'events.jsonl'), 'utf8');
  expect(log.match(/"type":"note","text":"cache /g)).toHaveLength(1);
});

test('clips that fit neither into memory nor into the cache are told of', async () => {
  const [out, row] = [shop.at('much'), { id: 'a' }];
  await mkdir(out);
  const notesWith = async (gigabytes: number, cacheBytes: number): Promise<string[]> => {
    const clip = {
      plan: { notes: [] },
      prompt: { tokenIds: [] },
      vision: { kind: 'features', features: { byteLength: gigabytes * 1e9 } },
    };
    const store = { get: () => Promise.resolve(clip) } as unknown as Parameters<typeof prepareClips>[1];
    const data = { train: [row], validation: [] } as unknown as Parameters<typeof prepareClips>[0];
    const notes: string[] = [];
    for await (const event of prepareClips(data, store, out, { maxBadFraction: 0, concurrency: 1, cacheBytes })) {
      if (event.type === 'note') notes.push(event.text);
    }
    return notes;
  };
  expect(await notesWith(20, 80e9)).toEqual([]);
  expect(await notesWith(80, 10e9)).toEqual([
    expect.stringMatching(/^the clips take 80 GB, .* and 10 GB in the cache/),
  ]);
});

test(
  'a run on a model with other layers below its adapter does not take what those of the first one gave',
  { tags: ['long'] },
  async () => {
    const changes = { lora: { rank: 4, layers: 'last 1' } };
    vi.stubEnv('IOVQA_CACHE', shop.at('two-models'));
    await run('of-first', changes);
    await cp(shop.at('model'), shop.at('other'), { recursive: true });
    const { source } = (await openCheckpoint(shop.at('other'))).stored('layers.0.mlp.down_proj.weight');
    const file = await open(source.file, 'r+');
    await file.write(new Uint8Array(source.length), 0, source.length, source.offset);
    await file.close();
    const got = await run('of-other', { ...changes, model: shop.at('other') });
    expect(numCached(got)).toBe(12); // the tower is the same
    vi.stubEnv('IOVQA_CACHE', 'off');
    expect(got.bytes).toBe((await run('of-other-alone', { ...changes, model: shop.at('other') })).bytes);
  },
);
