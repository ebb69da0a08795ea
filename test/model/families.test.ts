// Model families: the table, what an unknown one is told, and a family of a toy model behind the same interface.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/index.ts';
import type { Value } from '../../src/graph/index.ts';
import { compile, gradients, mul, sum } from '../../src/graph/index.ts';
import { loadPromptProcessor, positionsOf } from '../../src/inputs/index.ts';
import type { Checkpoint, LoraOptions, TextItem } from '../../src/model/index.ts';
import type { ModelFamily } from '../../src/model/families/types.ts';
import { compileTextPast } from '../../src/engine/onnx/shared-text.ts';
import { compileTower } from '../../src/engine/onnx/tower.ts';
import { pickFeeds } from '../../src/engine/onnx/model.ts';
import {
  adapterShapes,
  embeddedModel,
  initLora,
  openCheckpoint,
  prefixPart,
  readAdapter,
  visionPart,
  writeAdapter,
  writeCheckpoint,
} from '../../src/model/index.ts';
import { modelDtype } from '../../src/model/write-checkpoint.ts';
import { modelFamilies } from '../../src/model/families/index.ts';
import { encodePrompt, loadChatTemplate, loadTokenizer } from '../../src/prompt/index.ts';
import { toyFamilies, toyFamily, writeToyModel } from './toy-family.ts';

let folder: string;
let toy: Checkpoint;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'iovqa-families-'));
  toy = await openCheckpoint(await writeToyModel(join(folder, 'toy')), { families: toyFamilies });
});
afterAll(() => rmSync(folder, { recursive: true }));

const lora: LoraOptions = { rank: 2, alpha: 4, dropout: 0, rslora: false, targets: ['o_proj'] };
const shapeOf = (name: string): readonly number[] => toy.stored(name).shape;

/** Rows of text, with features in the places of `slots`. */
function itemOf(tokenIds: number[], slots: number[] = tokenIds.map(() => -1)): TextItem {
  const length = tokenIds.length;
  const example = {
    tokenIds: Int32Array.from(tokenIds),
    positions: toy.family.prompt.positions({ length, visions: [], rule: 'transformers' }, toy.vision),
    visionSlots: Int32Array.from(slots),
    branchParent: new Int32Array(length).fill(-1),
  };
  return { example, rows: [length - 1] };
}

describe('the table of families', () => {
  it('has each family by its model_type', () => {
    expect(Object.keys(modelFamilies)).toEqual(['qwen2_5_vl']);
    for (const [type, family] of Object.entries(modelFamilies)) expect(family.modelType).toBe(type);
  });

  it.each(Object.values(modelFamilies))('$name names its weights both ways', async (family: ModelFamily) => {
    const size = Object.keys(family.random!.sizes)[0]!;
    const { text, vision } = family.random!.config(size, 300);
    const names = [...family.weights.shapes(text, vision).keys()];
    expect(names.map((name) => family.weights.canonicalName(family.weights.fileName(name)))).toEqual(names);
    const layers = new Set<number>();
    for (const name of names) {
      const place = family.weights.placeOf(name);
      if (place.part === 'layer') layers.add(place.layer);
    }
    expect([...layers].toSorted((a, b) => a - b)).toEqual(Array.from({ length: text.numLayers }, (_, layer) => layer));
    for (const target of family.lora.targets) {
      const module = family.lora.moduleOf({ layer: 1, target });
      expect(names).toContain(`${module}.weight`);
      expect(family.lora.placeOf(module)).toEqual({ layer: 1, target });
      const factor = `${module}.lora_A.weight`;
      expect(family.lora.canonicalName(family.lora.fileName(factor))).toBe(factor);
    }
  });

  it.each(Object.values(modelFamilies))('$name says the sizes of its tower graph without pixels', (family) => {
    const size = Object.keys(family.random!.sizes)[0]!;
    const { text, vision } = family.random!.config(size, 300);
    const grid = { t: 2, h: 10, w: 6 };
    const pixels = new Float32Array(120 * vision.inChannels * vision.temporalPatchSize * vision.patchSize ** 2);
    const one = family.memory.visionSizes([{ grid }], vision, 1);
    const two = family.memory.visionSizes([{ grid }], vision, 2);
    const sizesOf = (clips: number): Set<number> =>
      new Set(
        Object.values(
          family.feeds.patches(
            Array.from({ length: clips }, () => ({ grid, pixels })),
            vision,
          ),
        ).flatMap(({ shape }) => shape),
      );
    for (const value of one.values()) expect(sizesOf(1)).toContain(value);
    for (const value of two.values()) expect(sizesOf(2)).toContain(value);
    expect(two.get('M')).toBe(2 * one.get('M')!);
    expect(text.vocabSize).toBe(300);
  });

  it('tells who has another model which families there are', async () => {
    const other = join(folder, 'other');
    mkdirSync(other);
    writeFileSync(join(other, 'config.json'), '{"model_type":"llava"}');
    const error = await openCheckpoint(other).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({
      code: 'not-supported',
      message: `${join(other, 'config.json')}: model_type: expected "qwen2_5_vl", got "llava"`,
      hint: 'Models of the Qwen2.5-VL family are supported.',
    });
    const both = { ...modelFamilies, ...toyFamilies };
    await expect(openCheckpoint(other, { families: both })).rejects.toMatchObject({
      message: expect.stringContaining('expected "qwen2_5_vl" or "toy_vl", got "llava"') as string,
      hint: 'Models of the Qwen2.5-VL, Toy families are supported.',
    });
    // Nor is a name from the prototype of objects one.
    writeFileSync(join(other, 'config.json'), '{"model_type":"constructor"}');
    await expect(openCheckpoint(other)).rejects.toMatchObject({ code: 'not-supported' });
  });
});

