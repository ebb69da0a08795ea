// Live comparison with PEFT: adapters that it saved, their gradients, twenty steps of AdamW, and the kinds that are refused.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TrainStep } from '../../src/engine/onnx/index.ts';
import type { StepExample } from '../../src/engine/onnx/collate.ts';
import { adamWUpdate, collate, compileStep, initAdamW } from '../../src/engine/onnx/index.ts';
import { readSafetensorsHeader, readTensor } from '../../src/files/index.ts';
import type { TensorData } from '../../src/graph/index.ts';
import type { Target } from '../../src/inputs/token-rows.ts';
import type { Adapter, Checkpoint } from '../../src/model/index.ts';
import { openCheckpoint, readAdapter } from '../../src/model/index.ts';
import { objectives } from '../../src/objectives/index.ts';
import type { VisionDescription } from './clips.ts';
import { featuresOf, rowsOf, spansOf } from './clips.ts';
import { needsPython, python, relativeError, runPython } from './python.ts';

const names = ['plain', 'rslora'];
const { form } = objectives['integer-only'];
const refused = ['rank_pattern', 'alpha_pattern', 'modules_to_save', 'use_dora', 'bias'];

describe.skipIf(python === undefined)(`against PEFT (${needsPython})`, () => {
  const folder = python === undefined ? '' : mkdtempSync(join(tmpdir(), 'iovqa-lora-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  let told: {
    excluding: Record<string, string[]>;
    cases: string[];
    refused: string[];
    learningRate: number;
    visions: VisionDescription[][];
  };
  let checkpoint: Checkpoint;
  beforeAll(async () => {
    told = (await runPython('lora.py', folder)) as typeof told;
    checkpoint = await openCheckpoint(join(folder, 'base'));
  });

  it('has the adapters of the script', () => {
    expect([told.cases, told.refused]).toEqual([names, refused]);
  });

  /** An adapter that PEFT saved, a step without dropout, and the clips as it takes them. */
  async function open(name: string): Promise<{
    adapter: Adapter;
    step: TrainStep;
    feeds: Record<string, TensorData>[];
    tensor: (key: string) => Promise<Float32Array>;
  }> {
    const adapter = await readAdapter(join(folder, name), checkpoint);
    const header = await readSafetensorsHeader(join(folder, `${name}.safetensors`));
    const tensor = (key: string): Promise<Float32Array> => readTensor(header, key);
    const feeds: Record<string, TensorData>[] = [];
    for (const [i, described] of told.visions.entries()) {
      const visions = spansOf(described);
      const ids = [...(await tensor(`ids${i}`))];
      const target = (back: number): Target => {
        const row = ids.length - back;
        return { row: row - 1, token: ids[row]!, weight: 0.5 };
      };
      const features = await featuresOf(checkpoint, visions, await tensor(`pixels${i}`));
      const example: StepExample = {
        rows: rowsOf(checkpoint, visions, ids),
        vision: { kind: 'features', features },
        wanted: { kind: 'tokens', targets: [target(2), target(1)] },
        dropoutKey: 0,
      };
      feeds.push(collate([example], { form, batchWeight: 1, model: checkpoint, dropout: false }));
    }
    const lora = { ...adapter.lora, dropout: 0 };
    const step = await compileStep({ model: checkpoint, lora, form, numColumns: 0 });
    return { adapter, step, feeds, tensor };
  }

  it.each(names)('%s: gradients at random A and B', async (name) => {
    const { adapter, step, feeds, tensor } = await open(name);
    await using _ = step;
    const { gradients } = await step.run(adapter.tensors, feeds[0]!);
    expect([...gradients.keys()].sort()).toEqual([...adapter.tensors.keys()].sort());
    const errors = new Map<string, number>();
    for (const [key, gradient] of gradients) errors.set(key, relativeError(gradient, await tensor(key)));
    expect(Math.max(...errors.values())).toBeLessThan(1e-4);
  });

  it.each(names)('%s: losses of twenty AdamW steps', async (name) => {
    const { adapter, step, feeds, tensor } = await open(name);
    await using _ = step;
    const parameters = adapter.tensors;
    const state = initAdamW(parameters);
    const losses: number[] = [];
    const want = await tensor('losses');
    while (losses.length < want.length) {
      const { loss, gradients } = await step.run(parameters, feeds[losses.length % feeds.length]!);
      losses.push(loss);
      const settings = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01 };
      adamWUpdate(parameters, gradients, state, told.learningRate, settings);
    }
    expect(Math.max(...losses.map((loss, i) => Math.abs(loss - want[i]!)))).toBeLessThan(1e-4);
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.5); // they moved
  });

  it('takes exclude_modules as PEFT does', async () => {
    const read = async (name: string): Promise<string[]> => [
      ...(await readAdapter(join(folder, name), checkpoint)).tensors.keys(),
    ];
    const ours: Record<string, string[]> = {};
    for (const name of Object.keys(told.excluding)) ours[name] = (await read(name)).sort();
    expect(ours).toEqual(told.excluding);
    expect(new Set(Object.values(ours).map((keys) => keys.length))).toEqual(new Set([36, 42, 28]));
  });

  it.each(refused)('refuses %s by name', async (name) => {
    const message = readAdapter(join(folder, name), checkpoint).then(String, (error: Error) => error.message);
    expect(await message).toMatch(new RegExp(`expected plain LoRA, got .*${name}`));
  });
});
