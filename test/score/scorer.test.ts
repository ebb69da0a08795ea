// Scorers from disk: a model, an adapter with its card, wrong bases, golden scores, clips that cannot be read.
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import type { Clip, ScorerSettings } from '../../src/inputs/index.ts';
import type { Card, LoraOptions } from '../../src/model/index.ts';
import {
  adapterShapes,
  createRandomCheckpoint,
  initLora,
  loraTargets,
  openCheckpoint,
  readAdapterConfig,
  readCard,
  writeAdapter,
} from '../../src/model/index.ts';
import type { ClipScore, FailedClip } from '../../src/score/index.ts';
import { exportAdapter, loadScorer } from '../../src/score/index.ts';
import { settingsOf } from '../../src/score/card.ts';
import { saveAdapter } from './save-adapter.ts';

let folder: string;
let clips: Clip[];
const model = (): string => join(folder, 'model');
const adapter = (): string => join(folder, 'adapter');

const lora: LoraOptions = { rank: 4, alpha: 8, dropout: 0, rslora: false, targets: loraTargets };
const settings: ScorerSettings = {
  frames: { pick: 'middle', count: 1, as: 'video', minPixels: 3136, maxPixels: 12_544, seed: 0 },
  prompt: { template: 'mine', source: 'How good is it? {answer_format}' },
  answer: { kind: 'integer', step: null },
  positions: 'transformers',
  scale: { min: 0, max: 100, higherIsBetter: true },
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'iovqa-scorer-'));
  await createRandomCheckpoint(model(), { preset: 'tiny', seed: 1 });
  await createRandomCheckpoint(join(folder, 'other'), { preset: 'tiny', seed: 2 });
  const stream = randomStream(3);
  clips = [];
  for (const [i, [width, height]] of [
    [60, 60],
    [90, 64],
    [64, 120],
  ].entries()) {
    const path = join(folder, `${i}.png`);
    const pixels = Buffer.from(Array.from({ length: width! * height! * 3 }, () => stream.below(256)));
    await sharp(pixels, { raw: { width: width!, height: height!, channels: 3 } })
      .png()
      .toFile(path);
    clips.push({ path, kind: 'image' });
  }
  await saveAdapter(adapter(), { model: model(), lora, settings });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function scores(path: string, list: readonly Clip[], batchSize = 1): Promise<(ClipScore | FailedClip)[]> {
  await using scorer = await loadScorer(path, { batchSize, workers: 1 });
  const results: (ClipScore | FailedClip)[] = [];
  for await (const result of scorer.score(list)) results.push(result);
  return results;
}

const scoreOf = (result: ClipScore | FailedClip): number => {
  if ('error' in result) throw result.error;
  return result.score;
};

