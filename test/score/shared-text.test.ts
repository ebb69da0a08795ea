// Text that all clips begin with is computed once: when, for which clips, and with the same scores.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDisposer, randomStream } from '../../src/core/index.ts';
import { readSafetensorsHeader, readTensor, writeSafetensors } from '../../src/files/index.ts';
import type { Checkpoint, LoraOptions } from '../../src/model/index.ts';
import { createRandomCheckpoint, loraTargets, openCheckpoint } from '../../src/model/index.ts';
import type { EncodedClip, GroupClip, Readout, ScorerSettings, SharedBeginning } from '../../src/score/index.ts';
import {
  askAbout,
  commonBeginnings,
  createGroupReader,
  createSharedParts,
  loadQuestioner,
} from '../../src/score/index.ts';
import { saveAdapter } from './save-adapter.ts';

let folder: string;
let all: Checkpoint;
let oneLayer: Checkpoint;
let adapter: Map<string, Float32Array>;
const lora: LoraOptions = { rank: 4, alpha: 8, dropout: 0.1, rslora: false, targets: loraTargets };
const settings = (source: string): ScorerSettings => ({
  frames: { pick: 'middle', count: 1, as: 'video', minPixels: 3136, maxPixels: 12_544, seed: 0 },
  prompt: { template: 'mine', source },
  answer: { kind: 'integer', step: null },
  positions: 'transformers',
  scale: { min: 1, max: 5, higherIsBetter: true },
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'iovqa-shared-text-'));
  const model = join(folder, 'model');
  await createRandomCheckpoint(model, { preset: 'tiny', seed: 1 });
  all = await openCheckpoint(model);
  oneLayer = await openCheckpoint(await firstLayerOf(model, join(folder, 'one-layer')));
  adapter = await saveAdapter(join(folder, 'adapter'), { model, lora, settings: settings('Rate. {frames}') });
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

/** Clips of noise features, in three sizes. */
async function ask(
  source: string,
  count: number,
  promptOf: (i: number) => string = () => 'a corgi',
): Promise<(EncodedClip & GroupClip)[]> {
  const questioner = await loadQuestioner(all, settings(source));
  const beginningOf = commonBeginnings((viewed, prompt) => askAbout(viewed, all, questioner, prompt));
  return Array.from({ length: count }, (_, i) => {
    const grid = { t: 1, h: 4, w: 4 + 2 * (i % 3) };
    const rows = (grid.h * grid.w) / 4;
    const stream = randomStream(i);
    const features = Float32Array.from({ length: rows * all.text.hiddenSize }, () => stream.normal());
    const viewed = { as: 'image', shapes: [{ kind: 'image', grid }] } as const;
    const prompt = askAbout(viewed, all, questioner, promptOf(i));
    const plan = {} as EncodedClip['plan'];
    const vision = { kind: 'features', features } as const;
    return { row: i + 1, prompt, beginning: beginningOf(viewed), vision, plan, cached: false };
  });
}

describe('scores with shared text', () => {
  test.each([
    ['an adapter, question first', 'How good is this? {answer_format} {frames}', true, 'all'],
    ['no adapter, question first', 'How good is this? {answer_format} {frames}', false, 'all'],
    ['an adapter, the chat’s beginning alone', 'How good is this? {answer_format}', true, 'all'],
    ['no adapter, a model of one layer', 'How good is this? {answer_format} {frames}', false, 'one'],
    ['an adapter, a model of one layer', 'How good is this? {answer_format} {frames}', true, 'one'],
  ])('are those without: %s', async (_, source, hasAdapter, layers) => {
    await using disposer = createDisposer();
    const checkpoint = layers === 'one' ? oneLayer : all;
    const parts = createSharedParts({ workers: 1, cache: false }, disposer);
    const questioner = await loadQuestioner(checkpoint, settings(source));
    const readout = parts.readout(checkpoint, hasAdapter ? lora : null, questioner, settings(source));
    const parameters = hasAdapter ? adapter : new Map<string, Float32Array>();
    const clips = await ask(source, 3);
    const plain = await readout.read(parameters, clips);
    const tokens = clips[0]!.prompt.tokenIds.slice(0, clips[0]!.prompt.visions[0]!.start);
    expect(tokens.length).toBeGreaterThan(source.endsWith('{frames}') ? 40 : 10);
    for (const length of [tokens.length, 5, 1]) {
      const shared = await readout.share(parameters, tokens.slice(0, length));
      const found = await readout.read(parameters, clips, shared);
      for (const [i, { probabilities, legalMass }] of found.entries()) {
        expect(Math.abs(legalMass! - plain[i]!.legalMass!)).toBeLessThan(1e-6);
        probabilities!.forEach((p, a) => expect(Math.abs(p - plain[i]!.probabilities![a]!)).toBeLessThan(1e-6));
      }
    }
  });
});

