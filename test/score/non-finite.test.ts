// Weights that hold NaN or infinite numbers: found in the file, and named by the scorer when its model's numbers go wrong.
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../../src/core/index.ts';
import type { ScorerSettings } from '../../src/inputs/index.ts';
import { blameWeights, createRandomCheckpoint, openCheckpoint } from '../../src/model/index.ts';
import { findNonFinite } from '../../src/model/non-finite.ts';
import type { ClipScore, FailedClip } from '../../src/score/index.ts';
import { loadScorer } from '../../src/score/index.ts';
import { spoilt } from '../model/spoilt.ts';

let folder: string;
let clip: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'iovqa-nan-'));
  for (const dtype of ['F32', 'F16', 'BF16'] as const) {
    await createRandomCheckpoint(join(folder, dtype), { preset: 'tiny', dtype });
  }
  clip = join(folder, 'clip.png');
  const pixels = Buffer.from(Array.from({ length: 60 * 60 * 3 }, (_, i) => (i * 37) % 251));
  await sharp(pixels, { raw: { width: 60, height: 60, channels: 3 } })
    .png()
    .toFile(clip);
});
afterAll(() => rm(folder, { recursive: true }));

/** A copy of the tiny model with some numbers written over. */
let copies = 0;
const spoiltModel = (dtype: string, changes: readonly (readonly [string, number, number])[]): Promise<string> =>
  spoilt(join(folder, dtype), join(folder, `spoilt-${copies++}`), changes);

const up = 'layers.1.mlp.up_proj.weight';

describe('findNonFinite', () => {
  test.each(['F32', 'F16', 'BF16'] as const)(
    '%s: finds the first of each weight, of either sign, and nothing else',
    async (dtype) => {
      const largest = { F32: 3.4e38, F16: 65_504, BF16: 3.38e38 }[dtype];
      const model = await spoiltModel(dtype, [
        [up, 17, NaN],
        [up, 5, largest],
        [up, 900, Infinity],
        ['visual.merger.mlp.0.bias', 127, -Infinity],
        ['norm.weight', 0, Infinity],
        ['norm.weight', 47, NaN],
        ['layers.0.mlp.up_proj.weight', 3, -largest],
      ]);
      expect(await findNonFinite(await openCheckpoint(model))).toEqual([
        { name: 'visual.merger.mlp.0.bias', index: 127, value: -Infinity },
        { name: up, index: 17, value: NaN },
        { name: 'norm.weight', index: 0, value: Infinity },
      ]);
      expect(await findNonFinite(await openCheckpoint(join(folder, dtype)))).toEqual([]);
    },
  );

  test('finds one behind the first 4 MB', async () => {
    const file = join(folder, 'large.bin');
    const data = new Float32Array((1 << 21) + 3);
    data[(1 << 21) + 1] = NaN;
    writeFileSync(file, new Uint8Array(data.buffer));
    const source = { file, offset: 4, length: data.byteLength - 4 };
    const found = await findNonFinite({ names: ['x'], stored: () => ({ dtype: 'float32', shape: [], source }) });
    expect(found).toEqual([{ name: 'x', index: 1 << 21, value: NaN }]);
  });
});

describe('blameWeights', () => {
  test('looks once for a model, and leaves other errors as they are', async () => {
    const { names, stored } = await openCheckpoint(await spoiltModel('F32', [[up, 17, NaN]]));
    let looked = 0;
    const checkpoint = { names, folder: 'here', stored: (name: string) => (looked++, stored(name)) };
    const error = new UserError('non-finite', 'odd');
    for (let i = 0; i < 2; i++) {
      expect(await blameWeights(checkpoint, error)).toMatchObject({ message: `odd; model here: ${up} has NaN at 17` });
    }
    expect(looked).toBe(names.length);
    const other = new UserError('bad-input', 'x');
    expect(await blameWeights(checkpoint, other)).toBe(other);
  });
});

describe('a scorer', () => {
  const settings = (kind: 'integer' | 'raw'): Partial<ScorerSettings> => ({ answer: { kind, step: null } });
  const scoreTwice = async (model: string, kind: 'integer' | 'raw'): Promise<(ClipScore | FailedClip)[]> => {
    await using scorer = await loadScorer(model, { workers: 1, settings: settings(kind) });
    const clips = [clip, clip].map((path) => ({ path, kind: 'image' as const }));
    const results: (ClipScore | FailedClip)[] = [];
    for await (const result of scorer.score(clips)) results.push(result);
    return results;
  };

  test.each([
    ['integer', up, 17, NaN],
    ['raw', up, 17, NaN],
    ['integer', 'visual.blocks.0.attn.qkv.weight', 100, Infinity],
  ] as const)('with %s answers names the weight: %s', async (kind, name, index, value) => {
    const model = await spoiltModel('BF16', [[name, index, value]]);
    const results = (await scoreTwice(model, kind)) as FailedClip[];
    expect(results).toHaveLength(2);
    for (const { error } of results) {
      expect(error).toMatchObject({ code: 'non-finite' });
      expect(error.message).toMatch(
        /clip\.png: expected finite (logits from the model|vision features), got NaN; model /,
      );
      expect(error.message).toContain(`; model ${model}: ${name} has ${value} at ${index}`);
      expect(error.hint).toContain('get the model again');
    }
  });

  test('says so when the weights are finite but too large', async () => {
    const model = await spoiltModel('F32', [
      ['norm.weight', 0, 3e38],
      ['norm.weight', 1, -3e38],
    ]);
    const [result] = (await scoreTwice(model, 'integer')) as FailedClip[];
    expect(result!.error).toMatchObject({ code: 'non-finite' });
    expect(result!.error.message).toContain(`; all weights of ${model} are finite`);
  });
});