describe('loadScorer', () => {
  test('asks an adapter as its card says, on the card’s scale', async () => {
    await using scorer = await loadScorer(adapter());
    expect(scorer.settings).toEqual(settings);
    expect(scorer.notes).toEqual([]);
    const found = await scores(adapter(), clips);
    const numbers = found.map(scoreOf);
    expect(numbers.every((score) => score > 0 && score < 100)).toBe(true);
    expect(new Set(numbers).size).toBe(3);
    for (const result of found as ClipScore[]) {
      expect(result.probabilities).toHaveLength(41);
      expect(result.probabilities!.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
      expect(result.legalMass).toBeGreaterThan(0);
      expect(result.legalMass).toBeLessThanOrEqual(1);
      expect(result.answer).toBe(String(result.integer));
    }
  });

  test(
    'gives every clip the same score in any batch and order, and other ones without the adapter',
    { tags: ['long'] },
    async () => {
      const alone = (await scores(adapter(), clips)).map(scoreOf);
      const together = (await scores(adapter(), clips.toReversed(), 3)).map(scoreOf).toReversed();
      together.forEach((score, i) => expect(Math.abs(score - alone[i]!)).toBeLessThan(1e-4)); // of 100: 1e-6 of the scale
      await using bare = await loadScorer(model(), { settings });
      const [first] = [await bare.score(clips).next()];
      expect(Math.abs(scoreOf(first.value as ClipScore) - alone[0]!)).toBeGreaterThan(0.01);
      expect(bare.notes.join()).toContain('no card');
    },
  );

  test('streams more clips than it holds, of mixed lengths and from a source of any kind, each as it is alone', async () => {
    const alone = (await scores(adapter(), clips)).map(scoreOf);
    let taken = 0;
    const source = async function* (): AsyncGenerator<Clip> {
      for (; taken < 40; taken++) yield clips[(taken * 7) % 3]!;
    };
    await using scorer = await loadScorer(adapter(), { batchSize: 3, workers: 1 });
    let count = 0;
    for await (const result of scorer.score(source())) {
      expect(result.clip).toBe(clips[(count * 7) % 3]);
      expect(Math.abs(scoreOf(result) - alone[(count * 7) % 3]!)).toBeLessThan(1e-4);
      count++;
      expect(taken - count).toBeLessThan(2 * 3 + 2 * 1 + 2 * 3);
    }
    expect(count).toBe(40);
  });

  test('goes on behind a clip that cannot be read', async () => {
    const broken = join(folder, 'broken.png');
    await writeFile(broken, (await readFile(clips[0]!.path)).subarray(0, 200));
    const found = await scores(adapter(), [clips[0]!, { path: broken, kind: 'image' }, clips[1]!], 3);
    expect(found.map((result) => 'error' in result)).toEqual([false, true, false]);
    expect((found[1] as FailedClip).error.message).toContain('broken.png');
    const alone = (await scores(adapter(), clips)).map(scoreOf);
    expect(Math.abs(scoreOf(found[2]!) - alone[1]!)).toBeLessThan(1e-4);
  });

  test('refuses another base model, and a base or adapter that scores its golden pictures otherwise', async () => {
    await expect(loadScorer(adapter(), { model: join(folder, 'other') })).rejects.toThrow(
      'base model that it was trained on',
    );
    const cardFile = join(adapter(), 'iovqa.json');
    const card = await readFile(cardFile, 'utf8');
    try {
      const changed = JSON.parse(card) as { goldenScores: { score: number }[] };
      changed.goldenScores[0]!.score += 5;
      await writeFile(cardFile, JSON.stringify(changed));
      await expect(loadScorer(adapter())).rejects.toThrow('golden picture');
      changed.goldenScores[0]!.score -= 5;
      await writeFile(cardFile, JSON.stringify({ ...changed, frames: { ...settings.frames, pick: 'last' } }));
      await expect(loadScorer(adapter())).rejects.toThrow('frames.pick');
    } finally {
      await writeFile(cardFile, card);
    }
  });

  test('says what it expected where there is nothing', async () => {
    await expect(loadScorer(join(folder, 'nothing'))).rejects.toThrow(
      'expected the folder of a run, an adapter or a model',
    );
    await expect(loadScorer(folder)).rejects.toThrow('recipe.yaml (a run)');
    await expect(loadScorer(clips[0]!.path)).rejects.toThrow('expected a folder, got a file');
  });

  test('generates answers that are no finite set, and says so when they are no scores', async () => {
    await using scorer = await loadScorer(model(), { settings: { ...settings, answer: { kind: 'raw', step: null } } });
    const { value } = await scorer.score(clips.slice(0, 1)).next();
    // An untrained model does not answer with a number.
    expect((value as FailedClip).error.message).toContain('expected a number of 1–5');
  });

  test('stops with the reason of its signal', async () => {
    await using scorer = await loadScorer(adapter());
    const stop = new AbortController();
    const stream = scorer.score(clips, stop.signal);
    await stream.next();
    stop.abort(new Error('enough'));
    await expect(stream.next()).rejects.toThrow('enough');
  });
});

describe('exportAdapter', () => {
  test('a merged model scores as the adapter does, has no adapter and needs no base', { tags: ['long'] }, async () => {
    const to = join(folder, 'merged');
    const progress: number[] = [];
    const result = await exportAdapter(adapter(), to, 'merged', { onProgress: (done) => void progress.push(done) });
    expect(result).toMatchObject({ from: adapter(), base: model() });
    expect(result.goldenDifference).toBeLessThan(1e-3);
    expect(progress).toEqual((await openCheckpoint(to)).names.map((_, i) => i));
    const card = await readCard(to);
    expect(card).toMatchObject({ baseHash: null, baseModel: null, scale: settings.scale });
    const [merged, apart] = [await scores(to, clips), await scores(adapter(), clips)];
    for (const [i, one] of merged.entries()) expect(scoreOf(one)).toBeCloseTo(scoreOf(apart[i]!), 3);
    expect(scoreOf(merged[0]!)).not.toBeCloseTo(scoreOf((await scores(model(), clips))[0]!), 0);
  });

  test('rounds once to the type that is asked for, and says how far that moves the scores', async () => {
    const to = join(folder, 'merged-bf16');
    const { goldenDifference } = await exportAdapter(adapter(), to, 'merged', { dtype: 'BF16' });
    expect((await openCheckpoint(to)).stored('norm.weight').dtype).toBe('bfloat16');
    expect(goldenDifference).toBeGreaterThan(0);
    // Its card has its own golden scores: loading it does not complain.
    expect((await scores(to, clips)).every((result) => 'score' in result)).toBe(true);
  });

  test('takes the adapter alone, card and all', async () => {
    const to = join(folder, 'alone');
    await exportAdapter(adapter(), to, 'adapter');
    for (const name of ['adapter_model.safetensors', 'adapter_config.json', 'iovqa.json']) {
      expect(await readFile(join(to, name))).toEqual(await readFile(join(adapter(), name)));
    }
  });

  test('names the base that it is given', async () => {
    const moved = join(folder, 'moved');
    await cp(model(), moved, { recursive: true });
    await exportAdapter(adapter(), join(folder, 'rebased'), 'adapter', { model: moved });
    expect((await readCard(join(folder, 'rebased')))?.baseModel).toBe(moved);
    expect((await readAdapterConfig(join(folder, 'rebased'))).baseModel).toBe(moved);
  });

  test('refuses a type that cannot hold the weights, and one for the adapter alone', async () => {
    const checkpoint = await openCheckpoint(model());
    const shapes = adapterShapes(
      checkpoint.family.lora,
      lora,
      checkpoint.text.numLayers,
      (name) => checkpoint.stored(name).shape,
    );
    const tensors = initLora(shapes, 5);
    for (const values of tensors.values()) values.fill(100);
    const folderOf = join(folder, 'large');
    const card = await readCard(adapter());
    await writeAdapter(folderOf, { lora, tensors, card, baseModel: model() }, checkpoint.family);
    const half = exportAdapter(folderOf, join(folder, 'half'), 'merged', { dtype: 'F16' });
    await expect(half).rejects.toMatchObject({ code: 'non-finite' });
    const alone = exportAdapter(adapter(), join(folder, 'alone-bf16'), 'adapter', { dtype: 'BF16' });
    await expect(alone).rejects.toThrow('dtype: expected it with merged weights');
  });

  test('stops where it is told to, and leaves nothing behind', async () => {
    const before = await readdir(folder);
    const stop = new AbortController();
    const stopped = exportAdapter(adapter(), join(folder, 'stopped'), 'merged', {
      signal: stop.signal,
      onProgress: (done) => {
        if (done === 3) stop.abort(new Error('enough'));
      },
    });
    await expect(stopped).rejects.toThrow('enough');
    expect(await readdir(folder)).toEqual(before);
  });

  test('has one writer: a second export to the folder is told so while the first goes on, and leaves it alone', async () => {
    const to = join(folder, 'twice');
    const second: Promise<unknown>[] = [];
    await exportAdapter(adapter(), to, 'merged', {
      onProgress: (done) => {
        if (done !== 3) return;
        second.push(exportAdapter(adapter(), to, 'adapter').catch((error: unknown) => error));
      },
    });
    const [refused] = await Promise.all(second);
    expect(refused).toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining(`${to}: expected no other process to write there, got process ${process.pid}`),
    });
    expect(existsSync(join(to, 'model.safetensors'))).toBe(true);
    expect((await readdir(folder)).filter((name) => name.startsWith('twice'))).toEqual(['twice']);
  });

  test('refuses a model without adapter, and a folder that holds something', async () => {
    await expect(exportAdapter(model(), join(folder, 'no'), 'merged')).rejects.toThrow('got a model of its own');
    await expect(exportAdapter(adapter(), model(), 'merged')).rejects.toThrow('expected a new or empty folder');
  });
});