describe('createGroupReader', () => {
  /** A readout that remembers what it was asked. */
  function watched(): { readout: Readout; shares: number[]; reads: { clips: number; shared: number }[] } {
    const shares: number[] = [];
    const reads: { clips: number; shared: number }[] = [];
    const readout: Pick<Readout, 'read' | 'share'> = {
      share: async (_, tokens): Promise<SharedBeginning> => {
        shares.push(tokens.length);
        return { tokens, past: {} };
      },
      read: async (_, clips, shared) => {
        reads.push({ clips: clips.length, shared: shared?.tokens.length ?? 0 });
        return clips.map(() => ({}) as Awaited<ReturnType<Readout['read']>>[number]);
      },
    };
    return { readout: readout as Readout, shares, reads };
  }

  test('leaves short lists alone, and computes the text once for long ones', async () => {
    const clips = await ask('How good is this? {frames}', 24);
    const { readout, shares, reads } = watched();
    const reader = createGroupReader(readout, new Map());
    await reader.read(clips.slice(0, 8), 4);
    expect(shares).toEqual([]);
    await reader.read(clips.slice(8, 16), 4);
    await reader.read(clips.slice(16), 4);
    const start = clips[0]!.prompt.visions[0]!.start;
    expect(shares).toEqual([start]);
    expect(new Set(reads.map(({ shared }) => shared))).toEqual(new Set([0, start]));
    expect(reads.reduce((sum, { clips: count }) => sum + count, 0)).toBe(24);
  });

  test('shares what stands before the prompts, whatever they have in common, and leaves out clips that begin otherwise', async () => {
    const source = 'Rate how well this shows {prompt} {frames}';
    const clips = await ask(source, 16, (i) => `corgi ${i}`);
    const other = (await ask('Is it sharp? {frames}', 16))[15]!;
    const { readout, shares, reads } = watched();
    const reader = createGroupReader(readout, new Map());
    await reader.read(clips.slice(0, 8), 4);
    const results = await reader.read(clips.slice(8, 14), 4);
    expect(results).toHaveLength(6);
    const { start } = clips[0]!.prompt.visions[0]!;
    expect(shares).toHaveLength(1);
    expect(shares[0]).toBeLessThan(start - 2); // `corgi` and what follows are not among it
    expect(shares[0]).toBeGreaterThan(start / 2);
    reads.length = 0;
    await reader.read([clips[14]!, { ...other, beginning: clips[14]!.beginning }], 4);
    expect(reads.map(({ shared }) => shared).toSorted((a, b) => a - b)).toEqual([0, shares[0]]);
  });

  test('gives a row the same bits whichever group the work begins with', async () => {
    const source = 'How good is this as {prompt}? {frames}';
    // Prompts of one group begin alike, those of another do not.
    const clips = await ask(source, 24, (i) => (i < 16 ? `corgi ${i}` : ['cat', 'tree', 'wolf', 'sea'][i % 4]!));
    await using disposer = createDisposer();
    const parts = createSharedParts({ workers: 1, cache: false }, disposer);
    const questioner = await loadQuestioner(all, settings(source));
    const readout = parts.readout(all, null, questioner, settings(source));
    const groups = [clips.slice(0, 8), clips.slice(8, 16), clips.slice(16)];
    const read = async (from: number): Promise<unknown[]> => {
      const reader = createGroupReader(readout, new Map());
      const results: unknown[] = [];
      for (const group of groups.slice(from)) results.push(await reader.read(group, 4));
      return results;
    };
    const whole = await read(0);
    expect(await read(1)).toEqual(whole.slice(1));
    expect(await read(2)).toEqual(whole.slice(2));
  });

  test('gives an error to the clip that it comes from', async () => {
    const clips = await ask('How good is this? {frames}', 12);
    const bad = clips[9]!;
    (bad.vision as { features: Float32Array }).features.fill(NaN);
    await using disposer = createDisposer();
    const parts = createSharedParts({ workers: 1, cache: false }, disposer);
    const questioner = await loadQuestioner(all, settings('Rate. {frames}'));
    const reader = createGroupReader(parts.readout(all, null, questioner, settings('Rate.')), new Map());
    const results = [...(await reader.read(clips.slice(0, 8), 4)), ...(await reader.read(clips.slice(8), 4))];
    expect(results.map((result) => result instanceof Error)).toEqual(clips.map((clip) => clip === bad));
  });
});
