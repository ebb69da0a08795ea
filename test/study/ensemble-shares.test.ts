// What an ensemble does for a clip: members that take the same frames decode it once and run the tower once, whatever seeds their cards
// have; seeds matter where frames are drawn.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { OpenEngine } from '../../src/engine/index.ts';
import { openEngine } from '../../src/engine/index.ts';
import type { Clip, FrameSettings, ScorerSettings } from '../../src/inputs/index.ts';
import type { LoraOptions } from '../../src/model/index.ts';
import { createRandomCheckpoint, loraTargets } from '../../src/model/index.ts';
import { loadScorer } from '../../src/score/index.ts';
import type { EnsembleScore } from '../../src/study/index.ts';
import { loadEnsemble } from '../../src/study/index.ts';
import type { FrameReader } from '../../src/video/index.ts';
import { saveAdapter } from '../score/save-adapter.ts';
import { writePicture } from '../train/run-fixtures.ts';
import { makeClip } from '../video/make-clip.ts';

/** Clips that were decoded, and runs of the tower. */
const work = vi.hoisted(() => ({ decoded: [] as string[], encoded: 0 }));

vi.mock('../../src/video/reader.ts', async (actual) => {
  const original = await actual<typeof import('../../src/video/reader.ts')>();
  return {
    ...original,
    openFrameReader: (...options: Parameters<typeof original.openFrameReader>): FrameReader => {
      const reader = original.openFrameReader(...options);
      return {
        ...reader,
        read: (clip, ...rest) => {
          work.decoded.push(clip.path);
          return reader.read(clip, ...rest);
        },
      };
    },
  };
});

const watchedEngine: OpenEngine = async (checkpoint, options) => {
  const engine = await openEngine(checkpoint, options);
  return {
    ...engine,
    encode: (pictures) => {
      work.encoded++;
      return engine.encode(pictures);
    },
  };
};

let folder: string;
let clips: Clip[];
const at = (name: string): string => join(folder, name);
const seeds = [0, 1, 2, 3, 4];
const lora: LoraOptions = { rank: 2, alpha: 4, dropout: 0, rslora: false, targets: loraTargets };
const settingsOf = (pick: FrameSettings['pick'], seed: number): ScorerSettings => ({
  frames: { pick, count: 1, as: 'video', minPixels: 3136, maxPixels: 3136, seed },
  prompt: { template: 'mine', source: 'How good is it? {answer_format}' },
  answer: { kind: 'integer', step: 1 },
  positions: 'transformers',
  scale: { min: 1, max: 5, higherIsBetter: true },
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'iovqa-ensemble-shares-'));
  await createRandomCheckpoint(at('model'), { preset: 'tiny' });
  for (const pick of ['middle', 'random'] as const) {
    for (const seed of seeds) {
      const settings = settingsOf(pick, seed);
      await saveAdapter(at(`${pick}-${seed}`), { model: at('model'), lora, settings, seed: 20 + seed });
    }
  }
  await writePicture(at('a.png'), 1);
  await makeClip({ path: at('film.mp4'), codec: 'mpeg4', format: 'mp4', numFrames: 24 });
  clips = [
    { path: at('film.mp4'), kind: 'video' },
    { path: at('a.png'), kind: 'image' },
  ];
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What five members say, and what was done for it. */
async function scoreWith(pick: 'middle' | 'random'): Promise<EnsembleScore[]> {
  const members = seeds.map((seed) => ({ path: at(`${pick}-${seed}`) }));
  await using ensemble = await loadEnsemble(members, { workers: 1, cache: false, openEngine: watchedEngine });
  work.decoded.length = 0;
  work.encoded = 0; // their golden pictures were looked at
  const scores: EnsembleScore[] = [];
  for await (const result of ensemble.score(clips)) {
    if ('error' in result) throw result.error;
    scores.push(result);
  }
  return scores;
}

test('five members that take the middle frame decode each clip once and run the tower once for it', async () => {
  const scores = await scoreWith('middle');
  expect(work.decoded.toSorted()).toEqual(clips.map(({ path }) => path).toSorted());
  expect(work.encoded).toBe(clips.length);
  for (const { members } of scores) {
    for (const { plan } of members) expect(plan).toEqual(members[0]!.plan);
    expect(new Set(members.map(({ score }) => score)).size).toBe(seeds.length); // they are five models
  }
  // Each says what it says alone.
  await using alone = await loadScorer(at('middle-3'), { workers: 1, cache: false });
  expect(alone.settings.frames.seed).toBe(3);
  const own: number[] = [];
  for await (const result of alone.score(clips)) if (!('error' in result)) own.push(result.score);
  expect(scores.map(({ members }) => members[3]!.score)).toEqual(own);
});

test(
  'members that draw a frame by different seeds look each by itself, at different frames',
  { tags: ['long'] },
  async () => {
    const scores = await scoreWith('random');
    expect(work.decoded.toSorted()).toEqual(clips.flatMap(({ path }) => seeds.map(() => path)).toSorted());
    expect(work.encoded).toBe(clips.length * seeds.length);
    const taken = scores[0]!.members.map(({ plan }) => plan.frames[0]!.index);
    expect(new Set(taken).size).toBeGreaterThan(2);
  },
);
