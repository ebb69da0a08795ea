// Text that examples begin with is computed once: when, for which examples, and with the same distributions.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError, randomStream } from '../../../src/core/index.ts';
import type { AnswerDistribution, AttachedModel, Engine } from '../../../src/engine/index.ts';
import { openEngine } from '../../../src/engine/index.ts';
import { compileAnswerScorer } from '../../../src/engine/onnx/answer-graph.ts';
import { lazily } from '../../../src/engine/onnx/lazy.ts';
import type { Predict } from '../../../src/engine/onnx/predict.ts';
import { createPredict } from '../../../src/engine/onnx/predict.ts';
import { readSafetensorsHeader, readTensor, writeSafetensors } from '../../../src/files/index.ts';
import type { PreparedExample, PromptProcessor, ScorerSettings } from '../../../src/inputs/index.ts';
import type { SeenShapes } from '../../../src/inputs/clip-prompt.ts';
import {
  answerTrie,
  buildScoringExample,
  commonPrefixes,
  loadPromptProcessor,
  positionsOf,
  promptAbout,
  promptRows,
} from '../../../src/inputs/index.ts';
import type { Checkpoint, LoraOptions } from '../../../src/model/index.ts';
import { compileTextPast } from '../../../src/engine/onnx/shared-text.ts';
import { createRandomCheckpoint, loraTargets, openCheckpoint } from '../../../src/model/index.ts';
import { factorsOf } from './factors.ts';

let folder: string;
let all: Checkpoint;
let oneLayer: Checkpoint;
let adapter: Map<string, Float32Array>;
const lora: LoraOptions = { rank: 4, alpha: 8, dropout: 0.1, rslora: false, targets: loraTargets };
const settings = (source: string): Pick<ScorerSettings, 'prompt' | 'answer'> => ({
  prompt: { template: 'mine', source },
  answer: { kind: 'integer', step: null },
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'iovqa-shared-text-'));
  const model = join(folder, 'model');
  await createRandomCheckpoint(model, { preset: 'tiny', seed: 1 });
  all = await openCheckpoint(model);
  oneLayer = await openCheckpoint(await firstLayerOf(model, join(folder, 'one-layer')));
  adapter = factorsOf(all, lora, 6);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Writes a model with the first decoder layer of another. */
