// Checkpoint folders: both layouts of config.json and of tensor names, shards, the hub's cache, and everything that is refused.
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeSafetensors } from '../../src/files/index.ts';
import type { Checkpoint } from '../../src/model/index.ts';
import { openCheckpoint, writeCheckpoint } from '../../src/model/index.ts';
import { modelSizes } from '../../src/model/families/qwen2-5-vl/sizes.ts';
import { fileName, weightShapes } from '../../src/model/families/qwen2-5-vl/weights.ts';
import { readProcessorConfig } from '../../src/model/families/qwen2-5-vl/read-processor.ts';
import { temporaryFolder } from '../files/temporary.ts';
import type { Config, FileTensor } from './checkpoint-fixtures.ts';
import { baseConfig, baseWeights, writeBase, parseQwenConfig } from './checkpoint-fixtures.ts';

/** The names of the first Qwen2.5-VL files, and of those that transformers 5.17 writes. */
const firstNames = (name: string): string => (/^(visual\.|lm_head)/.test(name) ? name : `model.${name}`);

/** config.json as on the hub since January 2025: one level, `rope_scaling`, `in_chans`, a window that is not used. */
function flatConfig(): Config {
  const { text_config: text, vision_config: vision, ...outer } = baseConfig();
  const { rope_parameters: _, layer_types: __, ...sizes } = text;
  const { in_channels: ___, rope_parameters: ____, ...tower } = vision;
  return {
    ...outer,
    ...sizes,
    model_type: 'qwen2_5_vl',
    rope_theta: 1e6,
    rope_scaling: { type: 'mrope', mrope_section: [1, 2, 3] },
    use_sliding_window: false,
    sliding_window: 32_768,
    max_window_layers: 1,
    torch_dtype: 'bfloat16',
    vision_config: { ...tower, in_chans: 3, spatial_patch_size: 14 },
  } as unknown as Config;
}

async function problem(work: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error: unknown = await work.catch((caught: unknown) => caught);
  expect(error).toMatchObject({ name: 'UserError' });
  const { code, message } = error as { code: string; message: string };
  expect(message).not.toContain('\n');
  return { code, message };
}

