// What a device is forecast to hold: sums by hand, what grows with what, and which way to hold a model is chosen.
import { beforeAll, describe, expect, test } from 'vitest';
import type { EngineWork } from '../../../src/engine/index.ts';
import { chooseShard, largestMicroBatch } from '../../../src/engine/torch/fit.ts';
import { forecastDevices } from '../../../src/engine/torch/forecast.ts';
import type { DeviceMemory, Placement } from '../../../src/engine/torch/memory.ts';
import { deviceMemory } from '../../../src/engine/torch/memory.ts';
import type { LoraOptions, ModelShape } from '../../../src/model/index.ts';
import { loraTargets, openModelShape } from '../../../src/model/index.ts';

const lora: LoraOptions = { rank: 32, alpha: 32, dropout: 0.1, rslora: false, targets: loraTargets };
const clip = { tokens: 512, visionTokens: 400, rows: 2 };
const training = (microBatch = 1, gradientCheckpointing = false): EngineWork['training'] => ({
  microBatch,
  gradientCheckpointing,
  clip,
});
const work = (changes: Partial<EngineWork> = {}): EngineWork => ({
  lora,
  training: training(),
  scoring: { together: 4, clip: { ...clip, rows: 6 } },
  ...changes,
});
const devices = (ranks = 1): Omit<Placement, 'isSharded'> => ({ ranks, precision: 'bfloat16', device: 'cuda' });

let models: Record<'3b' | '7b' | '72b', ModelShape>;
beforeAll(async () => {
  const [small, middle, large] = await Promise.all(['3b', '7b', '72b'].map((n) => openModelShape(`qwen2.5-vl-${n}`)));
  models = { '3b': small!, '7b': middle!, '72b': large! };
});

describe('deviceMemory', () => {
  const memory = (model: ModelShape, changes?: Partial<EngineWork>, place?: Partial<Placement>): DeviceMemory =>
    deviceMemory(model, work(changes), { ...devices(), isSharded: false, ...place });

  test('weights are the bytes of the files, the adapter 16 bytes a parameter', () => {
    const { weights, tower, trained } = memory(models['7b']);
    expect((weights + tower) / 1e9).toBeCloseTo(16.58, 1); // total_size of the published index
    // r · (in + out) of seven linear layers in 28 decoder layers.
    const [c, kv, mlp] = [3584, 512, 18_944];
    const numbers = 28 * 32 * (2 * (c + c) + 2 * (c + kv) + 3 * (c + mlp));
    expect(trained).toBe(16 * numbers);
    expect(memory(models['7b'], { lora: { ...lora, layers: 'last 7' } }).trained).toBe(4 * numbers);
  });

  test('every weight that trains takes 16 bytes, whatever the precision', () => {
    const numbers = (memory(models['3b']).weights + memory(models['3b']).tower) / 2;
    for (const precision of ['float32', 'bfloat16'] as const) {
      const { weights, tower, trained } = memory(models['3b'], { lora: null }, { precision });
      expect(weights + tower + trained).toBe(16 * numbers);
    }
  });

  test('a share is that part of the layers; the tower and what is gathered are whole', () => {
    const whole = memory(models['72b'], {}, { ranks: 8 });
    const share = memory(models['72b'], {}, { ranks: 8, isSharded: true });
    expect(share.weights).toBe(whole.weights / 8);
    expect(share.tower).toBe(whole.tower);
    expect(whole.gathered).toBe(0);
    // Embedding and head, and three layers: 2 · 2 · 152,064 · 8,192, and 3 · 2 · (each 0.88 G).
    expect(share.gathered / 1e9).toBeCloseTo(10.3, 0);
    expect(share.bytes).toBeLessThan(0.4 * whole.bytes);
  });

  test('activations grow with clips; checkpointing and fewer trained layers keep less', () => {
    const { activations } = memory(models['7b']);
    const held = (changes: Partial<EngineWork>): number => memory(models['7b'], changes).activations / activations;
    expect(held({ training: training(4) })).toBeCloseTo(4, 0);
    expect(held({ training: training(1, true) })).toBeLessThan(0.15);
    expect(held({ lora: { ...lora, layers: 'last 7' } })).toBeCloseTo(0.25, 1);
    expect(held({ lora: { ...lora, dropout: 0 } })).toBeLessThan(1);
  });

  test('a model that only predicts holds neither gradients nor activations', () => {
    const { trained, activations, bytes, weights, tower } = memory(models['7b'], { lora: null, training: null });
    expect([trained, activations]).toEqual([0, 0]);
    expect(bytes - weights - tower).toBeLessThan(3e9);
  });
});

