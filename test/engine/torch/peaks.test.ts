// What workers really hold: with `full` no process ever holds the model; and a clip that needs more memory than there is leaves the others.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../../src/engine/index.ts';
import { openEngine } from '../../../src/engine/index.ts';
import { deviceMemory } from '../../../src/engine/torch/memory.ts';
import type { PreparedExample } from '../../../src/inputs/index.ts';
import type { Checkpoint } from '../../../src/model/index.ts';
import { needsPython, python } from '../../reference/python.ts';
import type { Case } from './clips.ts';
import { attachOptions, clipsOf } from './clips.ts';
import { peaksOfWorkers, writeSized } from './sized.ts';

const RANKS = 4;
/** 503 MB of decoder layers in float32, 16 MB each. */
const LARGE = { layers: 32, width: 512, mlp: 2048 };
const SMALL = { layers: 1, width: 128, mlp: 256 };
const one: Case = { loss: 'integer-only', lora: {}, gradientCheckpointing: true, microBatch: 1 };

/** A clip of a million tokens: a mask of who sees whom would take a terabyte. */
function endless({ rows, vision, wanted }: PreparedExample): PreparedExample {
  const length = 1_000_000;
  const branchParent = new Int32Array(length).fill(-1);
  branchParent[length - 1] = 0;
  return {
    rows: {
      ...rows,
      tokenIds: new Int32Array(length),
      positions: new Int32Array(3 * length),
      visionSlots: new Int32Array(length).fill(-1),
      branchParent,
    },
    vision,
    wanted,
    dropoutKey: 0,
  };
}

describe.skipIf(python === undefined || process.platform !== 'linux')(`memory of workers (${needsPython})`, () => {
  let folder: string;
  let small: Checkpoint;
  let holder: Engine; // the workers go on as long as it is there
  const open = (checkpoint: Checkpoint, shard: 'auto' | 'full'): Promise<Engine> =>
    openEngine(checkpoint, {
      runtime: { engine: 'torch', python, threads: 1, devices: RANKS, shard },
    }) as Promise<Engine>;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'iovqa-test-'));
    small = await writeSized(join(folder, 'small'), SMALL);
    holder = await open(small, 'full');
  });
  afterAll(async () => {
    await holder?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  /** An update and a prediction; gives the tokens of the longest clip. */
  async function run(checkpoint: Checkpoint, engine: Engine): Promise<number> {
    const { train, score, answers } = await clipsOf(checkpoint, engine, one);
    const model = await engine.attach({ ...attachOptions(checkpoint, one), answers });
    await model.update(train, 1e-4);
    await model.predict(score);
    await model[Symbol.asyncDispose]();
    return Math.max(...[...train, ...score].map(({ rows }) => rows.tokenIds.length));
  }

  test('with `full` each holds its share of the layers, and those that are being computed', async () => {
    const large = await writeSized(join(folder, 'large'), LARGE);
    await run(small, holder);
    const before = peaksOfWorkers();
    await using engine = await open(large, 'full');
    expect(engine.notes).toEqual([
      expect.stringMatching(/^runtime\.shard: 4 devices hold each its share of the decoder layers \(full\)/) as string,
    ]);
    const clip = { tokens: await run(large, engine), visionTokens: 24, rows: 8 };
    const after = peaksOfWorkers();
    expect(after).toHaveLength(RANKS);
    const { lora, training } = attachOptions(large, one);
    const work = { lora, training: { ...training!, clip }, scoring: { together: 4, clip } };
    const place = { ranks: RANKS, precision: 'float32', device: 'cpu', isSharded: true } as const;
    const { weights, gathered, trained, activations, logits, other } = deviceMemory(large, work, place);
    const layers =
      4 *
      large.names
        .filter((name) => name.startsWith('layers.'))
        .reduce((n, name) => n + large.stored(name).shape.reduce((a, b) => a * b, 1), 0);
    expect(layers).toBeGreaterThan(500e6);
    // What is not in a layer is small here.
    expect(weights / (layers / RANKS)).toBeCloseTo(1, 1);
    expect(gathered / ((3 * layers) / LARGE.layers)).toBeCloseTo(1, 1);
    const most = weights + gathered + trained + activations + logits + other;
    const grown = after.map((bytes, rank) => bytes - before[rank]!);
    expect(Math.max(...grown)).toBeLessThan(most + 20e6);
    // Each does hold its share.
    expect(Math.min(...grown)).toBeGreaterThan(weights);
  });

  test('a clip that needs more than there is has an error of its own', async () => {
    await using engine = await open(small, 'auto');
    expect(engine.notes).toEqual([expect.stringMatching(/each the whole model \(none\)/) as string]);
    const { score, answers } = await clipsOf(small, engine, one);
    const model = await engine.attach({ ...attachOptions(small, one, false), answers });
    const alone = await model.predict(score, { batching: 'as-given' });
    const together = await model.predict([score[0]!, endless(score[1]!), ...score.slice(2)], { batching: 'as-given' });
    expect(together[1]).toMatchObject({
      code: 'not-supported',
      message: expect.stringMatching(
        /^torch worker 0 of 4: expected a clip to fit into the device's memory, got .*can't allocate memory/,
      ) as string,
      hint: 'Use smaller or fewer frames, or runtime.shard: full.',
    });
    expect([together[0], ...together.slice(2)].map((found) => 'probabilities' in found!)).toEqual([true, true, true]);
    expect(together[0]).toEqual(alone[0]);
  });
});
