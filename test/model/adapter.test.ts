// Adapters against PEFT: one that PEFT wrote gives its logits, one that we write loads there (where Python is), wrong ones are told.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readSafetensorsHeader, readTensor, writeSafetensors } from '../../src/files/index.ts';
import type { TensorData } from '../../src/graph/index.ts';
import { compile } from '../../src/graph/index.ts';
import type { Adapter, Card, Checkpoint } from '../../src/model/index.ts';
import {
  adapterShapes,
  initLora,
  loraTargets,
  openCheckpoint,
  readAdapter,
  readAdapterConfig,
  writeAdapter,
} from '../../src/model/index.ts';
import type { QwenTextConfig } from '../../src/model/families/qwen2-5-vl/config.ts';
import { HIDDEN, textAngles } from '../../src/model/families/qwen2-5-vl/feeds.ts';
import { temporaryFolder } from '../files/temporary.ts';
import { peftFolder, writeBase } from './checkpoint-fixtures.ts';

const golden = JSON.parse(readFileSync(join(peftFolder, 'logits.json'), 'utf8')) as {
  base: number[];
  adapted: number[];
};
const reference = fileURLToPath(new URL('../reference/golden-adapter.py', import.meta.url));
const python = process.env['IOVQA_REFERENCE_PYTHON'];

const base = async (): Promise<Checkpoint> => openCheckpoint(await writeBase(join(temporaryFolder(), 'base')));
const shapes = ({ family, text, stored }: Checkpoint, lora: Adapter['lora']): Map<string, [number, number]> =>
  adapterShapes(family.lora, lora, text.numLayers, (name) => stored(name).shape);

/** Logits of the last two of golden-adapter.py's tokens. */
async function logits(checkpoint: Checkpoint, adapter: Adapter | null): Promise<Float32Array> {
  const ids = [...Array.from({ length: 37 }, (_, i) => i + 3), 7, 7, 8];
  const T = ids.length;
  const text = checkpoint.text as QwenTextConfig;
  const on = adapter === null ? null : { lora: adapter.lora, dropout: false };
  const which = { weights: 'frozen', adapter: on, start: 'features', past: false } as const;
  const graph = checkpoint.family.graphs.whole(checkpoint, which);
  await using session = await compile({ logits: graph.logits });
  const positions = Int32Array.from({ length: 3 * T }, (_, i) => i % T);
  const { cos, sin } = textAngles(positions, T, text);
  const factors = [...(adapter?.tensors ?? [])].map(([name, data]): [string, TensorData] => [
    name,
    { data, shape: shapes(checkpoint, adapter!.lora).get(name)! },
  ]);
  const width = text.headDim;
  const result = await session.run({
    tokens: { data: BigInt64Array.from(ids, BigInt), shape: [1, T] },
    visionIndex: { data: new BigInt64Array(T), shape: [1, T] },
    isVision: { data: new Uint8Array(T), shape: [1, T, 1] },
    cos: { data: cos, shape: [1, T, width] },
    sin: { data: sin, shape: [1, T, width] },
    bias: {
      data: Float32Array.from({ length: T * T }, (_, i) => (i % T > Math.floor(i / T) ? HIDDEN : 0)),
      shape: [1, T, T],
    },
    rows: { data: BigInt64Array.of(BigInt(T - 2), BigInt(T - 1)), shape: [1, 2] },
    features: { data: new Float32Array(text.hiddenSize), shape: [1, text.hiddenSize] },
    ...Object.fromEntries(factors),
  });
  return result.logits.data;
}

function relative(got: ArrayLike<number>, want: readonly number[]): number {
  expect(got.length).toBe(want.length);
  return Math.hypot(...want.map((value, i) => value - got[i]!)) / Math.hypot(...want);
}

const card = (baseHash: string): Card => ({
  format: 1,
  baseHash,
  baseModel: 'some/base',
  frames: { pick: 'middle', count: 1, rate: null },
  prompt: { template: 'four-dimensions', source: null },
  answer: { kind: 'integer', step: 0.1 },
  positions: 'transformers',
  scale: { min: 1, max: 5, higherIsBetter: true },
  training: { manifestSha256: '0'.repeat(64), targetColumn: 'mos', numClips: 3, step: 7 },
  goldenScores: [{ inputSha256: 'f'.repeat(64), score: 3.25 }],
  writtenBy: 'iovqa 0.1.0',
});

