// Quantised models are refused by the name of their kind, on both engines, wherever a model is opened, before Python is looked for.
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { loadScorer } from '../../src/score/index.ts';
import { estimateDevices, estimateRun } from '../../src/train/index.ts';
import type { Workshop } from './run-fixtures.ts';
import { openWorkshop, runAll } from './run-fixtures.ts';

let shop: Workshop;
beforeAll(async () => {
  shop = await openWorkshop();
  vi.stubEnv('IOVQA_PYTHON', '/no/such/python');
});
afterAll(() => shop.remove());

/** As AutoAWQ, GPTQModel and bitsandbytes write them. */
const kinds = {
  awq: { quant_method: 'awq', bits: 4, group_size: 128, version: 'gemm', zero_point: true },
  gptq: { quant_method: 'gptq', bits: 4, group_size: 128, desc_act: true },
  bitsandbytes: { quant_method: 'bitsandbytes', load_in_4bit: true, bnb_4bit_quant_type: 'nf4' },
};

describe.each(['onnx', 'torch'] as const)('%s', (engine) => {
  test.each(['awq', 'gptq', 'bitsandbytes'] as const)('%s', async (kind) => {
    const path = shop.at('model', 'config.json');
    const config = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    await writeFile(path, JSON.stringify({ ...config, quantization_config: kinds[kind] }));
    const recipe = shop.recipe(`${engine}-${kind}`, { runtime: { engine, workers: 1 } });
    const runs = [
      runAll(recipe),
      engine === 'onnx' ? estimateRun(recipe) : estimateDevices(recipe, 80e9),
      loadScorer(shop.at('model'), { runtime: { engine } }),
    ];
    for (const found of await Promise.allSettled(runs)) {
      expect(found).toMatchObject({
        status: 'rejected',
        reason: {
          code: 'not-supported',
          message: expect.stringContaining(
            `quantization_config: expected none: the model that it was quantised from, got "${kind}"`,
          ) as string,
        },
      });
    }
  });
});
