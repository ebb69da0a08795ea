// An adapter on the last layers: the layers below run once for each clip, and the step that begins above them is the same step.
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { compilePrefix } from '../../../src/engine/onnx/prefix-session.ts';
import { loadScorer } from '../../../src/score/index.ts';
import { losses } from '../../../src/objectives/index.ts';
import { compileStep } from '../../../src/engine/onnx/step.ts';
import { batches, clips, exampleOf } from './fixtures.ts';
import { expectSame } from './float64.ts';
import type { Workshop } from '../../train/run-fixtures.ts';
import { bytesOf, only, openWorkshop, runAll } from '../../train/run-fixtures.ts';
import { checkpoint, initialParameters, lora, model, modelOf, stepOptions, text } from './tiny-model.ts';

describe.each(losses)('the step for %s', (loss) => {
  test('is the same whether it begins at the tokens or above the frozen layers', async () => {
    const stored = checkpoint(text, 'float32');
    const adapter = { ...lora, layers: 'last 1' };
    const options = stepOptions(loss, stored, adapter);
    await using whole = await compileStep(options);
    await using upper = await compileStep({ ...options, firstLayer: 1 });
    await using lower = await compilePrefix(modelOf(stored), 1, { threads: 1 });
    const parameters = initialParameters(whole.parameters);
    expect([...parameters.keys()].every((name) => name.startsWith('layers.1.'))).toBe(true);
    const [feeds] = batches([0, 1, 2, 3], { loss, frozen: true, dropout: true });
    const { tokens, visionIndex, isVision, features, ...layers } = feeds!;
    const { cos, sin, bias } = layers;
    const hidden = await lower.run({
      tokens: tokens!,
      visionIndex: visionIndex!,
      isVision: isVision!,
      features: features!,
      cos: cos!,
      sin: sin!,
      bias: bias!,
    });
    const [B, T] = tokens!.shape as [number, number];
    const above = { ...layers, hidden: { data: hidden, shape: [B * T, text.hiddenSize] } };
    const want = await whole.run(parameters, feeds!);
    expectSame(await upper.run(parameters, above), want, 1e-6);
  });
});

test('the lower layers give a row what it gets in a batch of others', async () => {
  const stored = checkpoint(text, 'float32');
  await using lower = await compilePrefix(modelOf(stored), 1, { threads: 1 });
  const rows = clips.map((clip) => ({ example: exampleOf(clip, 'integer-only'), rows: [0] }));
  expect(model.family.feeds.text(rows, text, 0)['tokens']!.shape).toEqual([
    clips.length,
    Math.max(...rows.map(({ example }) => example.tokenIds.length)),
  ]);
  const [feeds] = batches([0, 1, 2, 3], { loss: 'integer-only', frozen: true, dropout: false });
  const [alone] = batches([1], { loss: 'integer-only', frozen: true, dropout: false });
  const pick = ({ rows: _rows, targets: _targets, targetWeights: _weights, ...rest }: typeof feeds & object): object =>
    rest;
  const run = (some: typeof feeds): Promise<Float32Array> => lower.run(pick(some!) as Parameters<typeof lower.run>[0]);
  const [together, one] = [await run(feeds), await run(alone)];
  const T = feeds!['tokens']!.shape[1]!;
  const C = text.hiddenSize;
  const own = together.subarray(T * C, T * C + one.length);
  const largest = Math.max(...one.map((value, i) => Math.abs(value - own[i]!)));
  expect(largest).toBeLessThan(1e-5);
});

describe('a run', () => {
  let shop: Workshop;
  beforeAll(async () => {
    shop = await openWorkshop();
  });
  afterAll(() => shop.remove());

  test(
    'on the last layer: outputs below are kept, the adapter is on that layer alone and scores',
    { tags: ['long'] },
    async () => {
      const recipe = shop.recipe('last', { lora: { rank: 4, layers: 'last 1' } });
      const events = await runAll(recipe);
      expect(only(events, 'prepared-layers').map(({ done, total }) => [done, total])).toEqual(
        Array.from({ length: 9 }, (_, i) => [i + 1, 9]),
      );
      const adapter = shop.at('last', 'checkpoints', 'step-6');
      const config = JSON.parse(await readFile(join(adapter, 'adapter_config.json'), 'utf8')) as object;
      expect(config).toMatchObject({ target_modules: expect.stringContaining('layers\\.(1)\\.') as string });
      await using scorer = await loadScorer(adapter, { model: shop.at('model') });
      const scores = [];
      for await (const score of scorer.score([{ path: shop.at('0.png'), kind: 'image' }])) scores.push(score);
      expect(scores).toMatchObject([{ score: expect.any(Number) as number }]);
    },
  );

  test(
    'ends with the same bits whether the outputs are kept, lost, or were there before',
    { tags: ['long'] },
    async () => {
      const changes = { lora: { rank: 4, layers: 'last 1' } };
      await runAll(shop.recipe('one', changes));
      vi.stubEnv('IOVQA_CACHE', shop.at('cache'));
      onTestFinished(() => void vi.unstubAllEnvs());
      const stop = new AbortController();
      const recipe = shop.recipe('two', changes);
      let steps = 0;
      const { train } = await import('../../../src/train/index.ts');
      for await (const event of train(recipe, { signal: stop.signal })) {
        if (event.type === 'step' && ++steps === 2) stop.abort();
      }
      // Outputs of the layers for nine rows, features of twelve clips and two golden pictures.
      const files = (await readdir(shop.at('cache'), { recursive: true })).filter((name) => name.endsWith('.f32'));
      expect(files).toHaveLength(9 + 12 + 2);
      for (const file of files.slice(0, 10)) await rm(shop.at('cache', file));
      await runAll(recipe, { resume: true });
      expect(await bytesOf(shop.at('two'), 6)).toBe(await bytesOf(shop.at('one'), 6));
    },
  );

  test('on as many layers as there are is the run on all', { tags: ['long'] }, async () => {
    await runAll(shop.recipe('all', { lora: { rank: 4 } }));
    const events = await runAll(shop.recipe('as-many', { lora: { rank: 4, layers: 'last 2' } }));
    expect(only(events, 'prepared-layers')).toEqual([]);
    const tensors = (run: string): Promise<Buffer> =>
      readFile(shop.at(run, 'checkpoints', 'step-6', 'adapter_model.safetensors'));
    expect((await tensors('as-many')).equals(await tensors('all'))).toBe(true);
  });

  test('on more layers than there are is refused', async () => {
    await expect(runAll(shop.recipe('more', { lora: { rank: 4, layers: 'last 3' } }))).rejects.toMatchObject({
      code: 'bad-recipe',
      message: 'lora.layers: expected all, or last 1 to last 2, got "last 3"',
    });
  });
});