async function firstLayerOf(model: string, to: string): Promise<string> {
  await cp(model, to, { recursive: true });
  const file = join(to, 'config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as { text_config: Record<string, unknown> };
  config.text_config['num_hidden_layers'] = 1;
  delete config.text_config['layer_types'];
  await writeFile(file, JSON.stringify(config));
  const header = await readSafetensorsHeader(join(model, 'model.safetensors'));
  const kept = [...header.tensors].filter(([name]) => !/\.layers\.[1-9]/.test(name));
  const tensors = kept.map(
    async ([name, { shape }]) => [name, { data: await readTensor(header, name), shape }] as const,
  );
  await writeSafetensors(join(to, 'model.safetensors'), new Map(await Promise.all(tensors)));
  return to;
}

/** Examples, with what all prompts about such clips begin with. */
interface Asked {
  examples: PreparedExample[];
  prefixes: Int32Array[];
}

/** Clips of noise features, in three sizes. */
async function ask(source: string, count: number, textOf: (i: number) => string = () => 'a corgi'): Promise<Asked> {
  const processor: PromptProcessor = await loadPromptProcessor(all, settings(source));
  const trie = answerTrie(all, processor)!;
  const prefixOf = commonPrefixes((seen, text) => promptAbout(seen, all, processor, text));
  const asked: Asked = { examples: [], prefixes: [] };
  for (let i = 0; i < count; i++) {
    const grid = { t: 1, h: 4, w: 4 + 2 * (i % 3) };
    const size = ((grid.h * grid.w) / 4) * all.text.hiddenSize;
    const stream = randomStream(i);
    const features = Float32Array.from({ length: size }, () => stream.normal());
    const seen: SeenShapes = { as: 'image', shapes: [{ kind: 'image', grid }] };
    const prompt = promptAbout(seen, all, processor, textOf(i));
    const { nodeRows, columns, answers, ...rows } = buildScoringExample(prompt, trie, positionsOf(all));
    const tree = { nodeRows, columns, answers };
    const vision = { kind: 'features', features } as const;
    asked.examples.push({ rows, vision, wanted: { kind: 'answers', tree, target: null }, dropoutKey: 0 });
    asked.prefixes.push(prefixOf(seen));
  }
  return asked;
}

/** Predicts some of the examples, with their prefixes. */
const predictSome = (predict: Predict, { examples, prefixes }: Asked, from: number, to?: number): ReturnType<Predict> =>
  predict(examples.slice(from, to), { prefixes: prefixes.slice(from, to) });
/** Tokens of an example before its picture. */
const startOf = ({ rows }: PreparedExample): number => rows.visionSlots.findIndex((slot) => slot >= 0);
const answersOf = ({ wanted }: PreparedExample): { numNodes: number; numColumns: number } => {
  if (wanted.kind !== 'answers') throw new Error('expected an example that wants answers');
  return { numNodes: wanted.tree.nodeRows.length, numColumns: wanted.tree.columns.length };
};

describe('distributions with shared text', () => {
  test.each([
    ['an adapter, question first', 'How good is this? {answer_format} {frames}', true, 'all'],
    ['no adapter, question first', 'How good is this? {answer_format} {frames}', false, 'all'],
    ['an adapter, the chat’s beginning alone', 'How good is this? {answer_format}', true, 'all'],
    ['no adapter, a model of one layer', 'How good is this? {answer_format} {frames}', false, 'one'],
    ['an adapter, a model of one layer', 'How good is this? {answer_format} {frames}', true, 'one'],
  ])('are those without: %s', async (_, source, hasAdapter, layers) => {
    const model = layers === 'one' ? oneLayer : all;
    const { family, text } = model;
    const parameters = hasAdapter ? adapter : new Map<string, Float32Array>();
    const { examples } = await ask(source, 3);
    const answers = answersOf(examples[0]!);
    const shape = { model, lora: hasAdapter ? lora : null, frozen: true, numColumns: answers.numColumns };
    await using scorer = await compileAnswerScorer(shape);
    await using sharedText = await compileTextPast(model, shape.lora);
    const plain = await scorer.score(parameters, examples);
    const expectPlain = (found: readonly (AnswerDistribution | UserError)[]): void => {
      expect(found).toHaveLength(plain.length);
      for (const [i, one] of found.entries()) {
        if (one instanceof UserError) throw one;
        expect(Math.abs(one.legalMass - plain[i]!.legalMass)).toBeLessThan(1e-6);
        one.probabilities.forEach((p, a) => expect(Math.abs(p - plain[i]!.probabilities[a]!)).toBeLessThan(1e-6));
      }
    };
    const tokens = examples[0]!.rows.tokenIds.slice(0, startOf(examples[0]!));
    expect(tokens.length).toBeGreaterThan(source.endsWith('{frames}') ? 40 : 10);
    for (const length of [tokens.length, 5, 1]) {
      const prefix = tokens.slice(0, length);
      const rows = promptRows({ tokenIds: prefix, visions: [], tail: '' }, positionsOf(model));
      const past = await sharedText.run(parameters, family.feeds.text([{ example: rows, rows: [0] }], text, 0));
      expectPlain(await scorer.score(parameters, examples, { tokens: prefix, past }));
    }
    await using engine = await openEngine(model);
    const attached = await engine.attach({ lora: shape.lora, parameters, training: null, answers });
    expectPlain(await attached.predict(examples, { prefixes: examples.map(() => tokens) }));
  });
});

describe('predict', () => {
  /** Predictions that remember what was run. */
  function watched(): { predict: Predict; shares: number[]; reads: { clips: number; shared: number }[] } {
    const shares: number[] = [];
    const reads: { clips: number; shared: number }[] = [];
    const session = { unload: async () => {}, [Symbol.asyncDispose]: async () => {} };
    const predict = createPredict({
      checkpoint: all,
      scorer: lazily(async () => ({
        ...session,
        score: async (_, examples, shared) => {
          reads.push({ clips: examples.length, shared: shared?.tokens.length ?? 0 });
          return examples.map(() => ({}) as AnswerDistribution);
        },
      })),
      sharedText: lazily(async () => ({
        ...session,
        run: async (_, feeds) => {
          shares.push(feeds['tokens']!.data.length);
          return {};
        },
      })),
      memory: { require: () => {} },
      parameters: new Map(),
      makeRoom: async () => {},
      explain: async (error) => error,
    });
    return { predict, shares, reads };
  }
  /** A model without adapter on the tiny one. */
  const attach = (engine: Engine, { examples }: Asked): Promise<AttachedModel> =>
    engine.attach({ lora: null, parameters: null, training: null, answers: answersOf(examples[0]!) });

  test('leaves examples without a prefix alone, and computes the text once for all others', async () => {
    const asked = await ask('How good is this? {frames}', 24);
    const { predict, shares, reads } = watched();
    await predict(asked.examples.slice(0, 8));
    expect(shares).toEqual([]);
    await predictSome(predict, asked, 8, 16);
    await predictSome(predict, asked, 16);
    const start = startOf(asked.examples[0]!);
    expect(shares).toEqual([start]);
    expect(new Set(reads.map(({ shared }) => shared))).toEqual(new Set([0, start]));
    expect(reads.reduce((sum, { clips }) => sum + clips, 0)).toBe(24);
  });

  test('does not compute a few tokens apart', async () => {
    const { examples, prefixes } = await ask('How good is this? {frames}', 4);
    const { predict, shares, reads } = watched();
    await predict(examples, { prefixes: prefixes.map((tokens) => tokens.slice(0, 7)) });
    expect(shares).toEqual([]);
    await predict(examples, { prefixes: prefixes.map((tokens) => tokens.slice(0, 8)) });
    expect(shares).toEqual([8]);
    expect(new Set(reads.map(({ shared }) => shared))).toEqual(new Set([0, 8]));
  });

  test('shares what stands before the prompts, whatever they have in common, and leaves out examples that begin otherwise', async () => {
    const source = 'Rate how well this shows {prompt} {frames}';
    const asked = await ask(source, 16, (i) => `corgi ${i}`);
    const other = (await ask('Is it sharp? {frames}', 16)).examples[15]!;
    const { predict, shares, reads } = watched();
    const results = await predictSome(predict, asked, 8, 14);
    expect(results).toHaveLength(6);
    const start = startOf(asked.examples[0]!);
    expect(shares).toHaveLength(1);
    expect(shares[0]).toBeLessThan(start - 2); // `corgi` and what follows are not among it
    expect(shares[0]).toBeGreaterThan(start / 2);
    reads.length = 0;
    await predict([asked.examples[14]!, other], { prefixes: asked.prefixes.slice(14) });
    expect(reads.map(({ shared }) => shared).toSorted((a, b) => a - b)).toEqual([0, shares[0]]);
  });

  test('gives examples the same bits whatever was predicted before', async () => {
    // Prompts of one group begin alike, those of another do not.
    const asked = await ask('How good is this as {prompt}? {frames}', 16, (i) =>
      i < 8 ? `corgi ${i}` : ['cat', 'tree', 'wolf', 'sea'][i % 4]!,
    );
    await using engine = await openEngine(all);
    const whole = await attach(engine, asked);
    await predictSome(whole.predict, asked, 0, 8);
    const part = await attach(engine, asked);
    expect(await predictSome(part.predict, asked, 8)).toEqual(await predictSome(whole.predict, asked, 8));
  });

  test('gives an error to the example that it comes from', async () => {
    const asked = await ask('How good is this? {frames}', 12);
    const bad = asked.examples[9]!;
    (bad.vision as { features: Float32Array }).features.fill(NaN);
    await using engine = await openEngine(all);
    const model = await attach(engine, asked);
    const results = [
      ...(await model.predict(asked.examples.slice(0, 8))),
      ...(await predictSome(model.predict, asked, 8)),
    ];
    expect(results.map((result) => result instanceof Error)).toEqual(asked.examples.map((example) => example === bad));
  });
});
