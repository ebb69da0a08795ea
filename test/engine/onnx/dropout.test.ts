// The dropout of the adapter's inputs: the graph's masks against the same function in plain TypeScript, and how often they drop.
import { describe, expect, test } from 'vitest';
import { hashKey, mix32 } from '../../../src/core/index.ts';
import { compile, constant, input } from '../../../src/graph/index.ts';
import { isOp, valuesBelow } from '../../../src/graph/value.ts';
import { drop, loraTargets } from '../../../src/model/index.ts';
import { stepGraph } from '../../../src/engine/onnx/step.ts';
import { evaluate } from '../../graph/evaluate.ts';
import { batches, clips, dropoutKeyOf, exampleOf } from './fixtures.ts';
import { Wrong, feeds64 } from './float64.ts';
import { checkpoint, initialParameters, lora, shapeOf, stepOptions, text } from './tiny-model.ts';

/** 0 for a channel that is dropped, else 1: by the definition, without a graph. */
function keeps(rowKey: number, module: string, channel: number, rate: number): number {
  const r = mix32((rowKey ^ hashKey(...Buffer.from(module))) >>> 0);
  const k = mix32((r ^ 0x9e3779b9) >>> 0);
  const hash = (Math.imul(k, mix32(channel + 1)) + r) >>> 0;
  return Math.fround(hash) > Math.fround(Math.round(rate * 2 ** 32)) ? 1 : 0;
}

async function graphMask(keys: Uint32Array, module: string, width: number, rate: number): Promise<Float32Array> {
  const N = keys.length;
  const ones = constant(new Float32Array(N * width).fill(1), [N, width]);
  await using session = await compile(
    { mask: drop(ones, input('keys', 'uint32', [N, 1]), rate, module) },
    { threads: 1 },
  );
  return (await session.run({ keys: { data: keys, shape: [N, 1] } })).mask.data;
}

const rowsOf = (sample: number, epoch: number, count: number): Uint32Array =>
  Uint32Array.from({ length: count }, (_, t) => hashKey(dropoutKeyOf(sample, epoch), t));

describe('masks', () => {
  test.each([0.1, 0.5, 0.9, 0.05])('at rate %d: those of plain TypeScript', async (rate) => {
    const [N, C] = [200, 96];
    const keys = rowsOf(3, 1, N);
    const mask = await graphMask(keys, 'layers.1.mlp.up_proj', C, rate);
    const want = mask.map((_, i) => keeps(keys[Math.floor(i / C)]!, 'layers.1.mlp.up_proj', i % C, rate));
    expect(mask).toEqual(want);
    // Four standard deviations around the rate.
    const dropped = mask.filter((x) => x === 0).length / mask.length;
    expect(Math.abs(dropped - rate)).toBeLessThan(4 * Math.sqrt((rate * (1 - rate)) / mask.length));
  });

  test('differ, independently, by epoch, sample, module, row and channel', async () => {
    const [N, C, rate] = [200, 96, 0.1];
    const one = await graphMask(rowsOf(0, 0, N), 'layers.0.self_attn.q_proj', C, rate);
    const others = {
      epoch: await graphMask(rowsOf(0, 1, N), 'layers.0.self_attn.q_proj', C, rate),
      sample: await graphMask(rowsOf(1, 0, N), 'layers.0.self_attn.q_proj', C, rate),
      module: await graphMask(rowsOf(0, 0, N), 'layers.0.self_attn.k_proj', C, rate),
      layer: await graphMask(rowsOf(0, 0, N), 'layers.1.self_attn.q_proj', C, rate),
      row: Float32Array.from(one, (_, i) => one[(i + C) % one.length]!),
      channel: Float32Array.from(one, (_, i) => one[(i + 1) % one.length]!),
    };
    const wrong = new Wrong();
    const spread = 4 * Math.sqrt((rate * rate) / one.length);
    for (const [what, other] of Object.entries(others)) {
      const both = one.filter((x, i) => x === 0 && other[i] === 0).length / one.length;
      wrong.below(spread, Math.abs(both - rate * rate), what);
    }
    expect(wrong.list).toEqual([]);
  });
});

