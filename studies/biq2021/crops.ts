// Each picture of a table as a clip of two: the picture as the model is shown it, and a part of it as it is, which no resizing has blurred.
import { existsSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import pMap from 'p-map';
import sharp from 'sharp';
import { UserError, oneLine } from '../../src/core/index.ts';
import type { ClipRow } from '../../src/dataset/index.ts';
import { formatCsv, loadManifest } from '../../src/dataset/index.ts';
import { makeFolder, writeFileAtomic } from '../../src/files/index.ts';
import type { FrameSettings } from '../../src/inputs/index.ts';
import { frameOptions } from '../../src/inputs/index.ts';
import type { Checkpoint } from '../../src/model/index.ts';
import type { FrameReader, RgbFrame } from '../../src/video/index.ts';
import { openFrameReader } from '../../src/video/index.ts';
import { crop } from '../sets/crop.ts';

/** Side of both frames, in pixels: 65,536 pixels are the most that the studies of BIQ2021 show. */
const SIDE = 256;
/** A limit that no picture reaches. */
const UNCHANGED = 2 ** 40;

/** How the arms that see the picture alone are shown it, but for its size. */
const shown: Omit<FrameSettings, 'maxPixels'> = {
  pick: 'uniform',
  count: 1,
  as: 'images',
  minPixels: 3136,
  seed: 0,
  toneMap: 'bt2390',
  deinterlace: 'bwdif',
  squarePixels: true,
  profile: 'srgb',
};

/** What is made. */
export interface CropOptions {
  /** Table of pictures, with the columns of BIQ2021; `crops.csv` and `crops/` are written beside it. */
  table: string;
  /** The model that is shown the clips: the sides of its patches decide how pictures are resized. */
  checkpoint: Pick<Checkpoint, 'processor'>;
  /** How many rows, from the first; default: all. */
  count?: number;
  /** Told how many clips are there. */
  onProgress?: (done: number, total: number) => void;
}

/**
 * Writes the clips, lossless animated WebP files of two pages, and their table: the same rows, with the column `video` in the place of
 * `image`. A clip that is there is not made again. The table of the pictures stays as it is.
 * @param options - table, model
 * @returns the path of the table
 * @throws UserError `bad-input` for a picture that is not square, or smaller than its part
 */
export async function makeCrops(options: CropOptions): Promise<string> {
  const { table, checkpoint, count, onProgress = () => {} } = options;
  const { rows } = await loadManifest(table, { preset: 'biq2021' });
  const some = rows.slice(0, count);
  const folder = dirname(table);
  await makeFolder(join(folder, 'crops'));
  await using reader = openFrameReader();
  let done = 0;
  const cells = await pMap(
    some,
    async (row) => {
      const file = `crops/${basename(row.id, extname(row.id))}.webp`;
      const path = join(folder, file);
      if (!existsSync(path)) await writeFileAtomic(path, await animationOf(await pairOf(row, reader, checkpoint)));
      onProgress(++done, some.length);
      return [file, String(row.mos), row.split ?? '', row.group ?? ''];
    },
    { concurrency: 4 },
  );
  const made = join(folder, 'crops.csv');
  await writeFileAtomic(made, formatCsv(['video', 'mos01', 'split', 'group'], cells));
  return made;
}

/** The frames of a picture's clip. */
async function pairOf(
  row: ClipRow,
  reader: FrameReader,
  checkpoint: CropOptions['checkpoint'],
): Promise<[RgbFrame, RgbFrame]> {
  const read = (maxPixels: number) => reader.read(row, frameOptions(checkpoint, { ...shown, maxPixels }));
  const { rgb, plan } = await read(SIDE * SIDE);
  const [whole, native] = [rgb[0]!, (await read(UNCHANGED)).rgb[0]!];
  const refuse = (expected: string, { width, height }: Pick<RgbFrame, 'width' | 'height'>): UserError =>
    new UserError('bad-input', `${oneLine(row.path)}: expected ${expected}, got ${width}×${height}`);
  const stored = { width: plan.sourceWidth, height: plan.sourceHeight };
  if (whole.width !== SIDE || whole.height !== SIDE)
    throw refuse(`a square picture of at least ${SIDE}×${SIDE} pixels`, stored);
  if (native.width !== stored.width || native.height !== stored.height || native.width < SIDE) {
    throw refuse(`sides of at least ${SIDE} pixels that no resizing to whole patches changes`, stored);
  }
  const corner = Math.floor((native.width - SIDE) / 2);
  return [whole, crop(native, corner, corner, SIDE)];
}

/** Frames of one size as an animation that keeps each pixel. */
async function animationOf(frames: readonly RgbFrame[]): Promise<Buffer> {
  const { width, height } = frames[0]!;
  const raw = { width, height: height * frames.length, channels: 3, pageHeight: height } as const;
  return sharp(Buffer.concat(frames.map(({ data }) => data)), { raw })
    .webp({ lossless: true, exact: true, delay: frames.map(() => 100) })
    .toBuffer();
}
