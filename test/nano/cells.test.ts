// What the first stage of pretraining teaches: true targets of each cell, and filters that hear what is fine as loudly as what is coarse.
import { expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import type { RgbFrame } from '../../src/video/index.ts';
import { cutPatches } from '../../src/video/index.ts';
import { generatedScene, pictureDistortions } from '../../src/synthesis/index.ts';
import { cellTargets, targetsOf } from '../../nano/cells.ts';
import { fineStatistics } from '../../nano/fine-statistics.ts';
import type { QwenVisionConfig } from '../../nano/family.ts';
import { firstFilters } from '../../nano/first-filters.ts';

const SIDE = 32;
const scene = generatedScene({ width: 96, height: 64, stream: randomStream(8) });

/** The value of a target in each cell. */
function cellsOf(target: string, frame: RgbFrame, original = frame): number[] {
  const at = cellTargets.indexOf(target);
  expect(at).toBeGreaterThanOrEqual(0);
  const targets = targetsOf(original, frame, [{ kind: 'jpeg', strength: 0.5 }], SIDE);
  return Array.from({ length: 6 }, (_, cell) => targets[cell * cellTargets.length + at]!);
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

test('cells have the strengths of the whole picture', () => {
  expect(cellsOf('jpeg', scene)).toEqual([2.5, 2.5, 2.5, 2.5, 2.5, 2.5]);
  expect(cellsOf('banding', scene)).toEqual([0, 0, 0, 0, 0, 0]);
});

test('an undisturbed cell is its original, a disturbed one is not, and only that one', () => {
  const data = scene.data.slice();
  for (let y = 32; y < 64; y++) for (let x = 64; x < 96; x++) data[(y * 96 + x) * 3 + 1]! ^= 64;
  const disturbed = { ...scene, data };
  const similarity = cellsOf('similarity', disturbed, scene);
  const same = (1 - 0.8) * 4;
  similarity.slice(0, 5).forEach((value) => expect(value).toBeCloseTo(same, 6));
  expect(similarity[5]).toBeLessThan(same - 0.05);
  const error = cellsOf('error', disturbed, scene);
  error.slice(0, 5).forEach((value) => expect(value).toBeCloseTo(-2, 6));
  // 64 levels of green are 37.6 of luma.
  expect(error[5]).toBeCloseTo((Math.log2(1 + (64 * 0.587) ** 2) - 5) / 2.5, 4);
});

test.each([
  ['grid of 8', 'jpeg', 1],
  ['flatness', 'pixelate', 1],
  ['evenness', 'banding', -1],
  ['specks', 'impulse-noise', 1],
  ['rise to 2', 'gaussian-blur', 1],
  ['rise to 4', 'defocus', 1],
  ['rise to 8', 'downscale', 1],
  ['colour steps', 'chroma-noise', 1],
  ['colour rise', 'chroma-noise', 1],
] as const)('%s follows %s', async (target, kind, sign) => {
  const noise = randomStream(4);
  const photo = { ...scene, data: scene.data.map((value) => Math.min(255, value + noise.below(4))) };
  const [distorted] = await pictureDistortions[kind]([photo], 0.8, randomStream(1));
  const moved = mean(cellsOf(target, distorted!)) - mean(cellsOf(target, photo));
  expect(sign * moved).toBeGreaterThan(0.3);
});

test('no statistic of a flat cell is infinite', () => {
  const flat = { width: 96, height: 64, data: new Uint8Array(96 * 64 * 3).fill(255) };
  for (const name of Object.keys(fineStatistics))
    cellsOf(name, flat).forEach((value) => expect(Number.isFinite(value)).toBe(true));
});

test('first filters answer one cosine of one block each, from pixels', () => {
  const vision = { hiddenSize: 192, patchSize: 16, temporalPatchSize: 2 } as QwenVisionConfig;
  const [mean, std] = [[128 / 255, 128 / 255, 128 / 255] as const, [0.25, 0.5, 1] as const];
  const filters = firstFilters(vision, std);
  const [size, each] = [3 * 2 * 16 * 16, 48];
  expect(filters).toHaveLength(192 * size);
  // A grey patch with the second cosine across its upper right block.
  const wave = (x: number): number => Math.cos((Math.PI * (2 * x + 1)) / 16);
  const data = new Uint8Array(16 * 16 * 3).fill(128);
  for (let y = 0; y < 8; y++)
    for (let x = 8; x < 16; x++) data.fill(Math.round(128 + 100 * wave(x - 8)), (y * 16 + x) * 3, (y * 16 + x) * 3 + 3);
  const picture = { width: 32, height: 32, data: new Uint8Array(32 * 32 * 3).fill(128) };
  for (let y = 0; y < 16; y++) picture.data.set(data.subarray(y * 48, y * 48 + 48), y * 96);
  const options = { patchSize: 16, mergeSize: 2, temporalPatchSize: 2, mean, std };
  const { pixels } = cutPatches('image', [picture], options);
  const answers = Array.from({ length: 192 }, (_, filter) => {
    let sum = 0;
    for (let i = 0; i < size; i++) sum += filters[filter * size + i]! * pixels[i]!;
    return sum;
  });
  const loudest = answers.indexOf(Math.max(...answers.map(Math.abs)));
  expect(Math.floor(loudest / each)).toBe(1);
  // The cosine's coefficient is 100 √32 levels; its filters expect 150.
  expect(answers[loudest]).toBeCloseTo((0.5 * 100 * Math.sqrt(32)) / 150, 1);
  // What is left is of rounding the wave to whole levels, which filters of high frequencies hear well.
  answers.forEach((answer, filter) => expect(Math.abs(answer)).toBeLessThan(filter === loudest ? 2.5 : 0.15));
});