/** A fresh adapter with factors that are not zero. */
function ownAdapter(checkpoint: Checkpoint, lora: Partial<Adapter['lora']> = {}): Adapter {
  const full = { rank: 4, alpha: 6, dropout: 0.1, rslora: false, targets: [...loraTargets], layers: 'all', ...lora };
  const tensors = initLora(shapes(checkpoint, full), 5);
  for (const values of tensors.values()) values.forEach((value, i) => (values[i] = value + 0.3 * Math.sin(i + 1)));
  return { lora: full, tensors, card: null, baseModel: null };
}

describe('an adapter that PEFT wrote', () => {
  it('changes the logits as in PEFT', async () => {
    const checkpoint = await base();
    const adapter = await readAdapter(peftFolder, checkpoint);
    expect(adapter.lora).toEqual({
      rank: 3,
      alpha: 8,
      dropout: 0.1,
      rslora: true,
      targets: loraTargets,
      layers: 'all',
    });
    expect(adapter).toMatchObject({ card: null, baseModel: null });
    expect(relative(await logits(checkpoint, null), golden.base)).toBeLessThan(1e-5);
    expect(relative(await logits(checkpoint, adapter), golden.adapted)).toBeLessThan(1e-5);
    expect(relative(await logits(checkpoint, null), golden.adapted)).toBeGreaterThan(0.1);
  });

  it.each([
    ['model.', 'base_model.model.model.'],
    ['language_model.model.', 'base_model.model.language_model.model.'],
  ])('is also read with the names of older transformers: %s', async (_, prefix) => {
    const checkpoint = await base();
    const folder = await changed({ target_modules: loraTargets.flatMap((t) => names(t)) }, (name) =>
      name.replace('base_model.model.model.language_model.', prefix),
    );
    const { tensors } = await readAdapter(folder, checkpoint);
    expect(tensors).toEqual((await readAdapter(peftFolder, checkpoint)).tensors);
  });
});

/** Full names of a target in both layers, as older transformers called them. */
const names = (target: string): string[] =>
  [0, 1].map((i) => `model.layers.${i}.${/^[qkvo]_/.test(target) ? 'self_attn' : 'mlp'}.${target}`);

type Rename = (name: string) => string | null;

/** A copy of PEFT's adapter with other settings and other names of tensors; null leaves a tensor out. */
async function changed(settings: Record<string, unknown>, rename: Rename = (name) => name): Promise<string> {
  const folder = join(temporaryFolder(), 'adapter');
  mkdirSync(folder);
  const config = JSON.parse(readFileSync(join(peftFolder, 'adapter_config.json'), 'utf8')) as Record<string, unknown>;
  writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify({ ...config, ...settings }));
  const header = await readSafetensorsHeader(join(peftFolder, 'adapter_model.safetensors'));
  const tensors = new Map<string, { data: Float32Array; shape: number[] }>();
  for (const [name, { shape }] of header.tensors) {
    const other = rename(name);
    if (other !== null) tensors.set(other, { data: await readTensor(header, name), shape });
  }
  await writeSafetensors(join(folder, 'adapter_model.safetensors'), tensors);
  return folder;
}

