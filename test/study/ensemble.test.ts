// Ensembles: the weighted mean of what each member says alone, with the work shared; files that are moved, changed or wrong.
import { cp, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { acquireLock, lockBeside } from '../../src/files/index.ts';
import type { Clip, ScorerSettings } from '../../src/inputs/index.ts';
import type { LoraOptions } from '../../src/model/index.ts';
import { createRandomCheckpoint, loraTargets } from '../../src/model/index.ts';
import type { ClipPrediction, ClipScore, FailedClip } from '../../src/score/index.ts';
import { loadScorer } from '../../src/score/index.ts';
import type { EnsembleMember, EnsembleScore } from '../../src/study/index.ts';
import { createEnsemble, isEnsemble, loadEnsemble, paperWeights, parseWeights } from '../../src/study/index.ts';
import { combine, rankingOf } from '../../src/study/ensemble-combine.ts';
import { normaliseWeights } from '../../src/study/ensemble-weights.ts';
import { saveAdapter } from '../score/save-adapter.ts';
import { writePicture } from '../train/run-fixtures.ts';
import { makeClip } from '../video/make-clip.ts';

let folder: string;
let clips: Clip[];
const at = (name: string): string => join(folder, name);

const lora: LoraOptions = { rank: 4, alpha: 8, dropout: 0, rslora: false, targets: loraTargets };
const settings: ScorerSettings = {
  frames: { pick: 'middle', count: 1, as: 'video', minPixels: 3136, maxPixels: 12_544, seed: 0 },
  prompt: { template: 'mine', source: 'How good is it? {answer_format}' },
  answer: { kind: 'integer', step: null },
  positions: 'transformers',
  scale: { min: 0, max: 100, higherIsBetter: true },
};
const frames = { ...settings.frames, pick: 'uniform', count: 2 } as const;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'iovqa-ensemble-'));
  await createRandomCheckpoint(at('model'), { preset: 'tiny', seed: 1 });
  const base = { model: at('model'), lora, settings };
  await saveAdapter(at('a'), base);
  await saveAdapter(at('b'), { ...base, seed: 11 });
  await saveAdapter(at('wide'), { ...base, seed: 12, lora: { ...lora, rank: 8 } });
  await saveAdapter(at('two'), { ...base, seed: 13, settings: { ...settings, frames } });
  await saveAdapter(at('five'), { ...base, settings: { ...settings, scale: { ...settings.scale, min: 1, max: 5 } } });
  await writePicture(at('a.png'), 1);
  await makeClip({ path: at('film.mp4'), codec: 'mpeg4', format: 'mp4', numFrames: 12 });
  clips = [
    { path: at('film.mp4'), kind: 'video' },
    { path: at('a.png'), kind: 'image' },
  ];
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function collect<T extends { clip: Clip }>(stream: AsyncIterable<T | FailedClip>): Promise<T[]> {
  const results: T[] = [];
  for await (const result of stream) {
    if ('error' in result) throw result.error;
    results.push(result);
  }
  return results;
}

async function alone(name: string): Promise<ClipScore[]> {
  await using scorer = await loadScorer(at(name), { workers: 1 });
  return await collect<ClipScore>(scorer.score(clips));
}

const prediction = (score: number, rest: Partial<ClipPrediction> = {}): ClipPrediction => ({
  score,
  answer: '30',
  integer: 30,
  std: 0,
  legalMass: 1,
  probabilities: null,
  plan: { as: 'image', width: 28, height: 28, sha256: '', frames: [] } as unknown as ClipPrediction['plan'],
  cached: false,
  ...rest,
});

