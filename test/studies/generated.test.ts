// Generated sets: labels that follow from what was drawn, texts that decide, keyframes where they were asked for.
import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import { readManifest } from '../../src/dataset/index.ts';
import { srcc } from '../../src/metrics/index.ts';
import { generatedScene } from '../../src/synthesis/index.ts';
import { openFrameReader } from '../../src/video/index.ts';
import type { GeneratedKindName } from '../../studies/generated/kinds.ts';
import { generatedKinds } from '../../studies/generated/kinds.ts';
import { LEAST_SIDE, makeGenerated, planGenerated } from '../../studies/generated/make-set.ts';
import { textOf, tint } from '../../studies/generated/text.ts';
import { options as frameOptions } from '../video/fixtures.ts';
import { temporaryFolder } from '../files/temporary.ts';

const kinds = Object.keys(generatedKinds) as GeneratedKindName[];
const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'];

describe('a plan of generated clips', () => {
  test.each(kinds)(
    '%s: labels from 1 to 5 in tenths, that follow from strength, and photographs in one part',
    (kind) => {
      const clips = planGenerated(kind, names, { count: 400, seed: 3 });
      const partOf = new Map<string, string>();
      for (const { mos, strength, photograph, split, fault, prompt } of clips) {
        expect(Math.abs(mos * 10 - Math.round(mos * 10))).toBeLessThan(1e-9);
        const expected = kind === 'text' ? Math.abs(mos - 3) / 2 : (5 - mos) / 4;
        expect(Math.abs(expected - strength)).toBeLessThanOrEqual(0.0251);
        expect(partOf.get(photograph) ?? split).toBe(split);
        partOf.set(photograph, split);
        expect(prompt).not.toContain(fault);
      }
      expect(planGenerated(kind, names, { count: 400, seed: 3 })).toEqual(clips);
      expect(planGenerated(kind, names, { count: 400, seed: 4 }).map(({ mos }) => mos)).not.toEqual(
        clips.map(({ mos }) => mos),
      );
    },
  );

  test('text: neither the picture nor the text alone says anything, both together say all', () => {
    const clips = planGenerated('text', names, { count: 2000, seed: 0 });
    const mos = clips.map((clip) => clip.mos);
    const shows = clips.map(({ fault, strength }) => (fault.endsWith('-high') ? strength : -strength));
    const says = clips.map(({ fault, prompt }) => (prompt === textOf(fault.split('-')[0]!, true) ? 1 : -1));
    const of = (values: number[]): number => {
      const stat = srcc(values, mos);
      return stat.defined ? stat.value : NaN;
    };
    expect(Math.abs(of(shows))).toBeLessThan(0.09); // three standard errors: signs by chance, weighted by strength²
    expect(Math.abs(of(says))).toBeLessThan(0.09);
    expect(of(shows.map((x, i) => x * says[i]!))).toBeGreaterThan(0.999);
  });
});

test('tints are brighter or darker, warmer or colder, by strength', () => {
  const frame = generatedScene({ width: 64, height: 64, stream: randomStream(1) });
  const mean = (fault: string, strength: number): [number, number] => {
    const { data } = tint([frame], fault, strength)[0]!;
    const sums = [0, 0, 0];
    for (let i = 0; i < data.length; i++) sums[i % 3]! += data[i]! / (data.length / 3);
    return [sums[0]! + sums[1]! + sums[2]!, sums[0]! - sums[2]!];
  };
  const brightness = ['brightness-low', 'brightness-high'].flatMap((fault) => [mean(fault, 1)[0], mean(fault, 0.2)[0]]);
  expect([brightness[0]! < brightness[1]!, brightness[1]! < brightness[3]!, brightness[3]! < brightness[2]!]).toEqual([
    true,
    true,
    true,
  ]);
  const warmth = ['colour-low', 'colour-high'].flatMap((fault) => [mean(fault, 1)[1], mean(fault, 0.2)[1]]);
  expect([warmth[0]! < warmth[1]!, warmth[1]! < warmth[3]!, warmth[3]! < warmth[2]!]).toEqual([true, true, true]);
});

test(
  'a set is made once and gone on with; keyframes are where they belong, and neighbours are frames of the clip',
  { tags: ['long'] },
  async () => {
    const folder = temporaryFolder();
    const pictures = join(folder, 'pictures');
    mkdirSync(pictures);
    for (let i = 0; i < 5; i++) {
      const { data, width, height } = generatedScene({
        width: LEAST_SIDE,
        height: LEAST_SIDE,
        stream: randomStream(i),
      });
      await sharp(data, { raw: { width, height, channels: 3 } })
        .png()
        .toFile(join(pictures, `photo-${i}.png`));
    }
    const out = join(folder, 'set');
    const options = { folder: out, pictures, count: 10, seed: 2 };
    expect(await makeGenerated('temporal', options)).toMatchObject({ clips: 10, made: 10, photographs: 5 });
    const files = (): string[] =>
      ['clips', 'neighbours'].flatMap((name) => readdirSync(join(out, name)).map((file) => `${name}/${file}`));
    const bytes = (): [string, string][] => files().map((name) => [name, readFileSync(join(out, name), 'base64')]);
    const before = bytes();
    expect(before).toHaveLength(20);
    rmSync(join(out, 'clips', '4.mp4'));
    rmSync(join(out, 'neighbours', '4.mp4'));
    expect(await makeGenerated('temporal', options)).toMatchObject({ made: 1 });
    expect(bytes()).toEqual(before);

    await using reader = openFrameReader({ workers: 1 });
    const read = (name: string, pick: 'keyframe' | 'uniform', count: number): ReturnType<typeof reader.read> =>
      reader.read({ path: join(out, name), kind: 'video' }, { ...frameOptions, pick, count, as: 'images' });
    const { plan } = await read('clips/0.mp4', 'keyframe', 4);
    expect(plan.numFrames).toBe(48);
    expect(plan.frames.map(({ index }) => index)).toEqual([0, 12, 24, 36]);
    expect((await read('neighbours/0.mp4', 'uniform', 2)).plan.numFrames).toBe(2);
    const [first, second] = await Promise.all(
      [join(out, 'manifest.csv'), join(out, 'neighbours.csv')].map((path) => readManifest(path)),
    );
    expect(second!.rows.map(({ mos }) => mos)).toEqual(first!.rows.map(({ mos }) => mos));
    await expect(makeGenerated('spatial', options)).rejects.toThrow(
      'kind: expected "temporal", with which the set was begun, got "spatial"',
    );
  },
);
