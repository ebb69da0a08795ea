// Files that the version before the redesign wrote are read as they are: runs, one of them interrupted, adapters, a whole model, an
// ensemble and a cache.
// @module-tag long
import { readdirSync } from 'node:fs';
import { cp, mkdtemp, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { Clip, Recipe } from '../../src/index.ts';
import { loadEnsemble, readRunRecipe } from '../../src/index.ts';
import { CHECKPOINTING_KEY, RUNTIME_KEY } from './cases.ts';
import { allowedInRun, allowedInScores, differences, readGoldens } from './compare.ts';
import type { Identities } from './fixtures.ts';
import { CLIP_FOLDER, unpackFixtures } from './fixtures.ts';
import type { RunGolden, ScoreGolden } from './measure.ts';
import { clipList, collectScores, furnish, here, measureRun, runToEnd, scoreWith, scoring } from './measure.ts';

vi.mock('node:fs/promises', async (actual) => {
  const real = await actual<typeof import('node:fs/promises')>();
  return { ...real, stat: vi.fn(real.stat) };
});

const runs = await readGoldens<RunGolden>('runs');
const { values, isExact, how } = await readGoldens<ScoreGolden[] | RunGolden['tensors']>('files');
const allowed = isExact ? null : allowedInScores(4);

let root: string;
let clips: Clip[];
const at = (...names: string[]): string => join(root, 'files', ...names);
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'iovqa-golden-'));
  await furnish(root);
  await unpackFixtures(root);
  clips = await clipList(join(root, 'media'));
});

describe('recipe.yaml of a run', () => {
  test('is read with the keys of its time', async () => {
    expect(await readFile(at('interrupted', 'recipe.yaml'), 'utf8')).toMatch(/^run:$[^]*^ {2}threads: 1 /m);
    expect(await readFile(at('interrupted', 'recipe.yaml'), 'utf8')).toMatch(/^ {2}recompute: true /m);
    const { recipe } = await readRunRecipe(at('interrupted'));
    expect(sectionOf(recipe, RUNTIME_KEY)).toMatchObject({ threads: 1, workers: 1, cache: true, provider: 'cpu' });
    expect(sectionOf(recipe, 'train')).toMatchObject({ [CHECKPOINTING_KEY]: true, order: 'shuffled' });
    expect(recipe).toMatchObject({ seed: 31, method: 'lora', data: { train: { split: 'train' } } });
  });
});

// The first part is of the fixture's machine, the whole of the goldens'.
const isOneMachine = runs.isExact && isExact;
describe(`an interrupted run, ${isExact ? runs.how : how}`, () => {
  test('goes on and ends as one that was not', async () => {
    const out = at('interrupted');
    const before = (await readFile(join(out, 'events.jsonl'), 'utf8')).split('\n');
    expect(before.filter((line) => line.includes('"type":"step"'))).toHaveLength(3);
    const events = await runToEnd(await readRunRecipe(out), { resume: true });
    const want = runs.values['interrupted']!;
    const got = await measureRun(out, events);
    expect(got.steps).toHaveLength(1);
    const rest = { ...want, steps: want.steps.slice(3), evaluations: want.evaluations.slice(1) };
    expect(differences(got, rest, isOneMachine ? null : allowedInRun)).toEqual([]);
  });

  test('one that has finished has nothing to do, and keeps its bits', async () => {
    const out = at('finished');
    const events = await runToEnd(await readRunRecipe(out), { resume: true });
    expect(events.filter(({ type }) => type === 'step')).toEqual([]);
    // Also on another machine: what was written is read, and nothing is computed.
    expect((await measureRun(out, events)).tensors).toEqual(values['tensors of finished']);
  });
});

describe(`scores, ${how}`, () => {
  test.each(['finished', 'adapter-41', 'whole'])('by %s', async (name) => {
    const { scores } = await scoreWith(at(name), clips, { cache: false });
    expect(differences(scores, values[name], allowed)).toEqual([]);
  });

  test('by an ensemble', async () => {
    await using ensemble = await loadEnsemble(at('ensemble'), { ...scoring, cache: false });
    expect(ensemble.members.map(({ weight }) => weight)).toEqual([1 / 6, 2 / 6, 3 / 6]);
    const { scores } = await collectScores(ensemble.score(clips));
    expect(differences(scores, values['ensemble'], allowed)).toEqual([]);
  });
});

// Its keys name processor, engine and onnxruntime: elsewhere nothing can be found in it, as it must be.
const where = isExact
  ? ''
  : ' (skipped: made on another machine or by another onnxruntime, whose entries must not be found)';
describe.skipIf(!isExact)(`a cache${where}`, () => {
  test('has all clips: their files, which are not there, are not opened', async () => {
    const identities = JSON.parse(await readFile(here('files', 'identities.json'), 'utf8')) as Identities;
    const real = vi.mocked(stat).getMockImplementation()!;
    vi.mocked(stat).mockImplementation(async (path, options) => {
      const known = identities[String(path)];
      if (known === undefined) return real(path, options);
      return Object.fromEntries(Object.entries(known).map(([key, value]) => [key, BigInt(value)])) as never;
    });
    try {
      const cache = join(root, 'cache');
      await cp(at('cache'), cache, { recursive: true });
      const features = entriesOf(cache);
      const { scores, numCached } = await scoreWith(at('adapter-41'), await clipList(CLIP_FOLDER), { cache });
      expect(differences(scores, values['cached'], null)).toEqual([]);
      expect(numCached).toBe(scores.length);
      expect(entriesOf(cache)).toEqual(features);
    } finally {
      vi.mocked(stat).mockImplementation(real);
    }
  });

  test('has the features of the same pixels in other files', async () => {
    const cache = join(root, 'cache-of-features');
    await cp(at('cache'), cache, { recursive: true });
    const features = entriesOf(cache);
    const { scores, numCached } = await scoreWith(at('adapter-41'), clips, { cache });
    expect(differences(scores, values['cached'], null)).toEqual([]);
    expect(numCached).toBe(scores.length);
    expect(entriesOf(cache)).toEqual(features);
  });
});

/** Entries with numbers. */
function entriesOf(cache: string): string[] {
  const names = readdirSync(cache, { recursive: true }).map(String);
  return names.filter((name) => name.endsWith('.f32')).sort();
}

/** A section of a recipe, by a name that it may not always have. */
function sectionOf(recipe: Recipe, name: string): unknown {
  return (recipe as unknown as Record<string, unknown>)[name];
}