describe('an ensemble', () => {
  test(
    'scores as the weighted mean of its members alone, whatever frames and ranks they have',
    { tags: ['long'] },
    async () => {
      const names = ['a', 'b', 'wide', 'two'];
      const weights = [0.4, 0.3, 0.2, 0.1];
      const single = await Promise.all(names.map(alone));
      const members = names.map((name, i): EnsembleMember => ({ path: at(name), weight: weights[i]! * 10 }));
      await using ensemble = await loadEnsemble(members, { workers: 1 });
      expect(ensemble.scale).toEqual(settings.scale);
      const found = await collect<EnsembleScore>(ensemble.score(clips));
      expect(found.map(({ clip }) => clip)).toEqual(clips);
      for (const [c, result] of found.entries()) {
        const each = single.map((scores) => scores[c]!);
        const mean = (valueOf: (score: ClipScore) => number): number =>
          each.reduce((sum, score, m) => sum + weights[m]! * valueOf(score), 0);
        expect(Math.abs(result.score - mean(({ score }) => score))).toBeLessThan(1e-4); // of 100
        expect(result.integer).toBe(Math.round(mean(({ integer }) => integer)));
        expect(result.legalMass!).toBeCloseTo(
          mean(({ legalMass }) => legalMass!),
          6,
        );
        const second = mean(({ score, std }) => score ** 2 + std! ** 2);
        expect(result.std!).toBeCloseTo(Math.sqrt(second - mean(({ score }) => score) ** 2), 3);
        result.members.forEach(({ plan }, m) => expect(plan).toEqual(each[m]!.plan));
      }
      expect(new Set(single.map((scores) => scores[0]!.score)).size).toBe(4); // or the test would show nothing
    },
  );

  test('has a clip’s error where a member cannot score it, and goes on', async () => {
    await using ensemble = await loadEnsemble([{ path: at('a') }, { path: at('two') }], { workers: 1 });
    const results: (EnsembleScore | FailedClip)[] = [];
    const missing: Clip = { path: at('none.mp4'), kind: 'video' };
    for await (const result of ensemble.score([clips[0]!, missing, clips[1]!])) results.push(result);
    expect(results.map((result) => 'error' in result)).toEqual([false, true, false]);
    expect((results[1] as FailedClip).error.message).toContain('none.mp4');
  });

  test('of ranks needs a reference of each member', async () => {
    const members = [{ path: at('a') }, { path: at('b') }];
    await expect(loadEnsemble(members, { combine: 'ranks' })).rejects.toMatchObject({
      code: 'bad-input',
      message: `ranks: expected a reference of each member, got none of ${at('a')}`,
    });
  });

  test('refuses members on different scales', async () => {
    await expect(loadEnsemble([{ path: at('a') }, { path: at('five') }])).rejects.toThrow('with one scale, got 0-100');
  });
});

describe('ensemble.json', () => {
  test('keeps members and weights, and can be moved with them', { tags: ['long'] }, async () => {
    await cp(at('a'), at('home/a'), { recursive: true });
    await cp(at('wide'), at('home/wide'), { recursive: true });
    expect(await isEnsemble(at('home/both'))).toBe(false);
    const members = [{ path: at('home/a'), weight: 3 }, { path: at('home/wide') }];
    await createEnsemble(at('home/both'), members);
    await rename(at('home'), at('moved'));
    expect(await isEnsemble(at('moved/both'))).toBe(true);
    await using ensemble = await loadEnsemble(at('moved/both'), { workers: 1 });
    expect(ensemble.members).toEqual([
      { path: at('moved/a'), weight: 0.75 },
      { path: at('moved/wide'), weight: 0.25 },
    ]);
    const [a, wide] = [await alone('a'), await alone('wide')];
    const found = await collect<EnsembleScore>(ensemble.score(clips));
    for (const [i, { score }] of found.entries()) {
      expect(Math.abs(score - (0.75 * a[i]!.score + 0.25 * wide[i]!.score))).toBeLessThan(1e-4);
    }
    await expect(createEnsemble(at('moved/both'), [{ path: at('a') }])).rejects.toThrow('expected no ensemble yet');
  });

  test('has one writer: of two at once one is told so, also while another process holds its lock', async () => {
    const members = [{ path: at('a') }, { path: at('wide') }];
    const both = await Promise.allSettled([createEnsemble(at('twice'), members), createEnsemble(at('twice'), members)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const refused = both.find((result) => result.status === 'rejected')!;
    expect(String(refused.reason)).toMatch(/expected no (?:other process to write there|ensemble yet), got /);
    expect(await readdir(at('twice'))).toEqual(['ensemble.json']);

    await mkdir(at('held'));
    await using _ = await acquireLock(lockBeside(at('held/ensemble.json')), 'x');
    await expect(createEnsemble(at('held'), members)).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining(`${at('held')}: expected no other process to write there`),
    });
    expect(await isEnsemble(at('held'))).toBe(false);
  });

  test('refuses a member that is another one now, and one named twice', async () => {
    await cp(at('a'), at('mine'), { recursive: true });
    await createEnsemble(at('changed'), [{ path: at('mine') }, { path: at('b') }]);
    await rm(at('mine'), { recursive: true });
    await cp(at('wide'), at('mine'), { recursive: true });
    await expect(loadEnsemble(at('changed'))).rejects.toThrow('as it was, got another one');
    await expect(createEnsemble(at('never'), [{ path: at('a') }, { path: at('a') }])).rejects.toThrow(
      `got ${at('a')} twice`,
    );
    await cp(at('a'), at('copy'), { recursive: true });
    const copies = createEnsemble(at('never'), [{ path: at('a') }, { path: at('copy') }]);
    await expect(copies).rejects.toThrow('the same in');
    expect(await isEnsemble(at('never'))).toBe(false);
  });

  test.each<[string, unknown, string]>([
    ['no JSON', '{', 'expected JSON'],
    ['a later format', { format: 3, members: [] }, 'expected format 1 or 2, got 3'],
    ['no members', { format: 1, members: [], writtenBy: '1' }, 'members'],
    [
      'a weight below 0',
      { format: 1, members: [{ path: 'a', weight: -1, sha256: '0'.repeat(64) }], writtenBy: '1' },
      'weight',
    ],
    [
      'an unknown key',
      { format: 1, members: [{ path: 'a', weight: 1, sha256: '0'.repeat(64) }], more: 1, writtenBy: '1' },
      'more',
    ],
    [
      'a reference of one member alone',
      {
        format: 2,
        members: [
          { path: 'a', weight: 0.5, sha256: '0'.repeat(64), reference: [1, 2] },
          { path: 'b', weight: 0.5, sha256: '0'.repeat(64) },
        ],
        writtenBy: '1',
      },
      'a reference of each member, or of none',
    ],
  ])('with %s is refused', async (_, content, message) => {
    const place = await mkdtemp(at('bad-'));
    await writeFile(join(place, 'ensemble.json'), typeof content === 'string' ? content : JSON.stringify(content));
    await expect(loadEnsemble(place)).rejects.toThrow(message);
  });

  test('names its members relative to itself', async () => {
    await createEnsemble(at('named'), [{ path: at('a') }, { path: at('b') }]);
    const { members } = JSON.parse(await readFile(at('named/ensemble.json'), 'utf8')) as { members: EnsembleMember[] };
    expect(members.map(({ path }) => path)).toEqual(['../a', '../b']);
  });
});