describe('a card of somebody else’s', () => {
  const card = (frames: object, scale: object = {}): Card => ({
    format: 1,
    baseHash: null,
    baseModel: null,
    frames: { ...settings.frames, assumedFps: null, ...frames },
    prompt: settings.prompt,
    answer: settings.answer,
    positions: settings.positions,
    scale: { ...settings.scale, ...scale },
    training: { manifestSha256: '0'.repeat(64), targetColumn: 'mos', numClips: 3, step: 1 },
    goldenScores: [],
    writtenBy: 'test',
  });

  test.each<[string, Card]>([
    ['frames.count is 0', card({ count: 0 })],
    ['frames.count is 1000000000', card({ count: 1e9 })],
    ['frames.minPixels is 1000000000', card({ minPixels: 1e9 })],
    ['frames.maxPixels is 0', card({ maxPixels: 0 })],
    ['frames.assumedFps is -1', card({ assumedFps: -1 })],
    ['frames.assumedFps is "x"', card({ assumedFps: 'x' })],
    ['scale is {"min":100,', card({}, { min: 100 })],
  ])('is refused when its %s', (message, given) => {
    expect(() => settingsOf(given, 'here')).toThrow(`here: its card's ${message}`);
  });

  test('is taken with what a trainer writes', () => {
    expect(settingsOf(card({}), 'here')).toEqual(settings);
  });
});
