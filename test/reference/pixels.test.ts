// Live comparison with transformers' image and video processors on real pictures: from the file to the vision tower's input.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readSafetensorsHeader, readTensor } from '../../src/files/index.ts';
import { cutPatches, openFrameReader } from '../../src/video/index.ts';
import { options, sharedData } from '../video/fixtures.ts';
import { needsPython, python, runPython } from './python.ts';

interface Case {
  kind: string;
  name: string;
  file: string;
  /** Width and height of the upright picture. */
  size: [number, number];
  minPixels: number;
  maxPixels: number;
  grid: [number, number, number];
  /** How far apart the two image processors of the reference are, at most and on average, in grey levels. */
  apart?: [number, number];
}

/** How far apart values are, at most and on average, in grey levels (1/255 before normalisation). */
function distance(ours: Float32Array, reference: Float32Array): [greatest: number, mean: number] {
  expect(ours.length).toBe(reference.length);
  const perChannel = options.temporalPatchSize * options.patchSize ** 2;
  let [greatest, sum] = [0, 0];
  for (let i = 0; i < ours.length; i++) {
    const apart = Math.abs(ours[i]! - reference[i]!) * options.std[Math.floor(i / perChannel) % 3]! * 255;
    greatest = Math.max(greatest, apart);
    sum += apart;
  }
  return [greatest, sum / ours.length];
}

const pictures = [
  'as it is',
  'crop',
  'wide',
  'tall',
  'tiny',
  'large',
  'grey',
  'cmyk',
  'turned by EXIF',
  'frame of a clip',
];
const kinds = [...pictures, 'four frames of a clip'];
const haveData = ['biq2021', 'fetv'].every((name) => existsSync(join(sharedData, name)));
const absent = haveData ? '' : '; skipped: shared/data/biq2021 or fetv is not here';
const skip = python === undefined || !haveData;

describe.skipIf(skip)(`against transformers (${needsPython}${absent})`, async () => {
  const folder = skip ? '' : mkdtempSync(join(tmpdir(), 'iovqa-pixels-'));
  const reader = openFrameReader({ workers: 1 });
  afterAll(async () => {
    await reader[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  const { cases } = (skip ? { cases: [] } : await runPython('pixels.py', folder, sharedData)) as { cases: Case[] };

  it('covers all kinds, sizes that are enlarged and reduced', () => {
    expect(new Set(cases.map(({ kind }) => kind))).toEqual(new Set(kinds));
    const scales = cases.map(({ size: [w, h], grid }) => (grid[1] * grid[2] * options.patchSize ** 2) / (w * h));
    expect(scales.filter((scale) => scale > 1.3).length).toBeGreaterThan(30);
    expect(scales.filter((scale) => scale < 0.7).length).toBeGreaterThan(30);
  });

  it.each(kinds)('%s: the very values', async (kind) => {
    for (const { name, file, minPixels, maxPixels, grid } of cases.filter((one) => one.kind === kind)) {
      const clip = kind === 'four frames of a clip';
      const media = { path: join(folder, file), kind: file.endsWith('.gif') ? ('video' as const) : ('image' as const) };
      const count = clip ? 4 : 1;
      const chosen = { ...options, pick: 'first', count, minPixels, maxPixels } as const;
      const { visions, rgb } = await reader.read(media, chosen);
      const { t, h, w } = visions[0]!.grid;
      expect([name, t, h, w]).toEqual([name, ...grid]);
      const cut = cutPatches(visions[0]!.kind, visions[0]!.kind === 'video' ? rgb : rgb.slice(0, 1), options);
      expect(cut.grid).toEqual(visions[0]!.grid);
      const reference = await readTensor(await readSafetensorsHeader(join(folder, `${name}.safetensors`)), 'pixels');
      expect([name, ...distance(cut.pixels, reference)]).toEqual([name, 0, 0]);
    }
  });

  it('the image processors of the reference are not equal, by no more than two grey levels', () => {
    const apart = cases.flatMap((one) => (one.apart === undefined ? [] : [one.apart]));
    const greatest = Math.max(...apart.map(([most]) => most));
    expect(greatest).toBeCloseTo(2, 3);
    expect(Math.max(...apart.map(([, mean]) => mean))).toBeLessThan(0.05);
  });
});
