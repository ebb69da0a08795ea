// Tiny training runs in the test's own process: twelve pictures of noise, a random model, a few updates.
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { randomStream } from '../../src/core/index.ts';
import { createRandomCheckpoint } from '../../src/model/index.ts';
import type { RecipeInput, ResolvedRecipe, TrainEvent, TrainOptions } from '../../src/train/index.ts';
import { resolveRecipe, train } from '../../src/train/index.ts';

export interface Workshop {
  folder: string;
  at: (...names: string[]) => string;
  /** The recipe of most tests, with changes; `name` is its run folder. */
  recipe: (name: string, changes?: RecipeInput) => ResolvedRecipe;
  remove: () => Promise<void>;
}

export async function openWorkshop(): Promise<Workshop> {
  const folder = await mkdtemp(join(tmpdir(), 'iovqa-run-'));
  const at = (...names: string[]): string => join(folder, ...names);
  await createRandomCheckpoint(at('model'), { preset: 'tiny' });
  const stream = randomStream(1);
  const rows = ['image,mos,std'];
  for (let i = 0; i < 12; i++) {
    await writePicture(at(`${i}.png`), i);
    rows.push(`${i}.png,${(1 + 4 * stream.uniform()).toFixed(2)},0.4`);
  }
  await writeFile(at('clips.csv'), `${rows.join('\n')}\n`);
  return {
    folder,
    at,
    recipe: (name, changes = {}) =>
      resolveRecipe({
        base: {
          model: at('model'),
          out: at(name),
          data: { manifest: at('clips.csv'), validation: { fraction: 0.25 } },
          frames: { maxPixels: 3136 },
          ...(changes.method === 'full' || changes.adapter !== undefined ? {} : { lora: { rank: 4 } }),
          epochs: 2,
          batchSize: 3,
          microBatch: 3,
          optimizer: { learningRate: 3e-3 },
          runtime: { workers: 1, threads: 1 },
          ...changes,
        },
      }),
    remove: () => rm(folder, { recursive: true }),
  };
}

export async function writePicture(path: string, seed: number): Promise<void> {
  const stream = randomStream(seed + 100);
  const pixels = Buffer.from(Array.from({ length: 56 * 56 * 3 }, () => stream.below(256)));
  await sharp(pixels, { raw: { width: 56, height: 56, channels: 3 } })
    .png()
    .toFile(path);
}

export async function runAll(recipe: ResolvedRecipe, options: TrainOptions = {}): Promise<TrainEvent[]> {
  const events: TrainEvent[] = [];
  for await (const event of train(recipe, options)) events.push(event);
  return events;
}

export function only<T extends TrainEvent['type']>(
  events: readonly TrainEvent[],
  type: T,
): Extract<TrainEvent, { type: T }>[] {
  return events.filter((event): event is Extract<TrainEvent, { type: T }> => event.type === type);
}

/** Checkpoints that a run has, by step. */
export async function stepsOf(run: string): Promise<number[]> {
  const names = await readdir(join(run, 'checkpoints'));
  return names
    .flatMap((name) => /^step-(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** What a run trained and its optimizer, as bytes. */
export async function bytesOf(run: string, step: number, file = 'adapter_model.safetensors'): Promise<string> {
  const folder = join(run, 'checkpoints', `step-${step}`);
  const files = await Promise.all([file, 'optimizer.safetensors'].map((name) => readFile(join(folder, name))));
  return files.map((bytes) => bytes.toString('base64')).join(' ');
}
