// Random models and our adapters as transformers and PEFT see them (golden/init.json, made by test/reference/golden-init.py): a whole clip from
// its file to the logits of the answer, token ids, adapters; and what the random weights are.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openEngine } from '../../src/engine/index.ts';
import { predictingGraph } from '../../src/engine/onnx/model.ts';
import type { TensorData } from '../../src/graph/index.ts';
import { compile } from '../../src/graph/index.ts';
import type { TokenRows } from '../../src/inputs/token-rows.ts';
import {
  createClipCache,
  createClipPreparer,
  createClipViewer,
  frameOptions,
  loadPromptProcessor,
  positionsOf,
  promptRows,
} from '../../src/inputs/index.ts';
import type { Adapter, Checkpoint } from '../../src/model/index.ts';
import { asFloat32, createRandomCheckpoint, openCheckpoint, readAdapter, writeAdapter } from '../../src/model/index.ts';
import { modelSizes } from '../../src/model/families/qwen2-5-vl/sizes.ts';
import { byteTokenizer, specialTokens } from '../../src/model/families/qwen2-5-vl/tokenizer.ts';
import { encodePrompt, loadChatTemplate, loadTokenizer } from '../../src/prompt/index.ts';
import { cutPatches, openFrameReader } from '../../src/video/index.ts';
import { temporaryFolder } from '../files/temporary.ts';
import { referenceAdapters, referenceBase, referenceFactors, referencePictures, writePng } from './reference-models.ts';

interface GoldenClip {
  ids: number[];
  grid: number[];
  secondsPerGrid: number[] | null;
  pixels: { sum: number; every997: number[] };
  features: number[];
  positions: number[];
  logits: number[];
}

const golden = JSON.parse(readFileSync(new URL('golden/init.json', import.meta.url), 'utf8')) as {
  sizes: Record<'random' | 'small', number>;
  chats: { question: string; ids: number[] }[];
  clips: Record<'image' | 'video', GoldenClip>;
  adapters: Record<'plain' | 'rslora', { wrapped: number; logits: number[] }>;
};
const question = golden.chats[0]!.question;

/** Largest difference. */
function distance(got: ArrayLike<number>, want: ArrayLike<number>): number {
  expect(got.length).toBe(want.length);
  return Math.max(...Array.from(want, (value, i) => Math.abs(value - got[i]!)));
}

/** Rows of [M, C] features that the golden file has. */
const everyThird = (features: Float32Array, width: number): number[] =>
  Array.from(features).filter((_, i) => Math.floor(i / width) % 3 === 0);

/** Logits behind the last row. */
async function lastLogits(
  checkpoint: Checkpoint,
  example: TokenRows,
  features: Float32Array,
  adapter: Pick<Adapter, 'lora' | 'tensors'> | null,
): Promise<Float32Array> {
  const { family, text } = checkpoint;
  const graph = family.graphs.whole(checkpoint, predictingGraph(adapter?.lora ?? null, true, false));
  await using session = await compile({ logits: graph.logits });
  const factors = [...graph.parameters].map(([name, { shape }]): [string, TensorData] => [
    name,
    { data: adapter!.tensors.get(name)!, shape: shape as number[] },
  ]);
  const { logits } = await session.run({
    ...family.feeds.text([{ example, rows: [example.promptLength - 1] }], text, 0),
    ...family.feeds.features([features], text),
    ...Object.fromEntries(factors),
  });
  return logits.data;
}

/** The picture's file through the clip encoder of `score`. */
async function encodePicture(
  checkpoint: Checkpoint,
  folder: string,
): Promise<{ example: TokenRows; features: Float32Array; pixels: Float32Array }> {
  const path = join(folder, 'picture.png');
  await writePng(path, referencePictures.picture);
  const settings = { prompt: { template: 'own', source: question }, answer: { kind: 'integer', step: null } } as const;
  const processor = await loadPromptProcessor(checkpoint, settings);
  const { minPixels, maxPixels } = checkpoint.processor;
  const frames = frameOptions(checkpoint, { pick: 'middle', count: 1, as: 'video', minPixels, maxPixels, seed: 0 });
  await using reader = openFrameReader({ workers: 1 });
  await using engine = await openEngine(checkpoint);
  const cache = createClipCache(null, engine.tower, frames);
  const viewer = createClipViewer({ frames, reader, features: { encoder: engine, cache } });
  const { prompt, vision } = await createClipPreparer(viewer, checkpoint, processor).prepare({ path, kind: 'image' });
  const { rgb } = await reader.read({ path, kind: 'image' }, frames);
  const features = vision.kind === 'features' ? asFloat32(vision.features) : new Float32Array();
  const { pixels } = cutPatches('image', rgb, checkpoint.processor);
  return { example: promptRows(prompt, positionsOf(checkpoint)), features, pixels };
}

