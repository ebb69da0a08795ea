// The model's graphs against transformers, for weights and pixels of a fixed formula (golden/, made by test/reference/golden-model.py).
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { TensorData } from '../../src/graph/index.ts';
import { compile, input } from '../../src/graph/index.ts';
import { valuesBelow } from '../../src/graph/value.ts';
import { fedWeights } from '../../src/model/index.ts';
import type {
  QwenTextConfig as TextConfig,
  QwenVisionConfig as VisionConfig,
} from '../../src/model/families/qwen2-5-vl/config.ts';
import { HIDDEN, textAngles, visionFeeds } from '../../src/model/families/qwen2-5-vl/feeds.ts';
import { headLogits, textHidden, embedTokens, layerInputs } from '../../src/model/families/qwen2-5-vl/text.ts';
import { visionFeatures, visionInputs } from '../../src/model/families/qwen2-5-vl/vision.ts';
import { windowOrder } from './window-order.ts';

const golden = JSON.parse(readFileSync(new URL('golden/qwen2-5-vl.json', import.meta.url), 'utf8')) as {
  features: number[];
  logits: number[];
  positions: number[];
  windowOrder: number[];
};

const text: TextConfig = {
  hiddenSize: 48,
  numLayers: 2,
  numHeads: 4,
  numKvHeads: 2,
  headDim: 12,
  intermediateSize: 80,
  vocabSize: 100,
  ropeTheta: 1e6,
  mropeSection: [1, 2, 3],
  rmsNormEps: 1e-6,
  tieWordEmbeddings: true,
};
const vision: VisionConfig = {
  depth: 3,
  hiddenSize: 32,
  numHeads: 2,
  intermediateSize: 52,
  outHiddenSize: 48,
  patchSize: 14,
  temporalPatchSize: 2,
  spatialMergeSize: 2,
  windowSize: 112,
  fullAttentionLayers: [1],
  tokensPerSecond: 2,
  inChannels: 3,
};

/** The formula of golden-model.py. */
function formula(name: string, size: number, scale: number, offset = 0): Float32Array {
  let seed = 0;
  for (let i = 0; i < name.length; i++) seed += name.charCodeAt(i) * (i + 1);
  return Float32Array.from({ length: size }, (_, i) => {
    const x = Math.sin(i * 12.9898 + seed) * 43758.5453;
    return ((x - Math.floor(x)) * 2 - 1) * scale + offset;
  });
}

const sizes: Record<string, number> = { C: 48, V: 32, kv: 24, mlp: 80, vmlp: 52, m4: 128 };
/** Shapes by the ending of a tensor's name. */
const shapes: [RegExp, (keyof typeof sizes | number)[]][] = [
  [/^embed_tokens/, [100, 'C']],
  [/(self_attn\.q_proj|o_proj)\.weight/, ['C', 'C']],
  [/q_proj\.bias/, ['C']],
  [/(k|v)_proj\.weight/, ['kv', 'C']],
  [/(k|v)_proj\.bias/, ['kv']],
  [/^layers.*(gate|up)_proj\.weight/, ['mlp', 'C']],
  [/^layers.*down_proj\.weight/, ['C', 'mlp']],
  [/^visual.*(gate|up)_proj\.weight/, ['vmlp', 'V']],
  [/^visual.*(gate|up)_proj\.bias/, ['vmlp']],
  [/^visual.*down_proj\.weight/, ['V', 'vmlp']],
  [/^visual.*qkv\.weight/, [96, 'V']],
  [/^visual.*qkv\.bias/, [96]],
  [/attn\.proj\.weight/, ['V', 'V']],
  [/patch_embed/, ['V', 3, 2, 14, 14]],
  [/merger\.mlp\.0\.weight/, ['m4', 'm4']],
  [/merger\.mlp\.0\.bias/, ['m4']],
  [/merger\.mlp\.2\.weight/, ['C', 'm4']],
  [/merger\.mlp\.2\.bias/, ['C']],
  [/^visual/, ['V']],
  [/layernorm|^norm/, ['C']],
];
function shapeOf(name: string): number[] {
  const found = shapes.find(([pattern]) => pattern.test(name));
  if (found === undefined) throw new Error(`no shape for ${name}`);
  return found[1].map((s) => (typeof s === 'number' ? s : sizes[s]!));
}

