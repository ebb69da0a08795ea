// What `estimate --engine torch` tells of a run: without weights, without a Python, without devices.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { RecipeInput } from '../../src/train/index.ts';
import { estimateDevices } from '../../src/train/index.ts';
import { runCli } from '../cli/run-cli.ts';
import type { Workshop } from './run-fixtures.ts';
import { openWorkshop } from './run-fixtures.ts';

let shop: Workshop;
beforeAll(async () => {
  shop = await openWorkshop();
  vi.stubEnv('IOVQA_PYTHON', '/no/such/python');
});
afterAll(() => shop.remove());

const torch = (changes: RecipeInput = {}, runtime: RecipeInput['runtime'] = {}) =>
  shop.recipe('estimated', {
    model: 'qwen2.5-vl-7b',
    ...changes,
    runtime: { engine: 'torch', workers: 1, ...runtime },
  });

describe('estimateDevices', () => {
  test('chooses as a run would', async () => {
    const { chosen, ways, microBatch, tokens, visionTokens, numSampled, notes } = await estimateDevices(
      torch({}, { devices: 8 }),
      80e9,
    );
    expect(ways).toHaveLength(4);
    expect(chosen).toBe(ways[0]);
    expect(chosen).toMatchObject({ shard: 'none', gradientCheckpointing: false, fits: true });
    expect([microBatch, visionTokens, numSampled]).toEqual([3, 4, 6]);
    expect(tokens).toBeGreaterThan(100);
    expect(notes.join()).toContain('not measured yet');
    const large = await estimateDevices(torch({ model: 'qwen2.5-vl-72b' }, { devices: 8 }), 80e9);
    expect(large.chosen).toMatchObject({ shard: 'full' });
    const whole = await estimateDevices(torch({ model: 'qwen2.5-vl-72b' }, { devices: 8, shard: 'none' }), 80e9);
    expect(whole.chosen).toBeNull();
  });

  test('every weight that trains: 7B not on one card of 80 GB, but on eight', async () => {
    const full = { method: 'full', train: { gradientCheckpointing: true } } as const;
    expect((await estimateDevices(torch(full), 80e9)).chosen).toBeNull();
    expect((await estimateDevices(torch(full, { devices: 8 }), 80e9)).chosen).toMatchObject({ shard: 'full' });
  });

  test('without devices and their memory, only what is needed', async () => {
    const { devices, deviceBytes, ways, precision, notes } = await estimateDevices(torch(), null);
    expect([devices, deviceBytes, precision]).toEqual([1, null, 'bfloat16']);
    expect(ways.map(({ shard, fits }) => [shard, fits])).toEqual([
      ['none', null],
      ['none', null],
    ]);
    expect(notes.join()).toContain('--devices N plans for others');
  });
});

describe('iovqa estimate --engine torch', () => {
  const estimate = (...args: string[]) =>
    runCli([
      'estimate',
      '--manifest',
      shop.at('clips.csv'),
      '--model',
      'qwen2.5-vl-72b',
      '--set',
      'frames.maxPixels=3136',
      ...args,
    ]);

  test('says what fits', async () => {
    const { stdout, stderr, code } = await estimate('--engine', 'torch', '--devices', '8', '--device-memory', '80GB');
    expect(stderr).toContain('not measured yet');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^\d+ tokens a clip, 4 of them frames \(the longest of 6 clips\); microBatch \d+; bfloat16$/m,
    );
    expect(stdout).toMatch(/^none +no .* no +0$/m);
    expect(stdout).toMatch(/^full +yes .* yes +[1-9]\d*$/m);
    expect(stdout).toMatch(/^8 devices of 80 GB: the recipe fits with runtime\.shard full, [\d.]+ GB a device$/m);
    expect(stdout).toContain('time: not measured yet on GPUs');
  });

  test('--json, and options of the other engine', async () => {
    const { stdout } = await estimate('--engine', 'torch', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ devices: 1, deviceBytes: null, ways: [{ shard: 'none' }, {}] });
    const foreign = await estimate('--device-memory', '80GB');
    expect([foreign.code, foreign.stderr]).toEqual([
      2,
      expect.stringContaining('--device-memory: expected --engine torch beside it, got onnx'),
    ]);
    expect((await estimate('--engine', 'torch', '--memory', '1GB')).stderr).toContain(
      '--memory: expected --engine onnx beside it, got torch',
    );
  });
});
