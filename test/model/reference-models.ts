// Models and adapters with weights of a fixed stream, for the comparison with transformers and PEFT. Run as a program with a folder,
// it writes there what golden-init.py of test/reference reads: base/, adapter-plain/, adapter-rslora/, picture.png and frame-N.png.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { randomStream } from '../../src/core/index.ts';
import type { Checkpoint, LoraOptions } from '../../src/model/index.ts';
import {
  adapterShapes,
  createRandomCheckpoint,
  loraTargets,
  openCheckpoint,
  writeAdapter,
  writeCheckpoint,
} from '../../src/model/index.ts';
import type { RgbFrame } from '../../src/video/index.ts';

/** Uniform in ±`scale` around `middle`: no function of the machine's library is used, so the bits are the same everywhere. */
function uniform(size: number, scale: number, middle: number, ...key: number[]): Float32Array {
  const stream = randomStream(...key);
  return Float32Array.from({ length: size }, () => middle + (2 * stream.uniform() - 1) * scale);
}

/**
 * Writes the base: the settings of a random tiny model, and weights large enough that every part of it shows in the logits.
 * @returns the opened checkpoint, in `folder`/base
 */
export async function referenceBase(folder: string): Promise<Checkpoint> {
  await createRandomCheckpoint(join(folder, 'random'), { preset: 'tiny' });
  const random = await openCheckpoint(join(folder, 'random'));
  const tensors = new Map(
    random.names.map((name, i) => {
      const { shape } = random.stored(name);
      const isNorm = shape.length === 1 && !name.endsWith('.bias');
      const size = shape.reduce((a, b) => a * b, 1);
      return [name, uniform(size, isNorm ? 0.3 : 0.25, isNorm ? 1 : 0, 100, i)];
    }),
  );
  await writeCheckpoint(join(folder, 'base'), random, tensors);
  return openCheckpoint(join(folder, 'base'));
}

/** The adapters that we write: on all seven layers, and on four of them with rank-stabilised scale. */
export const referenceAdapters: Readonly<Record<'plain' | 'rslora', LoraOptions>> = {
  plain: { rank: 3, alpha: 8, dropout: 0.1, rslora: false, targets: loraTargets },
  rslora: { rank: 4, alpha: 5, dropout: 0, rslora: true, targets: ['q_proj', 'v_proj', 'o_proj', 'down_proj'] },
};

/** @returns factors of an adapter, none of them zero */
export function referenceFactors(lora: LoraOptions, checkpoint: Checkpoint): Map<string, Float32Array> {
  const { family, text, stored } = checkpoint;
  const shapes = adapterShapes(family.lora, lora, text.numLayers, (name) => stored(name).shape);
  return new Map([...shapes].map(([name, [rows, columns]], i) => [name, uniform(rows * columns, 0.3, 0, 200, i)]));
}

/** @returns a picture of coloured noise over a slope */
export function referencePicture(width: number, height: number, key: number): RgbFrame {
  const stream = randomStream(300, key);
  const data = Uint8Array.from(
    { length: width * height * 3 },
    (_, i) => ((Math.floor(i / 3) % width) * 150) / width + stream.below(105),
  );
  return { width, height, data };
}

/** A picture that must be resized, and four frames that must not. */
export const referencePictures = {
  picture: referencePicture(150, 107, 0),
  frames: [1, 2, 3, 4].map((key) => referencePicture(84, 56, key)),
};

/** Writes a picture as PNG. */
export async function writePng(path: string, { width, height, data }: RgbFrame): Promise<void> {
  await sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toFile(path);
}

async function main(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const checkpoint = await referenceBase(folder);
  await createRandomCheckpoint(join(folder, 'small'), { preset: 'small' });
  for (const [name, lora] of Object.entries(referenceAdapters)) {
    const tensors = referenceFactors(lora, checkpoint);
    const adapter = { lora, tensors, card: null, baseModel: checkpoint.folder };
    await writeAdapter(join(folder, `adapter-${name}`), adapter, checkpoint.family);
  }
  await writePng(join(folder, 'picture.png'), referencePictures.picture);
  for (const [i, frame] of referencePictures.frames.entries()) await writePng(join(folder, `frame-${i}.png`), frame);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv[2]!);
