// What a predictor asks an engine for: text that prompts begin with is computed apart from a row on, whatever group the work begins with.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDisposer, randomStream } from '../../src/core/index.ts';
import type { OpenEngine } from '../../src/engine/index.ts';
import { openEngine } from '../../src/engine/index.ts';
import type { ViewedClip } from '../../src/inputs/index.ts';
import { createRandomCheckpoint } from '../../src/model/index.ts';
import type { Predictor } from '../../src/score/index.ts';
import type { PromptedClip } from '../../src/score/predictor.ts';
import { createSharedParts, openPredictor } from '../../src/score/index.ts';

let model: string;
beforeAll(async () => {
  model = join(await mkdtemp(join(tmpdir(), 'iovqa-predictor-')), 'model');
  await createRandomCheckpoint(model, { preset: 'tiny', seed: 1 });
});
afterAll(() => rm(join(model, '..'), { recursive: true, force: true }));

/** Works with a predictor whose engine remembers how many tokens of each example it was told to share. */
async function withPredictor(
  source: string,
  work: (predictor: Predictor, shared: number[][]) => Promise<void>,
): Promise<void> {
  const shared: number[][] = [];
  const watched: OpenEngine = async (checkpoint, options) => {
    const engine = await openEngine(checkpoint, options);
    return {
      ...engine,
      attach: async (what) => {
        const attached = await engine.attach(what);
        return {
          ...attached,
          predict: (examples, how) => {
            shared.push((how?.prefixes ?? []).map((prefix) => prefix.length));
            return attached.predict(examples, how);
          },
        };
      },
    };
  };
  await using disposer = createDisposer();
  const parts = createSharedParts({ workers: 1, cache: false, openEngine: watched }, disposer);
  await work(await openPredictor(model, { settings: { prompt: { template: 'mine', source } } }, parts), shared);
}

/** Clips of noise features, in three sizes, in rows from 1. */
function clipsOf(
  predictor: Predictor,
  count: number,
  textOf: (i: number) => string = () => 'a corgi',
): (PromptedClip & { row: number })[] {
  return Array.from({ length: count }, (_, i) => {
    const grid = { t: 1, h: 4, w: 4 + 2 * (i % 3) };
    const stream = randomStream(i);
    const features = Float32Array.from({ length: ((grid.h * grid.w) / 4) * 48 }, () => stream.normal());
    const viewed: ViewedClip = {
      as: 'image',
      shapes: [{ kind: 'image', grid }],
      plan: {} as ViewedClip['plan'],
      vision: { kind: 'features', features },
      cached: false,
    };
    return { ...predictor.prompt(viewed, { path: `${i}.png`, kind: 'image', prompt: textOf(i) }), row: i + 1 };
  });
}

describe('a predictor', () => {
  test('leaves short lists alone, and shares the text before the picture in long ones', () =>
    withPredictor('How good is this? {frames}', async (predictor, shared) => {
      const clips = clipsOf(predictor, 24);
      await predictor.predict(clips.slice(0, 8), 4);
      expect(shared.flat()).toEqual(Array.from({ length: 8 }, () => 0));
      await predictor.predict(clips.slice(8, 16), 4);
      await predictor.predict(clips.slice(16), 4);
      const { start } = clips[0]!.prompt.visions[0]!;
      expect(start).toBeGreaterThan(10);
      expect(shared.flat().slice(8)).toEqual(Array.from({ length: 16 }, () => start));
    }));

  test('shares what stands before the clips’ own texts, whatever these have in common', () =>
    withPredictor('Rate how well this shows {prompt} {frames}', async (predictor, shared) => {
      const clips = clipsOf(predictor, 14, (i) => `corgi ${i}`);
      await predictor.predict(clips.slice(8), 4);
      const { start } = clips[0]!.prompt.visions[0]!;
      const [length] = shared[0]!;
      expect(shared).toEqual([Array.from({ length: 6 }, () => length)]);
      expect(length).toBeLessThan(start - 2); // `corgi` and what follows are not among it
      expect(length).toBeGreaterThan(start / 2);
    }));

  test('gives a row the same bits whichever group the work begins with', async () => {
    const predictFrom = async (from: number): Promise<unknown[]> => {
      const results: unknown[] = [];
      await withPredictor('How good is this as {prompt}? {frames}', async (predictor) => {
        // Prompts of one group begin alike, those of another do not.
        const textOf = (i: number): string => (i < 16 ? `corgi ${i}` : ['cat', 'tree', 'wolf', 'sea'][i % 4]!);
        const clips = clipsOf(predictor, 24, textOf);
        const groups = [clips.slice(0, 8), clips.slice(8, 16), clips.slice(16)];
        for (const group of groups.slice(from)) results.push(await predictor.predict(group, 4));
      });
      return results;
    };
    const whole = await predictFrom(0);
    expect(whole.flat()).toHaveLength(24);
    expect(await predictFrom(1)).toEqual(whole.slice(1));
    expect(await predictFrom(2)).toEqual(whole.slice(2));
  });

  test('gives an error to the clip that it comes from', () =>
    withPredictor('How good is this? {frames}', async (predictor) => {
      const clips = clipsOf(predictor, 12);
      const bad = clips[9]!;
      (bad.vision as { features: Float32Array }).features.fill(NaN);
      const results = [
        ...(await predictor.predict(clips.slice(0, 8), 4)),
        ...(await predictor.predict(clips.slice(8), 4)),
      ];
      expect(results.map((result) => result instanceof Error)).toEqual(clips.map((clip) => clip === bad));
    }));
});