describe('openCheckpoint', () => {
  it('reads both layouts of config.json and of tensor names alike, with one hash', async () => {
    const folder = temporaryFolder();
    const now = await openCheckpoint(await writeBase(join(folder, 'now')));
    const first = await openCheckpoint(
      await writeBase(join(folder, 'first'), { config: flatConfig(), rename: firstNames }),
    );
    expect(first.text).toEqual(now.text);
    expect(first.vision).toEqual(now.vision);
    expect(now.text).toEqual({
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
    });
    expect(now.vision).toMatchObject({ depth: 2, windowSize: 112, fullAttentionLayers: [1], tokensPerSecond: 2 });
    expect(now.tokens).toEqual({ image: 90, video: 91, visionStart: 92, visionEnd: 93 });
    expect([...first.names]).toEqual([...now.names]);
    const want = baseWeights();
    for (const name of now.names) {
      expect(await first.read(name)).toEqual(want.get(name)!.data);
      expect(first.stored(name).shape).toEqual(want.get(name)!.shape);
    }
    expect(await first.hash()).toBe(await now.hash());
    expect(() => now.stored('lm_head.weight')).toThrow('no weight is named');
    await expect(now.read('toString')).rejects.toThrow('no weight is named');
  });

  it('reads shards that lie in the blobs of a hub cache, where the files themselves are', async () => {
    const root = temporaryFolder();
    const [blobs, snapshot] = [join(root, 'blobs'), join(root, 'snapshots', 'abc')];
    mkdirSync(blobs);
    mkdirSync(snapshot, { recursive: true });
    const map = await writeShards(blobs, ['0a', '0b', '0c']);
    const link = (blob: string, name: string): void =>
      symlinkSync(join('..', '..', 'blobs', blob), join(snapshot, name));
    ['0a', '0b', '0c'].forEach((blob, i) => link(`${blob}.safetensors`, `model-${i}.safetensors`));
    const weightMap = Object.fromEntries([...map].map(([name, i]) => [name, `model-${i}.safetensors`]));
    writeFileSync(join(snapshot, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
    writeFileSync(join(blobs, 'config'), JSON.stringify(baseConfig()));
    link('config', 'config.json');
    const checkpoint = await openCheckpoint(snapshot);
    const { source } = checkpoint.stored('norm.weight');
    expect(readdirSync(blobs)).toContain(source.file.slice(source.file.lastIndexOf('/') + 1));
    expect(await checkpoint.read('norm.weight')).toEqual(baseWeights().get('norm.weight')!.data);
    const whole = await openCheckpoint(await writeBase(join(root, 'whole')));
    expect(await checkpoint.hash()).toBe(await whole.hash());
  });

  it.each(['F16', 'BF16'] as const)('keeps %s as it is, in a name of its own', async (dtype) => {
    const folder = temporaryFolder();
    const wide = await openCheckpoint(await writeBase(join(folder, 'wide')));
    const checkpoint = await openCheckpoint(await writeBase(join(folder, 'narrow'), { dtype }));
    const { dtype: stored, source } = checkpoint.stored('embed_tokens.weight');
    expect([stored, source.length]).toEqual([dtype === 'F16' ? 'float16' : 'bfloat16', 100 * 48 * 2]);
    const [got, want] = [await checkpoint.read('embed_tokens.weight'), baseWeights().get('embed_tokens.weight')!.data];
    expect(Math.max(...got.map((value, i) => Math.abs(value - want[i]!)))).toBeLessThan(dtype === 'F16' ? 1e-4 : 1e-3);
    expect(await checkpoint.hash()).not.toBe(await wide.hash());
  });

  it('has another hash after any change of a weight, of sizes or of pixel means, and the same for other pixel limits', async () => {
    const folder = temporaryFolder();
    const hashes = new Set<string>();
    const hashOf = async (path: string): Promise<string> => (await openCheckpoint(path)).hash();
    const base = await hashOf(await writeBase(join(folder, 'base')));
    hashes.add(base);
    for (const name of ['norm.weight', 'visual.merger.mlp.0.weight', 'layers.1.mlp.down_proj.weight']) {
      const tensors = baseWeights();
      tensors.get(name)!.data.forEach((value, i, data) => (data[i] = value * 1.001));
      hashes.add(await hashOf(await writeBase(join(folder, name), { tensors })));
    }
    const config = baseConfig();
    config.vision_config['tokens_per_second'] = 4;
    hashes.add(await hashOf(await writeBase(join(folder, 'config'), { config })));
    const preprocessor = join(folder, 'base', 'preprocessor_config.json');
    writeFileSync(preprocessor, JSON.stringify({ image_mean: [0.5, 0.5, 0.5] }));
    hashes.add(await hashOf(join(folder, 'base')));
    expect(hashes.size).toBe(6);
    const zeros = new Map([...baseWeights()].map(([name, { data, shape }]) => [name, { data: data.fill(0), shape }]));
    for (const dtype of ['F16', 'BF16'] as const) {
      hashes.add(await hashOf(await writeBase(join(folder, dtype), { tensors: zeros, dtype }))); // the same bytes
    }
    expect(hashes.size).toBe(8);
    writeFileSync(preprocessor, JSON.stringify({ max_pixels: 50_176, image_processor_type: 'x' }));
    expect(await hashOf(join(folder, 'base'))).toBe(base);
  });

  it('takes a tied head that is saved too, if it is the embedding', async () => {
    const folder = temporaryFolder();
    const tensors = baseWeights();
    const embedding = tensors.get('embed_tokens.weight')!;
    tensors.set('lm_head.weight', embedding);
    const checkpoint = await openCheckpoint(await writeBase(join(folder, 'tied'), { tensors }));
    expect(checkpoint.names).not.toContain('lm_head.weight');
    tensors.set('lm_head.weight', { ...embedding, data: embedding.data.map((value) => value + 1) });
    const { message } = await problem(openCheckpoint(await writeBase(join(folder, 'other'), { tensors })));
    expect(message).toContain('lm_head.weight: not equal to embed_tokens.weight');
    const config = { ...baseConfig(), tie_word_embeddings: false };
    config.text_config['tie_word_embeddings'] = false;
    const untied = await openCheckpoint(await writeBase(join(folder, 'untied'), { config, tensors }));
    expect(await untied.read('lm_head.weight')).toEqual(tensors.get('lm_head.weight')!.data);
  });
});

/** Writes the weights of the base into three shards; returns which shard each file name is in. */
async function writeShards(folder: string, stems: string[]): Promise<Map<string, number>> {
  const shards = stems.map(() => new Map<string, FileTensor>());
  const places = new Map<string, number>();
  [...baseWeights()].forEach(([name, tensor], i) => {
    shards[i % stems.length]!.set(fileName(name), tensor);
    places.set(fileName(name), i % stems.length);
  });
  for (const [i, stem] of stems.entries()) await writeSafetensors(join(folder, `${stem}.safetensors`), shards[i]!);
  return places;
}

describe('folders that are no such checkpoint', () => {
  it('are told with every missing, unexpected and wrongly shaped tensor: the first ten and how many', async () => {
    const folder = temporaryFolder();
    const tensors = baseWeights();
    tensors.delete('norm.weight');
    tensors.set('extra', { data: new Float32Array(1), shape: [1] });
    tensors.set('embed_tokens.weight', { data: new Float32Array(99 * 48), shape: [99, 48] });
    const some = await problem(openCheckpoint(await writeBase(join(folder, 'a'), { tensors })));
    expect(some.code).toBe('bad-checkpoint');
    expect(some.message).toContain('norm.weight: missing');
    expect(some.message).toContain('model.language_model.extra: unexpected');
    expect(some.message).toContain('embed_tokens.weight: expected shape [100,48], got [99,48]');
    const all = await problem(openCheckpoint(await writeBase(join(folder, 'b'), { rename: (name) => `x.${name}` })));
    expect(all.message.match(/unexpected/g)).toHaveLength(10);
    expect(all.message).toMatch(/… \(\d+ problems in all\)$/);
    const twice = baseWeights();
    twice.set('language_model.norm.weight', twice.get('norm.weight')!);
    const doubled = await problem(
      openCheckpoint(await writeBase(join(folder, 'c'), { tensors: twice, rename: firstNames })),
    );
    expect(doubled.message).toContain('a second norm.weight');
  });

  it('are told of layers too many, and of numbers that are no floats', async () => {
    const folder = temporaryFolder();
    const tensors = baseWeights();
    tensors.set('layers.2.mlp.up_proj.weight', tensors.get('layers.1.mlp.up_proj.weight')!);
    const path = await writeBase(folder, { tensors });
    expect((await problem(openCheckpoint(path))).message).toMatch(
      /got: model\.language_model\.layers\.2\.mlp\.up_proj\.weight: unexpected$/,
    );
    const file = join(await writeBase(path), 'model.safetensors');
    const bytes = readFileSync(file);
    bytes.set(Buffer.from('I32'), bytes.indexOf('F32', bytes.indexOf('language_model.norm.weight')));
    writeFileSync(file, bytes);
    expect((await problem(openCheckpoint(path))).message).toMatch(
      /got: norm\.weight: expected F32, F16 or BF16, got I32$/,
    );
  });

  it('are told what they lack', async () => {
    const folder = temporaryFolder();
    expect((await problem(openCheckpoint(folder))).message).toContain('got none with a config.json');
    expect((await problem(openCheckpoint(join(folder, 'missing')))).code).toBe('bad-checkpoint');
    writeFileSync(join(folder, 'config.json'), JSON.stringify(baseConfig()));
    expect((await problem(openCheckpoint(folder))).message).toContain('got neither');
    writeFileSync(join(folder, 'pytorch_model.bin'), 'x');
    expect(await problem(openCheckpoint(folder))).toMatchObject({
      code: 'not-supported',
      message: `${folder}: expected safetensors, got pytorch_model.bin`,
    });
    writeFileSync(join(folder, 'model.safetensors'), 'x');
    expect((await problem(openCheckpoint(folder))).code).toBe('bad-checkpoint');
  });

  it.each<[string, (map: Record<string, unknown>) => unknown, string]>([
    ['no map', () => undefined, 'expected a weight_map'],
    ['an empty map', () => ({}), 'expected a weight_map'],
    ['a way out', (map) => ({ ...map, x: '../secret.safetensors' }), 'names of files beside it'],
    ['an absolute path', (map) => ({ ...map, x: '/etc/x.safetensors' }), 'names of files beside it'],
    ['another kind of file', (map) => ({ ...map, x: 'model.bin' }), 'names of files beside it'],
    ['a number', (map) => ({ ...map, x: 3 }), 'names of files beside it'],
    ['a file that is not there', (map) => ({ ...map, x: 'c.safetensors' }), 'expected a file, got none'],
    ['a tensor too many', (map) => ({ ...map, x: 'a.safetensors' }), 'x: not in a.safetensors'],
    ['a wrong shard', (map) => ({ ...map, 'model.language_model.norm.weight': 'a.safetensors' }), 'but the index says'],
  ])('indexes: %s', async (_, change, message) => {
    const folder = temporaryFolder();
    const places = await writeShards(folder, ['a', 'b']);
    const map = Object.fromEntries([...places].map(([name, i]) => [name, i === 0 ? 'a.safetensors' : 'b.safetensors']));
    map['model.language_model.norm.weight'] ??= 'b.safetensors';
    writeFileSync(join(folder, 'config.json'), JSON.stringify(baseConfig()));
    writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
    if (map['model.language_model.norm.weight'] === 'b.safetensors') await openCheckpoint(folder);
    writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: change(map) }));
    const { code, message: got } = await problem(openCheckpoint(folder));
    expect(code).toBe('bad-checkpoint');
    expect(got).toContain(message);
  });
});

