// Clips too large to train on: listed as bad before anything trains; micro-batches too large: cut, with the same update.
// @module-tag long
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Workshop } from './run-fixtures.ts';
import { only, openWorkshop, runAll } from './run-fixtures.ts';

let shop: Workshop;
beforeAll(async () => {
  shop = await openWorkshop();
  const rows = Array.from(
    { length: 12 },
    (_, i) => `${i}.png,${1 + (i % 5)},${i === 3 ? 'cat '.repeat(2000) : 'a cat'}`,
  );
  await writeFile(shop.at('long.csv'), `image,mos,prompt\n${rows.join('\n')}\n`);
});
afterAll(() => shop.remove());

const data = (maxBadFraction: number): { manifest: string; validation: null; maxBadFraction: number } => ({
  manifest: shop.at('long.csv'),
  validation: null,
  maxBadFraction,
});

it('a clip with too much text is as bad as one that cannot be read', async () => {
  await expect(runAll(shop.recipe('strict', { data: data(0), epochs: 1 }))).rejects.toThrow(
    /expected at most 0 bad ones of 12, got 1:\n.*3\.png: text: expected at most 4,096 tokens, got [\d,]+$/,
  );
  const events = await runAll(shop.recipe('lenient', { data: data(0.1), epochs: 1 }));
  expect(only(events, 'bad-clip').map(({ id }) => id)).toEqual(['3.png']);
  expect(only(events, 'end')).toHaveLength(1);
});

it('a clip that needs too much memory is so too, and names the forecast', async () => {
  const runtime = { workers: 1, threads: 1, maxMemory: '60MB' };
  const recipe = shop.recipe('memory', { data: data(0), epochs: 1, runtime, prompt: { maxTextTokens: 100_000 } });
  await expect(runAll(recipe)).rejects.toThrow(
    /got 1:\ntraining on a clip of [\d,]+ tokens: expected at most 60 MB of memory, got a forecast of [\d.]+ [MG]B$/,
  );
});

it('a micro-batch that needs too much memory is cut, and the update stays the same', async () => {
  const losses = async (name: string, maxMemory: string | null): Promise<number[]> => {
    const runtime = { workers: 1, threads: 1, maxMemory };
    const events = await runAll(shop.recipe(name, { epochs: 1, runtime, data: { manifest: shop.at('clips.csv') } }));
    return only(events, 'step').map(({ loss }) => loss);
  };
  const [whole, cut] = [await losses('whole', null), await losses('cut', '5MB')];
  expect(whole.length).toBeGreaterThan(1);
  cut.forEach((loss, i) => expect(loss).toBeCloseTo(whole[i]!, 4));
});
