// Pictures with their middles: what the model is shown of such a clip, to the bit.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import { readManifest } from '../../src/dataset/index.ts';
import { frameOptions } from '../../src/inputs/index.ts';
import { openCheckpoint } from '../../src/model/index.ts';
import type { RgbFrame } from '../../src/video/index.ts';
import { openFrameReader } from '../../src/video/index.ts';
import { makeCrops } from '../../studies/biq2021/crops.ts';
import { crop } from '../../studies/sets/crop.ts';
import { root } from '../docs/markdown.ts';
import { temporaryFolder } from '../files/temporary.ts';

const checkpoint = await openCheckpoint(join(root, 'models', 'nano'));

/** A table of pictures of noise. */
async function tableOf(
  sizes: readonly (readonly [number, number])[],
): Promise<{ table: string; pictures: RgbFrame[] }> {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'images'));
  const stream = randomStream(8);
  const pictures = sizes.map(([width, height]): RgbFrame => {
    return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => stream.below(256)) };
  });
  for (const [i, { width, height, data }] of pictures.entries()) {
    await sharp(data, { raw: { width, height, channels: 3 } }).toFile(join(folder, 'images', `${i}.png`));
  }
  const table = join(folder, 'manifest.csv');
  const rows = sizes.map(
    (_, i) => `images/${i}.png,0.${i + 3},${i === 0 ? 'fit' : 'report'},${i === 1 ? 'twins' : ''}\n`,
  );
  writeFileSync(table, `image,mos01,split,group\n${rows.join('')}`);
  return { table, pictures };
}

test('a clip shows what the picture alone shows, and its middle pixel by pixel', async () => {
  const { table, pictures } = await tableOf([
    [512, 512],
    [320, 320],
  ]);
  const before = readFileSync(table);
  const made = await makeCrops({ table, checkpoint });
  expect(readFileSync(table).equals(before)).toBe(true);
  const { rows } = await readManifest(made, { preset: 'biq2021', columns: { video: 'video' } });
  const own = await readManifest(table, { preset: 'biq2021' });
  expect(rows.map(({ mos, split, group }) => [mos, split, group])).toEqual(
    own.rows.map(({ mos, split, group }) => [mos, split, group]),
  );
  await using reader = openFrameReader({ workers: 1 });
  // As studies/beyond.yaml shows clips, and studies/paper-ablation.yaml pictures.
  const shown = { pick: 'uniform', as: 'images', maxPixels: 65536, minPixels: 3136, seed: 0 } as const;
  const pixels = { toneMap: 'bt2390', deinterlace: 'bwdif', squarePixels: true, profile: 'srgb' } as const;
  const options = (count: number) => frameOptions(checkpoint, { ...shown, ...pixels, count });
  for (const [i, row] of rows.entries()) {
    const [whole, middle] = (await reader.read(row, options(2))).rgb;
    expect(whole).toEqual((await reader.read(own.rows[i]!, options(1))).rgb[0]);
    const corner = (pictures[i]!.width - 256) / 2;
    expect(middle).toEqual(crop(pictures[i]!, corner, corner, 256));
  }
});

test('some rows can be made first, and a clip that is there stays', async () => {
  const { table } = await tableOf([
    [256, 256],
    [288, 288],
  ]);
  const made = await makeCrops({ table, checkpoint, count: 1 });
  expect(readFileSync(made, 'utf8')).toBe('video,mos01,split,group\ncrops/0.webp,0.3,fit,\n');
  writeFileSync(join(made, '..', 'crops', '0.webp'), 'kept');
  await makeCrops({ table, checkpoint });
  expect(readFileSync(join(made, '..', 'crops', '0.webp'), 'utf8')).toBe('kept');
  expect(readFileSync(made, 'utf8').split('\n')).toHaveLength(4);
});

test.each([
  [[512, 256], 'a square picture of at least 256×256 pixels'],
  [[500, 500], 'sides of at least 256 pixels that no resizing to whole patches changes'],
  [[128, 128], 'a square picture of at least 256×256 pixels'],
] as const)('a picture of %o is refused', async (size, expected) => {
  const { table } = await tableOf([size]);
  await expect(makeCrops({ table, checkpoint })).rejects.toThrow(`expected ${expected}, got ${size[0]}×${size[1]}`);
});