describe('config.json', () => {
  const text = (values: object): Config => ({
    ...baseConfig(),
    text_config: { ...baseConfig().text_config, ...values },
  });
  const vision = (values: object): Config => ({
    ...baseConfig(),
    vision_config: { ...baseConfig().vision_config, ...values },
  });

  it.each<[string, unknown, string]>([
    ['not-supported', { ...baseConfig(), model_type: 'qwen2_vl' }, 'model_type: expected "qwen2_5_vl", got "qwen2_vl"'],
    ['not-supported', { ...baseConfig(), quantization_config: { bits: 4 } }, 'quantization_config'],
    ['not-supported', text({ hidden_act: 'gelu' }), 'text_config.hidden_act: expected "silu", got "gelu"'],
    ['not-supported', vision({ hidden_act: 'gelu' }), 'vision_config.hidden_act'],
    ['not-supported', text({ layer_types: ['full_attention', 'sliding_attention'] }), 'full attention'],
    ['not-supported', { ...flatConfig(), use_sliding_window: true }, 'full attention'],
    ['not-supported', text({ rope_parameters: { rope_type: 'yarn', mrope_section: [1, 2, 3] } }), '"yarn"'],
    ['not-supported', text({ head_dim: 16 }), 'text_config.head_dim'],
    ['not-supported', vision({ in_channels: 1 }), 'in_channels'],
    ['not-supported', vision({ rope_parameters: { rope_theta: 5 } }), 'rope_theta'],
    ['bad-checkpoint', text({ hidden_size: 50 }), 'text_config.hidden_size: expected an even multiple of 4'],
    ['bad-checkpoint', text({ hidden_size: -1, vocab_size: '9' }), 'text_config.vocab_size'],
    ['bad-checkpoint', text({ num_key_value_heads: 3 }), 'num_key_value_heads: expected a divisor of 4'],
    ['bad-checkpoint', text({ rope_parameters: { mrope_section: [1, 2, 4] } }), 'mrope_section: expected three'],
    ['bad-checkpoint', vision({ out_hidden_size: 49 }), "the text model's 48, got 49"],
    ['bad-checkpoint', vision({ window_size: 27 }), 'window_size: expected at least 28 pixels'],
    ['bad-checkpoint', vision({ fullatt_block_indexes: [2] }), 'fullatt_block_indexes: expected layers below 2'],
    ['bad-checkpoint', vision({ hidden_size: 20 }), 'vision_config.hidden_size'],
    ['bad-checkpoint', vision({ spatial_patch_size: 16 }), 'spatial_patch_size'],
    [
      'bad-checkpoint',
      { ...baseConfig(), image_token_id: 100 },
      'id of the image token: expected less than vocab_size',
    ],
    ['bad-checkpoint', { ...baseConfig(), vision_config: null }, 'vision_config'],
    ['bad-checkpoint', [], 'config.json: '],
  ])('%s: case %#', (code, config, message) => {
    const parse = (): unknown => parseQwenConfig(config, 'config.json');
    expect(parse).toThrow(expect.objectContaining({ code }) as Error);
    expect(parse).toThrow(message);
  });

  it('is told with all its problems at once', () => {
    const parse = (): unknown =>
      parseQwenConfig(text({ hidden_size: -1, vocab_size: '9', hidden_act: 'gelu' }), 'config.json');
    expect(parse).toThrow(/^config\.json: text_config\.hidden_size: .*; got -1; text_config\.vocab_size: .*; got "9"$/);
  });

  it('has the defaults of transformers where it is silent', () => {
    const config = text({ rms_norm_eps: null, num_key_value_heads: null });
    delete config['tie_word_embeddings'];
    for (const key of ['tokens_per_second', 'window_size', 'patch_size']) delete config.vision_config[key];
    const parsed = parseQwenConfig(config, 'config.json');
    // Saves before transformers 5 had the tie in text_config alone.
    expect(parsed.text).toMatchObject({ rmsNormEps: 1e-5, numKvHeads: 4, tieWordEmbeddings: true });
    expect(parsed.vision).toMatchObject({ tokensPerSecond: 4, windowSize: 112, patchSize: 14 });
    const outer = text({ tie_word_embeddings: null });
    expect(parseQwenConfig({ ...outer, tie_word_embeddings: true }, '').text.tieWordEmbeddings).toBe(true);
    expect(parseQwenConfig({ ...outer, tie_word_embeddings: false }, '').text.tieWordEmbeddings).toBe(false);
  });

  it('has sizes that transformers 4.49 left out of a 7B fine-tune, since they are its defaults', () => {
    const config = {
      model_type: 'qwen2_5_vl',
      hidden_size: 3584,
      intermediate_size: 18_944,
      num_attention_heads: 28,
      num_hidden_layers: 28,
      num_key_value_heads: 4,
      rms_norm_eps: 1e-6,
      rope_scaling: { type: 'default', rope_type: 'default', mrope_section: [16, 24, 24] },
      vision_config: { hidden_size: 1280, in_chans: 3, model_type: 'qwen2_5_vl', spatial_patch_size: 14 },
    };
    const { text, vision } = parseQwenConfig(config, 'config.json');
    expect(text).toMatchObject({ numLayers: 28, vocabSize: 152_064, tieWordEmbeddings: false });
    expect(vision).toMatchObject({ depth: 32, numHeads: 16, intermediateSize: 3420, outHiddenSize: 3584 });
  });
});