describe('chooseShard', () => {
  const choose = (model: ModelShape, ranks: number, gigabytes: number, changes: Partial<EngineWork> = {}) =>
    chooseShard({ model, work: work(changes), devices: devices(ranks), deviceBytes: gigabytes * 1e9, shard: 'auto' });

  test('whole models where they fit, shares where they do not', () => {
    const whole = choose(models['7b'], 8, 80);
    expect(whole.isSharded).toBe(false);
    expect(whole.text).toMatch(
      /^runtime\.shard: 8 devices hold each the whole model \(none\), with a forecast of [\d.]+ GB of the 80 GB of a device$/,
    );
    const shares = choose(models['72b'], 8, 80);
    expect(shares.isSharded).toBe(true);
    expect(shares.text).toMatch(
      /each its share of the decoder layers \(full\).*; the whole model would need 1\d\d GB$/,
    );
    expect(choose(models['7b'], 1, 80).isSharded).toBe(false);
  });

  test.each([
    ['a smaller micro-batch', '7b', 1, 40, { training: training(64) }, 'a microBatch of at most '],
    ['checkpointing', '7b', 1, 20.5, {}, 'train.gradientCheckpointing: true with a microBatch of at most 1'],
    ['more devices', '72b', 4, 24, {}, /: \d+ devices with runtime\.shard: full, train\.gradientCheckpointing: true/],
    ['nothing', '72b', 8, 2, {}, 'a smaller model'],
  ] as const)('refuses what does not fit, and names %s', (_, model, ranks, gigabytes, changes, hint) => {
    expect(() => choose(models[model], ranks, gigabytes, changes)).toThrow(
      expect.objectContaining({
        code: 'not-supported',
        message: expect.stringMatching(
          /^training with \d+ × 512 tokens at a time.*: expected at most [\d.]+ GB of device memory, got a forecast of/,
        ) as string,
        hint: expect.stringMatching(hint) as string,
      }) as Error,
    );
  });

  test('what it says would fit does', () => {
    const options = { model: models['7b'], work: work(), devices: devices(), deviceBytes: 40e9 };
    const most = largestMicroBatch(options, false, false);
    const bytes = (microBatch: number): number =>
      deviceMemory(models['7b'], work({ training: training(microBatch) }), { ...devices(), isSharded: false }).bytes;
    expect(bytes(most)).toBeLessThanOrEqual(40e9);
    expect(bytes(most + 1)).toBeGreaterThan(40e9);
    expect(largestMicroBatch({ ...options, deviceBytes: 10e9 }, false, true)).toBe(0);
  });

  test('`none` that does not fit is told of `full`', () => {
    const deviceBytes = 80e9;
    const options = { model: models['72b'], work: work(), devices: devices(8), deviceBytes };
    expect(() => chooseShard({ ...options, shard: 'none' })).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('runtime.shard: full') as string }) as Error,
    );
    expect(chooseShard({ ...options, shard: 'full' }).isSharded).toBe(true);
  });
});

test('forecastDevices has every way, and knows what fits where memory is named', () => {
  const options = { model: models['7b'], work: work(), devices: devices(8) };
  const known = forecastDevices({ ...options, deviceBytes: 80e9 });
  expect(known.map(({ shard, gradientCheckpointing }) => [shard, gradientCheckpointing])).toEqual([
    ['none', false],
    ['none', true],
    ['full', false],
    ['full', true],
  ]);
  expect(known.every(({ fits }) => fits)).toBe(true);
  expect(known[1]!.largestMicroBatch).toBeGreaterThan(5 * known[0]!.largestMicroBatch!);
  const unknown = forecastDevices({ ...options, devices: devices(1), deviceBytes: null });
  expect(unknown.map(({ fits, largestMicroBatch: most }) => [fits, most])).toEqual([
    [null, null],
    [null, null],
  ]);
});