describe('a family of a toy model', () => {
  it('is opened where it is registered, by its own names, and nowhere else', async () => {
    expect(toy.family).toBe(toyFamily);
    expect(toy.names).toEqual(['words.weight', 'eye.weight', 'mix.weight']);
    expect(await toy.hash()).toMatch(/^[0-9a-f]{64}$/);
    await expect(openCheckpoint(toy.folder)).rejects.toMatchObject({ code: 'not-supported' });
  });

  it('has cache keys of its parts', async () => {
    const keys = await Promise.all([visionPart(toy, {}, null).key(), prefixPart(toy, 1, {}, null).key()]);
    expect(new Set(keys).size).toBe(2);
  });

  it('is asked with its own pads', async () => {
    const [tokenizer, chat] = [await loadTokenizer(toy.folder), await loadChatTemplate(toy.folder)];
    const visions = [{ kind: 'image', grid: { t: 1, h: 4, w: 6 } }] as const;
    const { tokenIds, visions: spans } = encodePrompt({ tokenizer, chat, question: 'Rate.', visions, model: toy });
    expect(spans).toMatchObject([{ length: 6 }]);
    expect(tokenIds.filter((id) => id === toy.tokens.image)).toHaveLength(6);
  });

  it('knows its own end of a turn', async () => {
    const prompt = { template: 'four-dimensions', source: null };
    const answer = { kind: 'integer', step: null } as const;
    const load = (endOfTurn: string): ReturnType<typeof loadPromptProcessor> =>
      loadPromptProcessor({ ...toy, family: { ...toy.family, endOfTurn } }, { prompt, answer });
    const { tokenizer, endTokenId } = await load('<|endoftext|>');
    expect(endTokenId).toBe(tokenizer.tokenId('<|endoftext|>'));
    expect(endTokenId).not.toBe((await load('<|im_end|>')).endTokenId);
    await expect(load('<end>')).rejects.toThrow(
      expect.objectContaining({
        code: 'bad-checkpoint',
        message: `${toy.folder}: expected the token <end>, got none`,
      }) as Error,
    );
  });

  it('refuses a rule of positions that it has not', () => {
    expect(positionsOf(toy, 'transformers')(3, [])).toEqual(positionsOf(toy)(3, []));
    expect(() => positionsOf(toy, 'transformers-5.17')).toThrow(
      expect.objectContaining({
        code: 'not-supported',
        message: 'positions: expected transformers with Toy, got transformers-5.17',
      }) as Error,
    );
  });

  it('computes the same from pixels and from features, with all weights fed or mapped', async () => {
    const { family, text, vision } = toy;
    const grid = { t: 1, h: 2, w: 4 };
    const pixels = Float32Array.from({ length: 2 * vision.patchSize ** 2 * 24 }, (_, i) => Math.sin(i));
    await using tower = await compileTower(toy, { threads: 1 });
    const features = await tower.encode([{ grid, pixels }]);
    expect(features).toHaveLength(2 * text.hiddenSize);
    const feeds = {
      ...family.feeds.text([itemOf([1, 2, 2, 5], [-1, 0, 1, -1])], text, 0),
      ...family.feeds.features([features], text),
      ...family.feeds.patches([{ grid, pixels }], vision),
      ...family.feeds.noPast(text),
    };
    const weights = await Promise.all(
      toy.names.map(async (name) => [name, { data: await toy.read(name), shape: shapeOf(name) }] as const),
    );
    const run = async (which: Parameters<typeof family.graphs.whole>[1]): Promise<Float32Array> => {
      await using session = await compile({ logits: family.graphs.whole(toy, which).logits }, { threads: 1 });
      const all = { ...feeds, ...Object.fromEntries(weights) };
      return (await session.run(pickFeeds(session.inputs, all))).logits.data.slice();
    };
    const fed = await run({ weights: 'fed' });
    const frozen = await run({ weights: 'frozen', adapter: null, start: 'features', past: false });
    const withPast = await run({ weights: 'frozen', adapter: null, start: 'features', past: true });
    expect(fed).toHaveLength(text.vocabSize);
    expect(Math.max(...fed.map((value, i) => Math.abs(value - frozen[i]!)))).toBeLessThan(1e-5);
    expect(withPast).toEqual(frozen);
  });

  it('shares the beginning of a text', async () => {
    const { family, text } = toy;
    await using shared = await compileTextPast(toy, null, { threads: 1 });
    const past = await shared.run(new Map(), family.feeds.text([itemOf([3, 4])], text, 0));
    const which = { weights: 'frozen', adapter: null, start: 'features', past: true } as const;
    await using session = await compile({ logits: family.graphs.whole(toy, which).logits }, { threads: 1 });
    const none = family.feeds.features([new Float32Array(text.hiddenSize)], text);
    const whole = { ...family.feeds.text([itemOf([3, 4, 7])], text, 0), ...family.feeds.noPast(text), ...none };
    const cut = { ...family.feeds.text([itemOf([7])], text, 2), ...past, ...none };
    const expected = (await session.run(whole)).logits.data.slice();
    const got = (await session.run(cut)).logits.data;
    expect(Math.max(...expected.map((value, i) => Math.abs(value - got[i]!)))).toBeLessThan(1e-5);
  });

  it('has an adapter that learns, and that is written and read by its own names', async () => {
    const { family, text } = toy;
    const shapes = adapterShapes(family.lora, lora, text.numLayers, shapeOf);
    const tensors = initLora(shapes, 1);
    const which = { weights: 'frozen', adapter: { lora, dropout: false }, start: 'features', past: false } as const;
    const { logits, parameters } = family.graphs.whole(toy, which);
    const loss = sum(mul(logits, logits), [0, 1], false);
    const trained: [string, Value][] = [...parameters];
    const outputs: Record<string, Value> = Object.fromEntries(
      gradients(
        loss,
        trained.map(([, value]) => value),
      ).map((gradient, i) => [`gradient ${trained[i]![0]}`, gradient]),
    );
    await using session = await compile<string>({ loss, ...outputs }, { threads: 1 });
    const batch = {
      ...family.feeds.text([itemOf([1, 2, 5], [-1, 0, -1])], text, 0),
      ...family.feeds.features([new Float32Array(text.hiddenSize).fill(0.1)], text),
    };
    const losses: number[] = [];
    for (let step = 0; step < 5; step++) {
      const factors = [...tensors].map(([name, data]) => [name, { data, shape: shapes.get(name)! }] as const);
      const result = await session.run(pickFeeds(session.inputs, { ...batch, ...Object.fromEntries(factors) }));
      losses.push(result['loss']!.data[0]!);
      for (const [name, values] of tensors) {
        result[`gradient ${name}`]!.data.forEach((gradient, i) => (values[i]! -= 1e-4 * gradient));
      }
    }
    expect(losses).toEqual(losses.toSorted((a, b) => b - a));
    expect(new Set(losses).size).toBe(losses.length);

    const place = join(folder, 'adapter');
    await writeAdapter(place, { lora, tensors, card: null, baseModel: toy.name }, family);
    const adapter = await readAdapter(place, toy);
    expect(adapter.tensors).toEqual(tensors);
    expect(adapter.lora).toMatchObject({ rank: 2, targets: ['o_proj'], layers: 'all' });
  });

  it('refuses LoRA on layers that it has not', () => {
    const other: LoraOptions = { ...lora, targets: ['o_proj', 'q_proj'] };
    expect(() => adapterShapes(toy.family.lora, other, 1, shapeOf)).toThrow(
      'lora.targets: expected some of o_proj, got q_proj',
    );
  });

  it('is written as a model folder with its own names', async () => {
    const place = join(folder, 'copy');
    expect(modelDtype(toy)).toBe('F32');
    const weights = await Promise.all(toy.names.map(async (name) => [name, await toy.read(name)] as const));
    await writeCheckpoint(place, toy, new Map(weights));
    const copy = await openCheckpoint(place, { families: toyFamilies });
    expect(await copy.hash()).toBe(await toy.hash());
  });
});

describe('graphs of Qwen2.5-VL', () => {
  it('begin at no layer above the first one of the adapter', async () => {
    const nano = await openCheckpoint(embeddedModel());
    const adapter = { lora: { ...lora, layers: 'last 2' }, dropout: false };
    const build = (start: 'features' | number, which: typeof adapter | null): unknown =>
      nano.family.graphs.whole(nano, { weights: 'frozen', adapter: which, start, past: false });
    const first = nano.text.numLayers - 2;
    expect(() => build(first, adapter)).not.toThrow();
    expect(() => build(first + 1, adapter)).toThrow(`a graph cannot begin at layer ${first + 1}`);
    expect(() => build(0, null)).toThrow('a graph cannot begin at layer 0');
  });
});