describe('adapters that do not fit', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['DoRA', { use_dora: true }, 'use_dora true'],
    ['trained biases', { bias: 'lora_only' }, 'bias "lora_only"'],
    ['biases of LoRA', { lora_bias: true }, 'lora_bias true'],
    ['whole modules', { modules_to_save: ['lm_head'] }, 'modules_to_save ["lm_head"]'],
    ['ranks by module', { rank_pattern: { q_proj: 4 } }, 'rank_pattern {"q_proj":4}'],
    ['alphas by module', { alpha_pattern: { q_proj: 4 } }, 'alpha_pattern {"q_proj":4}'],
    ['some layers', { layers_to_transform: [0] }, 'layers_to_transform [0]'],
    ['PiSSA, which changes the base', { init_lora_weights: 'pissa' }, 'init_lora_weights "pissa"'],
    ['settings of a later PEFT', { use_something_new: true, beta: 0.5 }, 'use_something_new true; beta 0.5'],
    ['another method', { peft_type: 'IA3' }, 'expected peft_type "LORA", got "IA3"'],
    ['all linear layers', { target_modules: 'all-linear' }, 'got "all-linear"'],
    [
      'short names that the tower has too',
      { target_modules: [...loraTargets] },
      'got visual.blocks.0.mlp.gate_proj too',
    ],
    ['the head', { target_modules: ['q_proj', 'lm_head'] }, 'got lm_head too'],
    [
      'the first layer',
      { target_modules: 'model\\.language_model\\.layers\\.0\\..*_proj' },
      'the same modules in all layers or the last ones',
    ],
    ['a pattern of Python', { target_modules: '(?P<x>.*)q_proj' }, 'a pattern that can be matched'],
    ['a pattern without end', { target_modules: '((((\\w|\\.)+)+)+)+!' }, 's of work'],
  ])('%s: not supported', async (_, settings, message) => {
    const error: unknown = await readAdapter(await changed(settings), await base()).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'not-supported' });
    expect((error as Error).message).toContain(message);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['no module', { target_modules: ['xyz'] }, 'got a choice of none'],
    ['no rank', { r: 0 }, 'r: '],
    ['a rank that is a text', { r: '8', lora_alpha: -1 }, 'lora_alpha: '],
    ['another rank than the tensors', { r: 5 }, 'expected shape [5,48], got [3,48]'],
    [
      'fewer modules than tensors',
      { target_modules: '.*language_model.*\\.(q|v)_proj' },
      'o_proj.lora_A.weight: unexpected',
    ],
  ])('%s: wrong', async (_, settings, message) => {
    const error: unknown = await readAdapter(await changed(settings), await base()).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'bad-checkpoint' });
    expect((error as Error).message).toContain(message);
  });

  it('are told with every missing, unexpected and doubled tensor: the first ten and how many', async () => {
    const checkpoint = await base();
    const missing = await changed({}, (name) => (name.includes('layers.1.self_attn.k_proj') ? null : name));
    await expect(readAdapter(missing, checkpoint)).rejects.toThrow(
      /layers\.1\.self_attn\.k_proj\.lora_A\.weight: missing; layers\.1\.self_attn\.k_proj\.lora_B\.weight: missing$/,
    );
    const renamed = await changed({}, (name) => name.replace('base_model.model.', 'base.'));
    await expect(readAdapter(renamed, checkpoint)).rejects.toThrow(/: unexpected; .*… \(56 problems in all\)$/);
    const tower = await changed({}, (name) => name.replace('language_model.layers.1.mlp', 'visual.blocks.1.mlp'));
    await expect(readAdapter(tower, checkpoint)).rejects.toThrow(
      'visual.blocks.1.mlp.down_proj.lora_A.weight: unexpected',
    );
  });

  it('are told when files are missing or cut', async () => {
    const checkpoint = await base();
    await expect(readAdapter(temporaryFolder(), checkpoint)).rejects.toMatchObject({ code: 'bad-checkpoint' });
    const folder = await changed({});
    const file = join(folder, 'adapter_model.safetensors');
    writeFileSync(file, readFileSync(file).subarray(0, -1));
    await expect(readAdapter(folder, checkpoint)).rejects.toMatchObject({ code: 'bad-checkpoint' });
  });
});