function checkPixels(pixels: Float32Array, want: GoldenClip['pixels']): void {
  expect(
    distance(
      pixels.filter((_, i) => i % 997 === 0),
      want.every997,
    ),
  ).toBeLessThan(1e-6);
  expect(Math.abs(pixels.reduce((a, b) => a + b, 0) - want.sum)).toBeLessThan(0.02);
}

describe('a clip in our graph and in transformers', () => {
  it('picture: file, pixels, tokens, positions, features, logits; then with adapters', async () => {
    const folder = temporaryFolder();
    const checkpoint = await referenceBase(folder);
    const want = golden.clips.image;
    const { example, features, pixels } = await encodePicture(checkpoint, folder);
    checkPixels(pixels, want.pixels);
    expect([...example.tokenIds]).toEqual(want.ids);
    expect([...example.positions]).toEqual(want.positions);
    expect(distance(everyThird(features, checkpoint.text.hiddenSize), want.features)).toBeLessThan(1e-5);
    const plain = await lastLogits(checkpoint, example, features, null);
    expect(distance(plain, want.logits)).toBeLessThan(1e-5);
    for (const name of ['plain', 'rslora'] as const) {
      const lora = referenceAdapters[name];
      const at = join(folder, name);
      const tensors = referenceFactors(lora, checkpoint);
      await writeAdapter(at, { lora, tensors, card: null, baseModel: null }, checkpoint.family);
      const adapter = await readAdapter(at, checkpoint);
      expect(adapter.lora).toEqual({ ...lora, layers: 'all' });
      const logits = await lastLogits(checkpoint, example, features, adapter);
      expect(distance(logits, golden.adapters[name].logits)).toBeLessThan(1e-5);
      expect(distance(logits, plain)).toBeGreaterThan(0.1);
      expect(golden.adapters[name].wrapped).toBe(2 * lora.targets.length);
    }
  });

  it('video of four frames', async () => {
    const checkpoint = await referenceBase(temporaryFolder());
    const want = golden.clips.video;
    const { grid, pixels } = cutPatches('video', referencePictures.frames, checkpoint.processor);
    expect([grid.t, grid.h, grid.w]).toEqual(want.grid);
    checkPixels(pixels, want.pixels);
    const prompt = encodePrompt({
      tokenizer: await loadTokenizer(checkpoint.folder),
      chat: await loadChatTemplate(checkpoint.folder),
      question,
      visions: [{ kind: 'video', grid, secondsPerGrid: want.secondsPerGrid![0]! }],
      model: checkpoint,
    });
    expect([...prompt.tokenIds]).toEqual(want.ids);
    const example = promptRows(prompt, positionsOf(checkpoint, 'transformers-5.17'));
    expect([...example.positions]).toEqual(want.positions);
    const { family, text, vision } = checkpoint;
    await using session = await compile({ logits: family.graphs.whole(checkpoint, { weights: 'fed' }).logits });
    const weights: [string, TensorData][] = [];
    for (const name of checkpoint.names) {
      weights.push([name, { data: await checkpoint.read(name), shape: checkpoint.stored(name).shape }]);
    }
    const { logits } = await session.run({
      ...family.feeds.text([{ example, rows: [example.promptLength - 1] }], text, 0),
      ...family.feeds.patches([{ grid, pixels }], vision),
      ...Object.fromEntries(weights),
    });
    expect(distance(logits.data, want.logits)).toBeLessThan(1e-5);
  });

  it.each(golden.chats)('tokens of $question', async ({ question: text, ids }) => {
    const folder = join(temporaryFolder(), 'model');
    await createRandomCheckpoint(folder, { preset: 'tiny' });
    const tokenizer = await loadTokenizer(folder);
    const segments = (await loadChatTemplate(folder)).render(text, ['video']);
    expect(tokenizer.encodeSegments(segments).ids).toEqual(ids);
  });
});

/** Norms one, biases zero, the rest normal with deviation 0.02 (mean and deviation within five of their own deviations). */
function isDrawn(values: Float32Array, name: string, shape: readonly number[]): boolean {
  if (values.length !== shape.reduce((a, b) => a * b, 1)) return false;
  if (shape.length === 1) return values.every((value) => value === (name.endsWith('.bias') ? 0 : 1));
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
  const spread = 5 / Math.sqrt(values.length);
  return Math.abs(mean) < 0.02 * spread && Math.abs(deviation / 0.02 - 1) < spread / Math.SQRT2;
}