describe('weightShapes', () => {
  it('counts the 304 million parameters of the model that speed is measured with', () => {
    const { text, vision } = modelSizes['bench-304m'];
    const shapes = weightShapes(
      { ...text, headDim: 64, ropeTheta: 1e6, rmsNormEps: 1e-6 },
      {
        ...vision,
        outHiddenSize: text.hiddenSize,
        inChannels: 3,
        patchSize: 14,
        temporalPatchSize: 2,
        spatialMergeSize: 2,
      },
    );
    const sizes = [...shapes.values()].map((shape) => shape.reduce((a, b) => a * b, 1));
    expect(sizes.reduce((a, b) => a + b, 0)).toBe(304_443_968);
  });
});

describe('settings of the picture processor', () => {
  const read = (files: Record<string, unknown>): ReturnType<typeof readProcessorConfig> => {
    const folder = temporaryFolder();
    for (const [name, value] of Object.entries(files)) writeFileSync(join(folder, name), JSON.stringify(value));
    return readProcessorConfig(folder, parseQwenConfig(baseConfig(), '').vision);
  };

  it('are read from each place where versions of transformers write them', async () => {
    const defaults = {
      minPixels: 3136,
      maxPixels: 1_003_520,
      mean: [0.48145466, 0.4578275, 0.40821073],
      std: [0.26862954, 0.26130258, 0.27577711],
      patchSize: 14,
      mergeSize: 2,
      temporalPatchSize: 2,
    };
    expect(await read({})).toEqual(defaults);
    const first = {
      min_pixels: 784,
      max_pixels: 12_845_056,
      image_mean: [0, 0, 0],
      image_std: [1, 1, 1],
      patch_size: 14,
    };
    expect(await read({ 'preprocessor_config.json': first })).toEqual({
      ...defaults,
      minPixels: 784,
      maxPixels: 12_845_056,
      mean: [0, 0, 0],
      std: [1, 1, 1],
    });
    const size = { size: { shortest_edge: 784, longest_edge: 1568 }, rescale_factor: 1 / 255, resample: 3 };
    const now = await read({ 'processor_config.json': { image_processor: size }, 'preprocessor_config.json': first });
    expect(now).toEqual({ ...defaults, minPixels: 784, maxPixels: 1568 });
    const both = { min_pixels: 3136, max_pixels: 6272, size: { shortest_edge: 784, longest_edge: 1568 } };
    expect(await read({ 'preprocessor_config.json': both })).toEqual({ ...defaults, maxPixels: 6272 });
  });

  it.each<[string, unknown, string]>([
    ['not-supported', { do_normalize: false }, 'do_normalize: expected true, got false'],
    ['not-supported', { resample: 2 }, 'resample: expected 3, got 2'],
    ['not-supported', { rescale_factor: 1 / 127.5 }, 'rescale_factor'],
    ['bad-checkpoint', { patch_size: 16 }, "patch_size: expected the tower's 14, got 16"],
    ['bad-checkpoint', { min_pixels: 10, max_pixels: 5 }, 'min_pixels: expected at most max_pixels'],
    ['bad-checkpoint', { image_std: [1, 0, 1] }, 'image_std'],
    ['bad-checkpoint', 3, 'preprocessor_config.json'],
  ])('%s: %o', async (code, value, message) => {
    const got = await problem(read({ 'preprocessor_config.json': value }));
    expect(got.code).toBe(code);
    expect(got.message).toContain(message);
  });
});