describe('target_modules', () => {
  const modules = [
    'model.language_model.layers.0.self_attn.q_proj',
    'model.language_model.layers.0.self_attn.v_proj',
    'model.language_model.layers.0.mlp.up_proj',
    'model.visual.blocks.0.mlp.up_proj',
    'lm_head',
  ];

  // What PEFT 0.21 wraps of these for the same settings.
  it.each<[Record<string, unknown>, number[]]>([
    [{ target_modules: ['up_proj'] }, [2, 3]],
    [{ target_modules: ['_proj', 'proj', ''] }, []],
    [{ target_modules: ['mlp.up_proj', 'lm_head'] }, [2, 3, 4]],
    [{ target_modules: ['model.language_model.layers.0.self_attn.q_proj'] }, [0]],
    [{ target_modules: 'up_proj' }, []],
    [{ target_modules: '.*_proj' }, [0, 1, 2, 3]],
    [{ target_modules: 'model\\.language_model|.*v_proj' }, [1]],
    [{ target_modules: '.*_proj', exclude_modules: '.*visual.*' }, [0, 1, 2]],
    [{ target_modules: ['up_proj', 'q_proj'], exclude_modules: ['blocks.0.mlp.up_proj'] }, [0, 2]],
    [{ target_modules: ['up_proj', 'q_proj'], exclude_modules: ['up_proj'] }, [0]],
    [{ target_modules: ['up_proj'], exclude_modules: [] }, [2, 3]],
  ])('%o', async (settings, want) => {
    const config = await readAdapterConfig(await changed(settings));
    const chosen = config.chosen(modules);
    expect(chosen.flatMap((isChosen, i) => (isChosen ? [i] : []))).toEqual(want);
  });

  // What PEFT writes on today's transformers or on that of early 2025: an exclusion by the names of another version excludes nothing.
  const today = (name: string): string => name;
  const first = (name: string): string => name.replace('model.language_model.', 'model.');
  const keys = (path: string): string[] => [0, 1].map((layer) => path.replace('N', String(layer)));
  it.each<[string, string | string[], (name: string) => string, boolean]>([
    ['full names of today', keys('model.language_model.layers.N.self_attn.k_proj'), today, true],
    ['a pattern with language_model', '.*language_model.*k_proj', today, true],
    ['a pattern with language_model, which excluded nothing then', '.*language_model.*k_proj', first, false],
    ['full names of the first version', keys('model.layers.N.self_attn.k_proj'), first, true],
    [
      'full names of the first version, which exclude nothing today',
      keys('model.layers.N.self_attn.k_proj'),
      today,
      false,
    ],
    ['endings', ['k_proj'], first, true],
  ])('with exclude_modules: %s', async (_, exclude, rename, isOut) => {
    const settings = { target_modules: '.*layers\\.\\d+\\.(self_attn|mlp)\\..*_proj', exclude_modules: exclude };
    const folder = await changed(settings, (name) => (isOut && name.includes('k_proj') ? null : rename(name)));
    const { lora } = await readAdapter(folder, await base());
    expect(lora.targets).toEqual(loraTargets.filter((name) => !isOut || name !== 'k_proj'));
  });
});

