// Scoring on the PyTorch engine: an ensemble over two bases with frames and prompts of their own opens each base once, gives the scores of
// the engine of the project, and takes features from the cache the second time.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AnswerDistribution, Engine, OpenEngine } from '../../../src/engine/index.ts';
import { openEngine } from '../../../src/engine/index.ts';
import type { Clip, ScorerSettings } from '../../../src/inputs/index.ts';
import type { LoraOptions } from '../../../src/model/index.ts';
import { asFloat32, createRandomCheckpoint, loraTargets, openCheckpoint } from '../../../src/model/index.ts';
import { loadEnsemble } from '../../../src/study/index.ts';
import { needsPython, python, relativeError } from '../../reference/python.ts';
import { saveAdapter } from '../../score/save-adapter.ts';
import { writePicture } from '../../train/run-fixtures.ts';
import { attachOptions, clipsOf } from './clips.ts';

const CLIPS = 6;
const lora: LoraOptions = { rank: 2, alpha: 4, dropout: 0, rslora: false, targets: loraTargets };
const settingsOf = (pixels: number, question: string): ScorerSettings => ({
  frames: { pick: 'middle', count: 1, as: 'video', minPixels: pixels, maxPixels: pixels, seed: 0 },
  prompt: { template: 'mine', source: `${question} {answer_format}` },
  answer: { kind: 'integer', step: 1 },
  positions: 'transformers',
  scale: { min: 1, max: 5, higherIsBetter: true },
});

describe.skipIf(python === undefined)(`scoring with PyTorch (${needsPython})`, () => {
  let folder: string;
  let clips: Clip[];
  /** Holds the workers, which then are started once. */
  let holder: Engine;
  const at = (name: string): string => join(folder, name);
  const opened: string[] = [];
  const watched: OpenEngine = async (checkpoint, options) => {
    opened.push(checkpoint.folder);
    return openEngine(checkpoint, options);
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'iovqa-torch-scoring-'));
    for (const [i, name] of ['first', 'second'].entries())
      await createRandomCheckpoint(at(name), { preset: 'tiny', seed: i });
    const members = [
      { path: 'a', model: 'first', rank: 2, settings: settingsOf(3136, 'How good is it?') },
      { path: 'b', model: 'first', rank: 3, settings: settingsOf(12_544, 'How sharp is this picture?') },
      { path: 'c', model: 'second', rank: 2, settings: settingsOf(3136, 'Rate it.') },
    ];
    for (const [seed, { path, model, rank, settings }] of members.entries()) {
      await saveAdapter(at(path), { model: at(model), lora: { ...lora, rank }, settings, seed });
    }
    for (let i = 0; i < CLIPS; i++) await writePicture(at(`${i}.png`), i);
    clips = Array.from({ length: CLIPS }, (_, i) => ({ path: at(`${i}.png`), kind: 'image' }));
    holder = await openEngine(await openCheckpoint(at('second')), { runtime: { engine: 'torch', python, threads: 1 } });
    await new Promise((resolve) => setTimeout(resolve, 2500)); // files that were just written are not remembered
  });
  afterAll(async () => {
    await holder?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const scored = async (
    engine: 'onnx' | 'torch',
    batchSize = 2,
  ): Promise<{ scores: number[]; cached: boolean[]; wait: { waited: number; elapsed: number } | null }> => {
    opened.length = 0;
    await using ensemble = await loadEnsemble(
      ['a', 'b', 'c'].map((path) => ({ path: at(path) })),
      {
        cache: at('cache'),
        openEngine: watched,
        batchSize,
        runtime: { engine, threads: 1, ...(engine === 'torch' ? { python, precision: 'float32' } : {}) },
      },
    );
    const [scores, cached]: [number[], boolean[]] = [[], []];
    for await (const result of ensemble.score(clips)) {
      if ('error' in result) throw result.error;
      scores.push(result.score);
      cached.push(...result.members.map((member) => member.cached));
    }
    return { scores, cached, wait: ensemble.inputWait() };
  };

  test('a base is opened once for its members, the scores are those of the other engine, and features are kept by engine', async () => {
    const reference = await scored('onnx');
    expect(reference.wait).toBeNull();
    const first = await scored('torch');
    // The model that ships is asked first: the golden check.
    expect(opened.slice(1)).toEqual([at('first'), at('second')]);
    expect(first.cached).not.toContain(true);
    first.scores.forEach((score, i) => expect(Math.abs(score - reference.scores[i]!)).toBeLessThan(1e-4));
    expect(first.wait!.elapsed).toBeGreaterThan(first.wait!.waited);
    const again = await scored('torch');
    expect(again.cached).not.toContain(false);
    expect(again.scores).toEqual(first.scores);
  });

  test('in bfloat16 features are its bits, and answers are near those in float32', async () => {
    const checkpoint = await openCheckpoint(at('first'));
    const one = { loss: 'integer-only', lora: {} } as const;
    const predicted = async (
      engine: Engine,
    ): Promise<{ features: Float32Array[]; means: number[]; isBits: boolean }> => {
      const { score, answers } = await clipsOf(checkpoint, engine, one);
      await using model = await engine.attach({ ...attachOptions(checkpoint, one, false), answers });
      const seen = score.flatMap(({ vision }) => (vision.kind === 'features' ? [vision.features] : []));
      const found = (await model.predict(score)) as AnswerDistribution[];
      return {
        features: seen.map(asFloat32),
        means: found.map(({ mean }) => mean),
        isBits: seen.every((features) => features instanceof Uint16Array),
      };
    };
    const [exact, half] = await Promise.all(
      (['float32', 'bfloat16'] as const).map(async (precision) => {
        await using engine = await openEngine(checkpoint, {
          runtime: { engine: 'torch', python, threads: 1, precision },
        });
        return await predicted(engine); // before it is disposed of
      }),
    );
    expect([exact!.isBits, half!.isBits]).toEqual([false, true]);
    half!.features.forEach((features, i) => expect(relativeError(features, exact!.features[i]!)).toBeLessThan(0.02));
    half!.means.forEach((mean, i) => expect(Math.abs(mean - exact!.means[i]!)).toBeLessThan(0.1));
  });
});
