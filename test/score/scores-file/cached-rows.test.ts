// Rows of models that run: the same bytes whether features come from the cache or are computed, with the pixels that were seen.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ScorerSettings } from '../../../src/inputs/index.ts';
import type { LoraOptions } from '../../../src/model/index.ts';
import { createRandomCheckpoint, loraTargets } from '../../../src/model/index.ts';
import type { ClipScore, ListedClip, ListScorer, StoredScore } from '../../../src/score/index.ts';
import { loadScorer, openScoresFile, readScores } from '../../../src/score/index.ts';
import { loadEnsemble } from '../../../src/study/index.ts';
import { saveAdapter } from '../save-adapter.ts';

let folder: string;
const at = (name: string): string => join(folder, name);
const lora: LoraOptions = { rank: 4, alpha: 8, dropout: 0, rslora: false, targets: loraTargets };
const settings: ScorerSettings = {
  frames: { pick: 'middle', count: 1, as: 'video', minPixels: 784, maxPixels: 3136, seed: 0 },
  prompt: { template: 'mine', source: 'How good is it? {answer_format}' },
  answer: { kind: 'integer', step: null },
  positions: 'transformers',
  scale: { min: 0, max: 100, higherIsBetter: false },
};
/** Files that were not written just now: the cache keeps which pixels they gave. */
const clips = (['0.png', '2.mp4', '5.mp4'] as const).map((id): ListedClip => {
  const path = fileURLToPath(new URL(`../../golden/media/${id}`, import.meta.url));
  return { id, path, kind: id.endsWith('png') ? 'image' : 'video' };
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'iovqa-cached-rows-'));
  await createRandomCheckpoint(at('model'), { preset: 'tiny', seed: 1 });
  const base = { model: at('model'), lora, settings };
  await saveAdapter(at('one'), base);
  const frames = { ...settings.frames, pick: 'uniform', count: 2 } as const;
  await saveAdapter(at('two'), {
    ...base,
    seed: 5,
    settings: { ...settings, frames, answer: { kind: 'decimal', step: 0.5 } },
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function write(path: string, scorer: ListScorer): Promise<{ bytes: Buffer; numCached: number }> {
  let numCached = 0;
  await using file = await openScoresFile(path);
  const list = async function* (): AsyncGenerator<ListedClip> {
    yield* clips;
  };
  await file.score(scorer, list, { onRow: ({ cached }) => void (numCached += Number(cached)) });
  return { bytes: await readFile(path), numCached };
}

async function collect(path: string): Promise<StoredScore[]> {
  const rows: StoredScore[] = [];
  for await (const row of readScores(path)) rows.push(row);
  return rows;
}

const meanOf = ({ values, probabilities }: NonNullable<StoredScore['distribution']>): number =>
  values.reduce((sum, value, i) => sum + value * probabilities[i]!, 0);

test(
  'a scorer’s rows have the same bytes with and without the cache, and name the pixels that it saw',
  { tags: ['long'] },
  async () => {
    const seen: ClipScore[] = [];
    const files = [];
    for (const [name, cache] of Object.entries({ off: false, cold: at('cache'), warm: at('cache') } as const)) {
      await using scorer = await loadScorer(at('one'), { workers: 1, cache });
      files.push(await write(at(`${name}.jsonl`), scorer));
      if (name !== 'off') continue;
      for await (const result of scorer.score(clips)) {
        if ('error' in result) throw result.error;
        seen.push(result);
      }
    }
    expect(files.map(({ numCached }) => numCached)).toEqual([0, 0, 3]);
    expect(files[1]!.bytes).toEqual(files[0]!.bytes);
    expect(files[2]!.bytes).toEqual(files[0]!.bytes);

    const rows = await collect(at('warm.jsonl'));
    for (const [i, { distribution, models, score }] of rows.entries()) {
      const { plan, score: exact } = seen[i]!;
      expect(score).toBe(exact);
      expect(models[0]!.pixels).toBe(plan.sha256.slice(0, 16));
      expect(models[0]!.seconds ?? [null]).toEqual(
        plan.frames.map(({ seconds }) => seconds && Number(seconds.toFixed(4))),
      );
      // A scale on which up is worse: rising all the same.
      expect(distribution!.values).toEqual(Array.from({ length: 41 }, (_, n) => 2.5 * n));
      expect(Math.abs(meanOf(distribution!) - exact)).toBeLessThan(0.1); // of 100
      expect(meanOf(distribution!)).not.toBe(50);
    }
    expect(rows.map(({ models }) => models[0]!.seconds === null)).toEqual([true, false, false]);
  },
);

test(
  'an ensemble of other frames and other answers has them of each member, with and without the cache',
  { tags: ['long'] },
  async () => {
    const members = [{ path: at('one'), weight: 3 }, { path: at('two') }];
    const files = [];
    for (const name of ['cold', 'warm']) {
      await using ensemble = await loadEnsemble(members, { workers: 1, cache: at('cache-2') });
      files.push(await write(at(`both-${name}.jsonl`), ensemble));
    }
    expect(files.map(({ numCached }) => numCached)).toEqual([0, 3]);
    expect(files[1]!.bytes).toEqual(files[0]!.bytes);
    const rows = await collect(at('both-warm.jsonl'));
    const alone = await collect(at('warm.jsonl'));
    for (const [i, { score, distribution, models }] of rows.entries()) {
      expect(models[0]).toMatchObject({ pixels: alone[i]!.models[0]!.pixels, seconds: alone[i]!.models[0]!.seconds });
      expect(models.map((model) => model.distribution!.values.length)).toEqual([41, 9]);
      expect(models.map(({ seconds }) => seconds?.length)).toEqual(i === 0 ? [undefined, undefined] : [1, 2]);
      expect(distribution!.values).toHaveLength(41); // the nine are among them
      expect(Math.abs(meanOf(distribution!) - score!)).toBeLessThan(0.1);
    }
  },
);

test('generated answers have no values', async () => {
  await using scorer = await loadScorer(at('model'), {
    workers: 1,
    cache: false,
    settings: { ...settings, answer: { kind: 'raw', step: null } },
  });
  expect((await scorer.describe()).models[0]!.answer).toEqual({ kind: 'raw', step: null, values: null });
});