test('any two channels, and any two rows, are dropped together as often as independent ones', async () => {
  const [N, C, rate] = [600, 400, 0.1];
  const mask = await graphMask(rowsOf(0, 0, N), 'layers.0.mlp.down_proj', C, rate);
  const dropped = (row: number, channel: number): number => 1 - mask[row * C + channel]!;
  // Standard normal for each pair where they are independent; of a million such numbers the largest is about 4.9.
  const score = (both: number, n: number): number =>
    (both - n * rate * rate) / Math.sqrt(n * rate * rate * (1 - rate * rate));
  const largest = { channels: 0, rows: 0 };
  const mean = { channels: 0, rows: 0 };
  for (let i = 0; i < C; i++) {
    for (let j = 0; j < i; j++) {
      let both = 0;
      for (let row = 0; row < N; row++) both += dropped(row, i) * dropped(row, j);
      largest.channels = Math.max(largest.channels, score(both, N));
      mean.channels += score(both, N) / ((C * (C - 1)) / 2);
    }
  }
  for (let i = 0; i < N; i++) {
    for (let j = 0; j < i; j++) {
      let both = 0;
      for (let channel = 0; channel < C; channel++) both += dropped(i, channel) * dropped(j, channel);
      largest.rows = Math.max(largest.rows, score(both, C));
      mean.rows += score(both, C) / ((N * (N - 1)) / 2);
    }
  }
  // Counts of 6 and 4 expected are Poisson rather than normal, with a longer tail.
  expect(largest.channels).toBeLessThan(8);
  expect(largest.rows).toBeLessThan(8);
  expect(Math.abs(mean.channels)).toBeLessThan(0.02);
  expect(Math.abs(mean.rows)).toBeLessThan(0.02);
});

describe.each(['integer-only', 'soft-label'] as const)('in the step for %s', (loss) => {
  const which = [1, 0, 3];
  const [feeds] = batches(which, { loss, frozen: true, dropout: true });
  const [B, T] = feeds!['tokens']!.shape as [number, number];

  test('a row has the key of its clip and its place, whatever stands beside it', () => {
    const { data, shape } = feeds!['dropoutKeys']!;
    expect(shape).toEqual([B * T, 1]);
    expect([...(data as Uint32Array)]).toEqual(which.flatMap((clip) => [...rowsOf(clip, 0, T)]));
  });

  test('every module has its own mask, at wanted rows that of these very rows', () => {
    const stored = checkpoint(text, 'float32');
    const graph = stepGraph(stepOptions(loss, stored, lora));
    const masks = valuesBelow([graph.loss]).filter((v) => isOp(v, 'hardSigmoid'));
    const shapes = new Map([...graph.parameters].map(([name, { shape }]) => [name, shape as number[]]));
    const fed = feeds64([graph.loss], feeds!, initialParameters(shapes), text, stored);
    const modules = [0, 1].flatMap((layer) =>
      loraTargets.map((target) => ({
        layer,
        target,
        name: `layers.${layer}.${/^[qkvo]_/.test(target) ? 'self_attn' : 'mlp'}.${target}`,
      })),
    );
    expect(masks.length).toBe(modules.length);
    const rows = Array.from(feeds!['rows']!.data as BigInt64Array, Number);
    evaluate(masks, fed).forEach(({ data, shape }, i) => {
      const { layer, target, name } = modules[i]!;
      const wanted =
        layer === 1 && target !== 'k_proj' && target !== 'v_proj' ? rows : Array.from({ length: B * T }, (_, n) => n);
      const width = shapeOf(`${name}.weight`)[1]!;
      expect(shape).toEqual([wanted.length, width]);
      const want = wanted.flatMap((row) => {
        const key = hashKey(dropoutKeyOf(which[Math.floor(row / T)]!), row % T);
        return Array.from({ length: width }, (_, c) => keeps(key, name, c, 0.1));
      });
      expect({ name, mask: Array.from(data, (x) => (x === 0 ? 0 : 1)) }).toEqual({ name, mask: want });
    });
  });
});

test('clips of the tests have prompts, pictures and answers of different length', () => {
  const lengths = clips.map((clip) => exampleOf(clip, 'integer-only'));
  expect(new Set(lengths.map(({ tokenIds }) => tokenIds.length)).size).toBeGreaterThan(2);
  expect(new Set(lengths.map(({ targets }) => targets.length))).toEqual(new Set([1, 2]));
});