function weightFeeds(inputs: ReadonlyMap<string, unknown>): Record<string, TensorData> {
  return Object.fromEntries(
    [...inputs.keys()].map((name) => {
      const shape = shapeOf(name);
      const size = shape.reduce((a, b) => a * b, 1);
      return [name, { data: formula(name, size, 0.2, shape.length === 1 && !name.endsWith('bias') ? 1 : 0), shape }];
    }),
  );
}

function expectRelative(got: ArrayLike<number>, want: readonly number[], bound: number): void {
  expect(got.length).toBe(want.length);
  const norm = Math.hypot(...want);
  expect(Math.hypot(...want.map((w, i) => w - got[i]!)) / norm).toBeLessThan(bound);
}

const grid = { t: 1, h: 12, w: 20 };
const ids = [5, 6, 92, ...Array.from({ length: 60 }, () => 90), 93, ...Array.from({ length: 20 }, (_, i) => 10 + i)];

async function features(): Promise<TensorData<Float32Array>> {
  const weights = fedWeights(shapeOf);
  await using session = await compile({ features: visionFeatures(visionInputs(vision), vision, weights) });
  const pixels = formula('pixels', 240 * 1176, 1.5);
  return (await session.run({ ...visionFeeds(pixels, [grid], vision), ...weightFeeds(weights.inputs) })).features;
}

describe('Qwen2.5-VL', () => {
  it('orders windows as transformers does', () => {
    expect(windowOrder([grid], vision)).toEqual(golden.windowOrder);
  });

  it('gives the vision features of transformers, partial windows included', async () => {
    const { data } = await features();
    const some = golden.features.map((_, i) => data[Math.floor(i / 48) * 480 + (i % 48)]!);
    expectRelative(some, golden.features, 1e-5);
  });

  it.each([[[]], [[0, 1, 2]]])('runs with %j as the layers that see whole frames', async (fullAttentionLayers) => {
    const odd = { ...vision, fullAttentionLayers };
    const weights = fedWeights(shapeOf);
    await using session = await compile({ features: visionFeatures(visionInputs(odd), odd, weights) });
    const pixels = formula('pixels', 240 * 1176, 1.5);
    const result = await session.run({ ...visionFeeds(pixels, [grid], odd), ...weightFeeds(weights.inputs) });
    expect(result.features.shape).toEqual([60, 48]);
  });

  it('gives the logits of transformers at the wanted rows', async () => {
    const weights = fedWeights(shapeOf);
    const embedded = embedTokens(input('features', 'float32', ['M', 48]), weights);
    const hidden = textHidden(embedded, 0, layerInputs(text), text, weights, null);
    const logits = headLogits(hidden, text, weights);
    await using session = await compile({ logits });
    const T = ids.length;
    const { cos, sin } = textAngles(Int32Array.from(golden.positions), T, text);
    const bias = Float32Array.from({ length: T * T }, (_, i) => (i % T > Math.floor(i / T) ? HIDDEN : 0));
    let next = 0n;
    const { logits: got } = await session.run({
      tokens: { data: BigInt64Array.from(ids, BigInt), shape: [1, T] },
      visionIndex: { data: BigInt64Array.from(ids, (id) => (id === 90 ? next++ : 0n)), shape: [1, T] },
      isVision: { data: Uint8Array.from(ids, (id) => Number(id === 90)), shape: [1, T, 1] },
      cos: { data: cos, shape: [1, T, 12] },
      sin: { data: sin, shape: [1, T, 12] },
      bias: { data: bias, shape: [1, T, T] },
      rows: { data: BigInt64Array.of(40n, 83n), shape: [1, 2] },
      features: await features(),
      ...weightFeeds(weights.inputs),
    });
    expect(got.shape).toEqual([2, 100]);
    expectRelative(got.data, golden.logits, 1e-5);
    // No logits for rows without a target: every product with the embedding has R = B·Q rows.
    const vocabulary = valuesBelow([logits]).filter((v) => v.shape.at(-1) === 100);
    expect(vocabulary.map((v) => v.shape[0])).toEqual(['B*Q']);
  });
});
