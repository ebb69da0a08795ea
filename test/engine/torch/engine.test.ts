// The PyTorch engine against the engine of the project, in float32: losses, gradients, state and predictions of the same examples, with
// any number of workers that hold the model whole or together.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AnswerDistribution, AttachedModel, Engine } from '../../../src/engine/index.ts';
import { openEngine } from '../../../src/engine/index.ts';
import type { Checkpoint } from '../../../src/model/index.ts';
import { createRandomCheckpoint, embeddedModel, openCheckpoint } from '../../../src/model/index.ts';
import { needsPython, python, relativeError } from '../../reference/python.ts';
import type { Case } from './clips.ts';
import { attachOptions, clipsOf } from './clips.ts';

const UPDATES = 20;
/** Small, since differences of rounding grow with the steps of all weights. */
const LEARNING_RATE = 1e-3;
const rateOf = ({ lora }: Case): number => (lora === null ? 1e-4 : LEARNING_RATE);

const cases: Record<string, Case> = {
  'integer-only': { loss: 'integer-only', lora: {} },
  'integer-only without dropout': { loss: 'integer-only', lora: { dropout: 0 } },
  'response, rsLoRA': { loss: 'response', lora: { rslora: true, rank: 3 } },
  'sentence, attention alone': { loss: 'sentence', lora: { targets: ['q_proj', 'v_proj'] } },
  'sequence, checkpointing': { loss: 'sequence', lora: {}, gradientCheckpointing: true },
  'softmax-regression, the last layer': { loss: 'softmax-regression', lora: { layers: 'last 1' } },
  'expected-score, decimals': { loss: 'expected-score', lora: {}, answer: 'decimal' },
  'soft-label, levels, checkpointing': { loss: 'soft-label', lora: {}, answer: 'level', gradientCheckpointing: true },
  'regression-aware': { loss: 'regression-aware', lora: {}, auxiliaryWeight: 0.5 },
  'fidelity, groups of four': { loss: 'fidelity', lora: {}, auxiliaryWeight: 2, microBatch: 4 },
  'response, two questions': { loss: 'response', lora: {}, furtherTemplate: 'single-dimension:aesthetics' },
  'response, raw': { loss: 'response', lora: {}, answer: 'raw' },
  'integer-only, all weights': { loss: 'integer-only', lora: null },
  'soft-label, all weights, checkpointing': { loss: 'soft-label', lora: null, gradientCheckpointing: true },
};

/** What a case gives. */
interface Trace {
  losses: number[];
  norms: number[];
  /** First moments after an update: the clipped gradient times 0.1. */
  gradient: Float32Array;
  parameters: Float32Array;
  predicted: (AnswerDistribution | Error)[];
  generated: (readonly number[] | Error)[];
}

async function joined(model: AttachedModel, what: 'parameters' | 'optimizer'): Promise<Float32Array> {
  const parts: Float32Array[] = [];
  // Engines have orders of their own.
  const tensors = model.exportState(what).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name, read } of tensors) if (!name.startsWith('v.')) parts.push((await read()).slice());
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

async function traceOf(checkpoint: Checkpoint, engine: Engine, features: Engine, one: Case): Promise<Trace> {
  const { train, score, answers } = await clipsOf(checkpoint, features, one);
  const model = await engine.attach({ ...attachOptions(checkpoint, one), answers });
  const [losses, norms]: [number[], number[]] = [[], []];
  let gradient = new Float32Array();
  for (let i = 0; i < UPDATES; i++) {
    const { loss, gradientNorm } = await model.update(i % 2 === 0 ? train : train.slice(1), rateOf(one));
    losses.push(loss);
    norms.push(gradientNorm);
    if (i === 0) gradient = (await joined(model, 'optimizer')) as Float32Array<ArrayBuffer>;
  }
  const trace = {
    losses,
    norms,
    gradient,
    parameters: await joined(model, 'parameters'),
    predicted: answers === null ? [] : await model.predict(score),
    generated: answers === null ? await model.generate(score, { endTokenId: 2, maxTokens: 5 }) : [],
  };
  await model[Symbol.asyncDispose]();
  return trace;
}