describe('createRandomCheckpoint', () => {
  it.each(['tiny', 'small'] as const)(
    '%s: has the size that transformers counts, and weights as it draws them',
    { tags: ['long'] },
    async (preset) => {
      const folder = join(temporaryFolder(), 'model');
      await createRandomCheckpoint(folder, { preset });
      const checkpoint = await openCheckpoint(folder);
      let count = 0;
      const odd: string[] = [];
      for (const name of checkpoint.names) {
        const values = await checkpoint.read(name);
        count += values.length;
        if (!isDrawn(values, name, checkpoint.stored(name).shape)) odd.push(name);
      }
      expect(odd).toEqual([]);
      expect(count).toBe(golden.sizes[preset === 'tiny' ? 'random' : 'small']);
      const { numLayers, hiddenSize, mropeSection } = modelSizes[preset].text;
      expect(checkpoint.text).toMatchObject({ numLayers, hiddenSize, mropeSection, rmsNormEps: 1e-6, ropeTheta: 1e6 });
      expect(checkpoint.vision).toMatchObject(modelSizes[preset].vision);
      // transformers ties by the outer key.
      const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>;
      expect(config['tie_word_embeddings']).toBe(true);
      expect(checkpoint.text.vocabSize).toBe(byteTokenizer().size);
      const { min, max } = { min: checkpoint.processor.minPixels, max: checkpoint.processor.maxPixels };
      expect([min, max]).toEqual([3136, 12_845_056]);
    },
  );

  it('is fixed by its seed, and halves its file in bfloat16', async () => {
    const root = temporaryFolder();
    const make = async (name: string, options: { seed?: number; dtype?: 'BF16' }): Promise<Checkpoint> => {
      await createRandomCheckpoint(join(root, name), { preset: 'tiny', ...options });
      return openCheckpoint(join(root, name));
    };
    const [a, b, c, half] = [
      await make('a', {}),
      await make('b', { seed: 0 }),
      await make('c', { seed: 1 }),
      await make('half', { dtype: 'BF16' }),
    ];
    for (const file of readdirSync(a.folder)) {
      expect(readFileSync(join(a.folder, file)).equals(readFileSync(join(b.folder, file)))).toBe(true);
    }
    expect(await a.hash()).toBe(await b.hash());
    expect(new Set([await a.hash(), await c.hash(), await half.hash()]).size).toBe(3);
    const { source, dtype } = half.stored('embed_tokens.weight');
    expect(dtype).toBe('bfloat16');
    expect(source.length).toBe(a.stored('embed_tokens.weight').source.length / 2);
    const config = JSON.parse(readFileSync(join(half.folder, 'config.json'), 'utf8')) as Record<string, unknown>;
    expect(config['dtype']).toBe('bfloat16');
    const exact = await a.read('norm.weight');
    expect(await half.read('norm.weight')).toEqual(exact);
  });

  it('refuses unknown sizes and folders that hold something', async () => {
    const folder = temporaryFolder();
    const huge = { preset: 'huge' as 'tiny' };
    await expect(createRandomCheckpoint(join(folder, 'x'), huge)).rejects.toThrow(/tiny \(.*got "huge"/);
    writeFileSync(join(folder, 'mine.txt'), '');
    await expect(createRandomCheckpoint(folder, { preset: 'tiny' })).rejects.toMatchObject({ code: 'bad-input' });
    expect(readdirSync(folder)).toEqual(['mine.txt']);
  });
});

describe('the tokenizer of random models', () => {
  it('has its special tokens last, keeps digits apart and gives every text back', async () => {
    const folder = join(temporaryFolder(), 'model');
    await createRandomCheckpoint(folder, { preset: 'tiny' });
    const { ids, size } = byteTokenizer();
    expect([...ids.values()]).toEqual(specialTokens.map((_, i) => size - specialTokens.length + i));
    const tokenizer = await loadTokenizer(folder);
    for (const [token, id] of ids) expect(tokenizer.encode(token, { special: true })).toEqual([id]);
    const digits = tokenizer.encode('10 49', { special: false });
    expect(digits).toHaveLength(5);
    for (const text of ['34', '日本 🦔 é', '<|im_end|>', ' a  b\n\n c\r\n', '\u0000\u007f\u00ad']) {
      const encoded = tokenizer.encode(text, { special: false });
      expect(Math.max(...encoded)).toBeLessThan(size - specialTokens.length);
      expect(tokenizer.decode(encoded)).toBe(text);
    }
  });
});