describe('combine', () => {
  test('spreads with the members and with what is between them', () => {
    const { score, std, integer } = combine(
      [prediction(20, { std: 3, integer: 21 }), prediction(30, { std: 4, integer: 28 })],
      [0.5, 0.5],
    );
    expect(score).toBe(25);
    expect(std!).toBeCloseTo(Math.sqrt((9 + 16) / 2 + 25), 12);
    expect(integer).toBe(25); // 24.5, rounded
  });

  test('averages ranks where it is told to, on the scale of the scores', () => {
    const ranking = rankingOf(
      [
        [10, 20, 30, 40],
        [1, 2],
      ],
      settings.scale,
    );
    const found = combine([prediction(20, { std: 3 }), prediction(50, { std: 4 })], [0.8, 0.2], ranking);
    expect(found).toMatchObject({ score: expect.closeTo(100 * (0.8 * 0.375 + 0.2), 12), std: null, legalMass: 1 });
    expect(rankingOf([undefined, undefined], settings.scale)).toBeNull();
  });

  test('knows no spread where a member generates its answers', () => {
    const { std, legalMass, score } = combine(
      [prediction(20), prediction(30, { std: null, legalMass: null })],
      [0.25, 0.75],
    );
    expect([score, std, legalMass]).toEqual([27.5, null, null]);
  });
});

describe('weights', () => {
  test('come as words or numbers', () => {
    expect(parseWeights('equal', 3)).toEqual([1, 1, 1]);
    expect(parseWeights('paper', 5)).toEqual(paperWeights);
    expect(parseWeights('2, 1,.5', 3)).toEqual([2, 1, 0.5]);
    expect(normaliseWeights([2, 1, 1])).toEqual([0.5, 0.25, 0.25]);
    expect(paperWeights.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
  });

  test.each<[string, number, string]>([
    ['paper', 4, "each of 4 members, got 5, the paper's"],
    ['1,2', 3, 'each of 3 members, got 2'],
    ['1,,2', 3, 'expected equal, paper or numbers'],
    ['one,2', 2, 'expected equal, paper or numbers'],
  ])('%s for %i members is refused', (text, count, message) => {
    expect(() => parseWeights(text, count)).toThrow(message);
  });

  test.each([[[1, 0]], [[1, -1]], [[1, Infinity]], [[Number.MAX_VALUE, Number.MAX_VALUE]]])(
    '%j are refused',
    (weights) => {
      expect(() => normaliseWeights(weights)).toThrow('weights: expected');
    },
  );
});