const worst = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, i) => Math.abs(value / b[i]! - 1)));

function expectAlike(
  got: Trace,
  wanted: Trace,
  tolerance: { loss: number; gradient: number; probability: number },
): void {
  expect(worst(got.losses, wanted.losses)).toBeLessThan(tolerance.loss);
  expect(worst(got.norms, wanted.norms)).toBeLessThan(10 * tolerance.gradient);
  expect(relativeError(got.gradient, wanted.gradient)).toBeLessThan(tolerance.gradient);
  expect(got.generated).toEqual(wanted.generated);
  got.predicted.forEach((one, i) => {
    const other = wanted.predicted[i] as AnswerDistribution;
    const { probabilities, legalMass } = one as AnswerDistribution;
    probabilities.forEach((p, a) => expect(Math.abs(p - other.probabilities[a]!)).toBeLessThan(tolerance.probability));
    expect(Math.abs(legalMass / other.legalMass - 1)).toBeLessThan(1e-3);
  });
}

describe.skipIf(python === undefined)(`the PyTorch engine, float32 (${needsPython})`, () => {
  let folder: string;
  let models: Record<string, Checkpoint>;
  let onnx: Engine;
  const torch = async (checkpoint: Checkpoint, devices: number, shard: 'none' | 'full' = 'none'): Promise<Engine> =>
    openEngine(checkpoint, { runtime: { engine: 'torch', python, threads: 1, devices, shard, precision: 'float32' } });
  const known = new Map<string, Promise<Trace>>();
  /** What the engine of the project makes of a case, once. */
  const wanted = (name: string): Promise<Trace> => {
    const made = known.get(name) ?? traceOf(models['tiny']!, onnx, onnx, cases[name]!);
    known.set(name, made);
    return made;
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'iovqa-test-'));
    const random = async (name: string, preset: string, dtype: 'F32' | 'BF16'): Promise<Checkpoint> => {
      await createRandomCheckpoint(join(folder, name), { preset, dtype, initializerRange: 0.15, seed: 3 });
      return openCheckpoint(join(folder, name));
    };
    models = {
      tiny: await random('tiny', 'tiny', 'F32'),
      halved: await random('halved', 'tiny', 'BF16'),
      nano: await openCheckpoint(embeddedModel()),
    };
    onnx = await openEngine(models['tiny']!, { runtime: { threads: 1 } });
  });
  afterAll(async () => {
    await onnx?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  describe('one worker', () => {
    let engine: Engine;
    beforeAll(async () => (engine = await torch(models['tiny']!, 1)));
    afterAll(() => engine?.[Symbol.asyncDispose]());

    test.each(Object.keys(cases))('%s: as the engine of the project', async (name) => {
      const got = await traceOf(models['tiny']!, engine, onnx, cases[name]!);
      expectAlike(got, await wanted(name), { loss: 1e-5, gradient: 1e-4, probability: 1e-5 });
    });

    test.each(['halved', 'nano'])('%s: the same, with features of its own tower', async (name) => {
      const checkpoint = models[name]!;
      await using reference = await openEngine(checkpoint, { runtime: { threads: 1 } });
      await using own = await torch(checkpoint, 1);
      const one: Case = { loss: 'integer-only', lora: {} };
      const [got, want] = [
        await traceOf(checkpoint, own, own, one),
        await traceOf(checkpoint, reference, reference, one),
      ];
      expectAlike(got, want, { loss: 1e-4, gradient: 1e-3, probability: 1e-4 });
    });

    test('a batch of eight is the same in one micro-batch and in eight', async () => {
      const one = { loss: 'integer-only', lora: {} } as const;
      const { train } = await clipsOf(models['tiny']!, onnx, one);
      const batch = [...train, ...train].map((example, i) => ({ ...example, dropoutKey: i }));
      const losses: number[][] = [];
      for (const microBatch of [8, 1]) {
        const model = await engine.attach(attachOptions(models['tiny']!, { ...one, microBatch }));
        losses.push([]);
        for (let i = 0; i < UPDATES; i++) losses.at(-1)!.push((await model.update(batch, LEARNING_RATE)).loss);
      }
      expect(worst(losses[0]!, losses[1]!)).toBeLessThan(1e-5);
    });

    test('several adapters on one base give what each gives alone, also after another has trained', async () => {
      const checkpoint = models['tiny']!;
      const [a, b]: Case[] = [
        { loss: 'integer-only', lora: {} },
        { loss: 'integer-only', lora: { rank: 2, targets: ['o_proj'] } },
      ];
      const { score, train } = await clipsOf(checkpoint, onnx, a!);
      const first = await engine.attach(attachOptions(checkpoint, a!, false));
      const before = await first.predict(score);
      const second = await engine.attach(attachOptions(checkpoint, b!));
      await second.update(train, LEARNING_RATE);
      const bare = await engine.attach({ ...attachOptions(checkpoint, a!, false), lora: null, parameters: null });
      expect(await first.predict(score)).toEqual(before);
      const without = await bare.predict(score);
      expect(without).not.toEqual(before);
      await second[Symbol.asyncDispose]();
      expect(await first.predict(score)).toEqual(before);
      expect(await bare.predict(score)).toEqual(without);
    });

    test('a state that was exported goes on with the same bits, in an engine of either kind with the same numbers', async () => {
      const checkpoint = models['tiny']!;
      const one: Case = { loss: 'integer-only', lora: {} };
      const { train } = await clipsOf(checkpoint, onnx, one);
      const trained = await engine.attach(attachOptions(checkpoint, one));
      for (let i = 0; i < 3; i++) await trained.update(train, LEARNING_RATE);
      const others = [
        await engine.attach(attachOptions(checkpoint, one)),
        await onnx.attach(attachOptions(checkpoint, one)),
      ];
      for (const other of others) {
        for (const what of ['parameters', 'optimizer'] as const) {
          const tensors = (async function* () {
            for (const { name, read } of trained.exportState(what)) yield [name, (await read()).slice()] as const;
          })();
          await other.importState(what === 'parameters' ? { what, tensors } : { what, tensors, step: trained.step });
        }
        expect(other.step).toBe(3);
      }
      const results = [
        await trained.update(train, LEARNING_RATE),
        ...(await Promise.all(others.map((other) => other.update(train, LEARNING_RATE)))),
      ];
      expect(results[1]).toEqual(results[0]);
      expect(results[2]!.loss / results[0]!.loss - 1).toBeCloseTo(0, 5);
    });

    test('an update that is not finite changes nothing', async () => {
      const checkpoint = models['tiny']!;
      const one: Case = { loss: 'integer-only', lora: {} };
      const { train } = await clipsOf(checkpoint, onnx, one);
      const model = await engine.attach(attachOptions(checkpoint, one));
      const before = await joined(model, 'parameters');
      const vision = { kind: 'features' as const, features: new Float32Array(192).fill(NaN) };
      await expect(model.update([{ ...train[0]!, vision }], 1)).rejects.toThrow(
        expect.objectContaining({ code: 'non-finite', message: 'expected finite numbers, got a loss of NaN' }) as Error,
      );
      expect(await joined(model, 'parameters')).toEqual(before);
      expect((await model.update(train, LEARNING_RATE)).loss).toBeGreaterThan(0);
    });
  });

  describe.each([2, 4])('%i workers', (devices) => {
    let engine: Engine;
    beforeAll(async () => (engine = await torch(models['tiny']!, devices)));
    afterAll(() => engine?.[Symbol.asyncDispose]());
    const some = ['integer-only', 'integer-only, all weights'];
    if (devices === 2) some.push('soft-label, levels, checkpointing', 'response, raw');

    test.each(some)('whole models: %s as with one', async (name) => {
      const got = await traceOf(models['tiny']!, engine, onnx, cases[name]!);
      expectAlike(got, await wanted(name), { loss: 1e-5, gradient: 1e-4, probability: 1e-5 });
    });

    test.each(some)('a model in shares: %s as with one', async (name) => {
      await using shared = await torch(models['tiny']!, devices, 'full');
      const got = await traceOf(models['tiny']!, shared, onnx, cases[name]!);
      expectAlike(got, await wanted(name), { loss: 1e-5, gradient: 1e-4, probability: 1e-5 });
    });
  });
});
