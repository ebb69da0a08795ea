// Live comparison of config.json: each key left out in turn means here what transformers makes of it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/index.ts';
import { qwen2_5_vl } from '../../src/model/families/qwen2-5-vl/index.ts';
import { parseFamilyConfig } from '../../src/model/model-config.ts';
import { needsPython, python, runPython } from './python.ts';

type ModelConfig = ReturnType<typeof qwen2_5_vl.parseConfig>;
type Json = Record<string, unknown>;
interface Told {
  values: Record<string, ModelConfig>;
  textKeys: Json;
  visionKeys: Json;
  processor: unknown;
}

/** Sizes of the published 7B and 72B models: with either some keys can be left out that the other needs. */
const sizes = {
  '7B': { text: [3584, 28, 28, 4, 18_944, 152_064], vision: [32, 1280, 16, 3420, 3584] },
  '72B': { text: [8192, 80, 64, 8, 29_568, 152_064], vision: [32, 1280, 16, 3456, 8192] },
} as const;
const zip = (keys: readonly string[], values: readonly number[]): Json =>
  Object.fromEntries(keys.map((key, i) => [key, values[i]]));

const textNames = [
  'hidden_size',
  'num_hidden_layers',
  'num_attention_heads',
  'num_key_value_heads',
  'intermediate_size',
  'vocab_size',
];
const visionNames = ['depth', 'hidden_size', 'num_heads', 'intermediate_size', 'out_hidden_size'];

function parts(size: keyof typeof sizes): { text: Json; vision: Json; outer: Json } {
  return {
    text: {
      ...zip(textNames, sizes[size].text),
      hidden_act: 'silu',
      rms_norm_eps: 1e-6,
      use_sliding_window: false,
      sliding_window: 32_768,
      max_window_layers: 28,
      rope_theta: 5e5,
      rope_scaling: { type: 'mrope', mrope_section: [16, 24, 24] },
    },
    vision: {
      ...zip(visionNames, sizes[size].vision),
      hidden_act: 'silu',
      in_channels: 3,
      patch_size: 14,
      spatial_merge_size: 2,
      temporal_patch_size: 2,
      tokens_per_second: 2,
      window_size: 112,
      fullatt_block_indexes: [3, 9],
    },
    outer: {
      model_type: 'qwen2_5_vl',
      tie_word_embeddings: true,
      image_token_id: 7,
      video_token_id: 8,
      vision_start_token_id: 9,
      vision_end_token_id: 10,
    },
  };
}

const without = (part: Json, key: string): Json => Object.fromEntries(Object.entries(part).filter(([k]) => k !== key));

/** Configs with one key left out, in the layout of the hub's files and in today's; and some with whole parts left out. */
function cases(): Map<string, Json> {
  const all = new Map<string, Json>([
    ['nothing', { model_type: 'qwen2_5_vl' }],
    [
      'own keys for each head',
      { ...parts('72B').outer, text_config: { num_key_value_heads: null }, vision_config: { out_hidden_size: 8192 } },
    ],
  ]);
  for (const size of ['7B', '72B'] as const) {
    const { text, vision, outer } = parts(size);
    const add = (name: string, t: Json, v: Json, o: Json): void => {
      all.set(`${size} flat ${name}`, { ...t, ...o, vision_config: v });
      all.set(`${size} nested ${name}`, { ...o, text_config: t, vision_config: v });
    };
    add('whole', text, vision, outer);
    for (const key of Object.keys(text)) add(`text.${key}`, without(text, key), vision, outer);
    for (const key of Object.keys(vision)) add(`vision.${key}`, text, without(vision, key), outer);
    for (const key of Object.keys(outer).slice(1)) add(`outer.${key}`, text, vision, without(outer, key));
  }
  return all;
}

/** Whether the graphs can compute it: what transformers would only find out when it runs is an error here. */
function fitsTogether({ text, vision }: ModelConfig): boolean {
  const half = text.hiddenSize / text.numHeads / 2;
  return (
    text.mropeSection.reduce((a, b) => a + b, 0) === half &&
    text.numHeads % text.numKvHeads === 0 &&
    vision.outHiddenSize === text.hiddenSize
  );
}

/** The values; the message where it is refused. */
function parsed(config: Json, name: string): ModelConfig | string {
  try {
    return parseFamilyConfig(config, name).config as ModelConfig;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

describe.skipIf(python === undefined)(`config.json against transformers (${needsPython})`, () => {
  const folder = python === undefined ? '' : mkdtempSync(join(tmpdir(), 'iovqa-config-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('means the same with each key left out in turn', async () => {
    const configs = cases();
    const file = join(folder, 'configs.json');
    writeFileSync(file, JSON.stringify(Object.fromEntries(configs)));
    const told = (await runPython('config.py', file)) as Told;
    const compared = [...configs.keys()].filter((name) => fitsTogether(told.values[name]!));
    const ours = new Map([...configs].map(([name, config]) => [name, parsed(config, name)]));
    expect(compared.map((name) => [name, ours.get(name)])).toEqual(compared.map((name) => [name, told.values[name]]));
    const refusals = [...ours].filter(([name]) => !compared.includes(name));
    expect(refusals.filter(([, message]) => typeof message !== 'string' || /undefined/.test(message))).toEqual([]);
    const { text, vision, outer } = parts('7B');
    const keys = (part: string, from: Json): string[] => Object.keys(from).map((key) => `${part}.${key}`);
    const wanted = [...keys('text', text), ...keys('vision', vision), ...keys('outer', outer).slice(1)];
    // Each key was compared with at least one of the sizes; a tower as wide as 7B's fits no other default.
    expect(wanted.filter((key) => !compared.some((name) => name.endsWith(` ${key}`)))).toEqual([]);

    // Keys of the classes that change what is computed are all among those left out above, or refused when they are set.
    const known = new Set([...wanted.map((key) => key.slice(key.indexOf('.') + 1)), 'layer_types', 'rope_parameters']);
    const training = new Set(['attention_dropout', 'initializer_range', 'use_cache', 'max_position_embeddings']);
    const tokens = new Set(['bos_token_id', 'eos_token_id', 'pad_token_id']);
    const general = new Set(Object.keys(told.textKeys).filter((key) => key in told.visionKeys));
    const own = [...Object.keys(told.textKeys), ...Object.keys(told.visionKeys)].filter(
      (key) => !known.has(key) && !training.has(key) && !tokens.has(key) && !general.has(key),
    );
    expect(own).toEqual([]);

    mkdirSync(join(folder, 'empty'));
    const { vision: tower } = qwen2_5_vl.parseConfig(configs.get('72B nested whole'), 'config.json');
    expect(await qwen2_5_vl.readProcessor(join(folder, 'empty'), tower)).toEqual(told.processor);
  });
});