describe('writeAdapter', () => {
  it.each([
    { rslora: true, targets: ['q_proj', 'v_proj'] as const },
    { targets: ['down_proj'] as const, dropout: 0 },
    { layers: 'last 1', targets: ['q_proj', 'up_proj'] as const },
    {},
  ])('writes what readAdapter reads: %o', async (lora) => {
    const checkpoint = await base();
    const folder = join(temporaryFolder(), 'adapter');
    const adapter = { ...ownAdapter(checkpoint, lora), card: card(await checkpoint.hash()), baseModel: 'some/base' };
    await writeAdapter(folder, adapter, checkpoint.family);
    expect(await readAdapter(folder, checkpoint)).toEqual(adapter);
  });

  it('names the layers that it is on, where these are not all', async () => {
    const checkpoint = await base();
    const folder = join(temporaryFolder(), 'adapter');
    const adapter = ownAdapter(checkpoint, { layers: 'last 1', targets: ['v_proj'] });
    await writeAdapter(folder, adapter, checkpoint.family);
    const file = join(folder, 'adapter_config.json');
    const config = JSON.parse(readFileSync(file, 'utf8')) as { target_modules: string };
    expect(config.target_modules).toBe(String.raw`.*language_model\.layers\.(1)\.(self_attn\.(v_proj))`);
    writeFileSync(file, JSON.stringify({ ...config, target_modules: config.target_modules.replace('(1)', '(0)') }));
    await expect(readAdapter(folder, checkpoint)).rejects.toMatchObject({
      code: 'not-supported',
      message: expect.stringContaining(
        'expected the same modules in all layers or the last ones, got 1 for v_proj',
      ) as string,
    });
    for (const layers of ['last 0', 'last 3', 'first 1']) {
      expect(() => ownAdapter(checkpoint, { layers })).toThrow('lora.layers: expected all, or last 1 to last 2, got');
    }
  });

  it('writes the same settings as PEFT, all of them', async () => {
    const checkpoint = await base();
    const adapter = await readAdapter(peftFolder, checkpoint);
    const folder = join(temporaryFolder(), 'adapter');
    await writeAdapter(folder, adapter, checkpoint.family);
    const [own, theirs] = [folder, peftFolder].map(
      (f) => JSON.parse(readFileSync(join(f, 'adapter_config.json'), 'utf8')) as Record<string, unknown>,
    );
    const pattern = String.raw`.*language_model\.layers\.\d+\.(self_attn\.(q_proj|k_proj|v_proj|o_proj)|mlp\.(gate_proj|up_proj|down_proj))`;
    expect(own).toEqual({ ...theirs, target_modules: pattern });
    const bytes = (f: string): Buffer => readFileSync(join(f, 'adapter_model.safetensors'));
    expect(bytes(folder).equals(bytes(peftFolder))).toBe(true);
  });

  it.skipIf(python === undefined)(
    'writes what PEFT loads without a word and with our logits (IOVQA_REFERENCE_PYTHON)',
    async () => {
      const root = temporaryFolder();
      const checkpoint = await openCheckpoint(await writeBase(join(root, 'base')));
      const adapter = ownAdapter(checkpoint, { targets: ['q_proj', 'o_proj', 'up_proj'] });
      await writeAdapter(join(root, 'adapter'), adapter, checkpoint.family);
      const output = execFileSync(python!, [reference, 'logits', join(root, 'base'), join(root, 'adapter')], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const theirs = JSON.parse(output.trim().split('\n').at(-1)!) as Record<'base' | 'adapted', number[]> & object;
      expect(theirs).toMatchObject({ warnings: [], missing: [], unexpected: [], sameTensorBytes: true });
      expect(relative(await logits(checkpoint, null), theirs.base)).toBeLessThan(1e-5);
      expect(relative(await logits(checkpoint, adapter), theirs.adapted)).toBeLessThan(1e-5);
    },
  );
});

describe('initLora', () => {
  it('draws A from ±1/√in, B zero, and changes nothing at the start', async () => {
    const checkpoint = await base();
    const lora = { rank: 8, alpha: 8, dropout: 0, rslora: false, targets: [...loraTargets] };
    const tensors = initLora(shapes(checkpoint, lora), 1);
    expect([...tensors.keys()]).toEqual([...shapes(checkpoint, lora).keys()]);
    const isB = (name: string): boolean => name.endsWith('lora_B.weight');
    const factors = [...tensors];
    expect(factors.every(([name, values]) => !isB(name) || values.every((value) => value === 0))).toBe(true);
    for (const [name, values] of factors.filter(([name]) => !isB(name))) {
      const bound = 1 / Math.sqrt(shapes(checkpoint, lora).get(name)![1]);
      expect(Math.max(...values)).toBeLessThanOrEqual(bound);
      expect(Math.max(...values)).toBeGreaterThan(0.95 * bound);
      expect(Math.min(...values)).toBeLessThan(-0.95 * bound);
      expect(Math.abs(values.reduce((a, b) => a + b) / values.length)).toBeLessThan(0.15 * bound);
    }
    expect(initLora(shapes(checkpoint, lora), 1)).toEqual(tensors);
    const other = initLora(shapes(checkpoint, lora), 2);
    expect(other).not.toEqual(tensors);
    const plain = await logits(checkpoint, null);
    expect(await logits(checkpoint, { lora, tensors, card: null, baseModel: null })).toEqual(plain);
  });
});
