// The memory policy: sessions of a large model make room for each other. The threshold is lowered, so that a tiny model is a large one.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openOnnxEngine } from '../../../src/engine/onnx/index.ts';
import type { SessionUse } from '../../../src/engine/onnx/residency.ts';
import { createResidency, weightBytes } from '../../../src/engine/onnx/residency.ts';
import type { Checkpoint } from '../../../src/model/index.ts';
import { createRandomCheckpoint, openCheckpoint } from '../../../src/model/index.ts';
import { example, options } from './small-example.ts';

/** A session that notes whether it holds memory. */
const session = (): { isOpen: boolean; unload: () => Promise<void>; [Symbol.asyncDispose]: () => Promise<void> } => ({
  isOpen: true,
  unload() {
    this.isOpen = false;
    return Promise.resolve();
  },
  [Symbol.asyncDispose]: () => Promise.resolve(),
});

describe('what makes room for what', () => {
  const uses: SessionUse[] = ['encode', 'prefix', 'update', 'predict'];
  async function openAfter(
    isLarge: boolean,
    known: readonly SessionUse[],
    next: 'update' | 'predict',
  ): Promise<string[]> {
    const residency = createResidency(isLarge);
    const sessions = known.map((use) => residency.add(use, session()));
    await residency.makeRoom(next);
    return known.filter((_, i) => sessions[i]!.isOpen);
  }

  test('in training, an update and a prediction are alone with a large model', async () => {
    expect(await openAfter(true, uses, 'update')).toEqual(['update']);
    expect(await openAfter(true, uses, 'predict')).toEqual(['predict']);
  });

  test('a small model keeps all of them, and a large one that only predicts too', async () => {
    expect(await openAfter(false, uses, 'update')).toEqual(uses);
    expect(await openAfter(false, uses, 'predict')).toEqual(uses);
    expect(await openAfter(true, ['encode', 'predict'], 'predict')).toEqual(['encode', 'predict']);
  });

  test('one that was disposed of is not asked', async () => {
    const residency = createResidency(true);
    const [gone, step] = [residency.add('encode', session()), residency.add('update', session())];
    residency.remove(gone);
    await residency.makeRoom('update');
    expect([gone.isOpen, step.isOpen]).toEqual([true, true]);
  });
});

describe('sessions of a model', () => {
  let folder: string;
  let checkpoint: Checkpoint;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'iovqa-residency-'));
    await createRandomCheckpoint(join(folder, 'model'), { preset: 'tiny' });
    checkpoint = await openCheckpoint(join(folder, 'model'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** Three updates with a prediction after each: losses, means, and which sessions made room. */
  async function work(largeModelBytes: number) {
    const unloaded: SessionUse[] = [];
    const runtime = { threads: 1, prepack: false };
    const onUnload = (use: SessionUse) => void unloaded.push(use);
    await using engine = openOnnxEngine(checkpoint, { largeModelBytes, runtime, onUnload });
    const model = await engine.attach(options(checkpoint));
    const { train, score } = await example(checkpoint, engine);
    const [losses, means]: [number[], number[]] = [[], []];
    for (let i = 0; i < 3; i++) {
      losses.push((await model.update([train], 1e-2)).loss);
      const [result] = await model.predict([score]);
      means.push('mean' in result! ? result.mean : NaN);
    }
    return { losses, means, unloaded };
  }

  test('make room for each other where it is large, and compute the same', async () => {
    const bytes = weightBytes(checkpoint);
    const [large, small] = [await work(bytes), await work(bytes + 1)];
    expect(small.unloaded).toEqual([]);
    expect(new Set(large.unloaded)).toEqual(new Set(['encode', 'update', 'predict']));
    // Each prediction is made without the step, and each update without the scoring pass.
    expect(large.unloaded.filter((use) => use === 'update')).toHaveLength(3);
    expect(large.losses).toEqual(small.losses);
    expect(large.means).toEqual(small.means);
    expect(large.losses[2]).toBeLessThan(large.losses[0]!);
  });
});