describe('writeCheckpoint', () => {
  it('writes what openCheckpoint reads, with the files beside it and the dtype that the file has', async () => {
    const root = temporaryFolder();
    const config = { ...baseConfig(), dtype: 'bfloat16' };
    const from = await openCheckpoint(await writeBase(join(root, 'from'), { config, dtype: 'BF16' }));
    for (const name of ['tokenizer.json', 'chat_template.jinja', 'preprocessor_config.json', 'LICENSE']) {
      writeFileSync(join(root, 'from', name), name === 'LICENSE' ? 'free' : '{}');
    }
    for (const name of ['added_tokens.json', 'special_tokens_map.json']) writeFileSync(join(root, 'from', name), '{}');
    mkdirSync(join(root, 'from', 'additional_chat_templates'));
    writeFileSync(join(root, 'from', 'additional_chat_templates', 'tools.jinja'), 'x');
    mkdirSync(join(root, 'from', 'NOTICE'));
    for (const name of ['iovqa.json', 'adapter_config.json', 'optimizer.bin', 'own_config.json'])
      writeFileSync(join(root, 'from', name), '{}');
    const weights = await readAll(from);
    weights.get('norm.weight')!.fill(1 / 3);
    const to = join(root, 'to');
    await writeCheckpoint(to, from, weights);
    expect(readdirSync(to).sort()).toEqual([
      'LICENSE',
      'added_tokens.json',
      'additional_chat_templates',
      'chat_template.jinja',
      'config.json',
      'model.safetensors',
      'preprocessor_config.json',
      'special_tokens_map.json',
      'tokenizer.json',
    ]);
    expect(readFileSync(join(to, 'additional_chat_templates', 'tools.jinja'), 'utf8')).toBe('x');
    const written = JSON.parse(readFileSync(join(to, 'config.json'), 'utf8')) as Config;
    expect(written).toEqual({ ...config, dtype: 'float32' });
    const again = await openCheckpoint(to);
    expect(await readAll(again)).toEqual(weights);
    expect(again.stored('norm.weight').dtype).toBe('float32');
    weights.delete('norm.weight');
    await expect(writeCheckpoint(join(root, 'bad'), from, weights)).rejects.toThrow('norm.weight');
  });
});

async function readAll(checkpoint: Checkpoint): Promise<Map<string, Float32Array>> {
  const weights = new Map<string, Float32Array>();
  for (const name of checkpoint.names) weights.set(name, await checkpoint.read(name));
  return weights;
}
