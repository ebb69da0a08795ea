// Traps of tables, a scale that is upside down, and what a check says of a data set as data.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkData } from '../../src/checks/index.ts';
import { reversalOf } from '../../src/checks/reversed-scale.ts';
import type { DataCheck, DataCheckOptions } from '../../src/checks/index.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'iovqa-check-'));
  for (let i = 0; i < 30; i++) writeFileSync(join(folder, `${i}.png`), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** 30 pictures with columns. */
async function check(
  columns: Record<string, (i: number) => string | number>,
  options: DataCheckOptions = {},
): Promise<DataCheck> {
  const path = join(folder, 'clips.csv');
  const rows = Array.from({ length: 30 }, (_, i) => [`${i}.png`, ...Object.values(columns).map((f) => f(i))]);
  writeFileSync(path, [['image', ...Object.keys(columns)], ...rows].map((row) => `${row.join(',')}\n`).join(''));
  return checkData(path, { decode: false, ...options });
}

const mos = (i: number): number => 1 + (i % 9) / 2;
const all = { min: 1, max: 5, higherIsBetter: true };

describe('traps', () => {
  it('a sound table has none', async () => {
    expect(await check({ mos })).toMatchObject({
      rows: 30,
      good: 30,
      problems: [],
      traps: [],
      leaks: [],
      groupBy: 'group',
    });
  });

  it('scores in a corner of their scale: the one they fill is named', async () => {
    const { traps } = await check({ mos }, { scale: '0-100' });
    expect(traps).toEqual([
      'the scores run from 1 to 5, a small part of the scale 0-100: did you mean --scale 1-5 or --scale 1-10?',
    ]);
    expect((await check({ mos: () => 3 })).traps).toEqual(['all 30 scores are 3: there is nothing to learn from them']);
  });

  it('a column called DMOS where up is better', async () => {
    const { traps } = await check({ DMOS: mos }, { columns: { mos: 'DMOS' } });
    expect(traps.join()).toContain('--scale dmos-1-5');
    expect((await check({ DMOS: mos }, { columns: { mos: 'DMOS' }, scale: 'dmos-1-5' })).traps).toEqual([]);
  });

  it('columns of a known data set without its preset', async () => {
    const { traps } = await check({ mos, mos01: (i) => i / 30 });
    expect(traps.join()).toContain('--preset biq2021');
    const path = join(folder, 'beside.csv');
    writeFileSync(path, `image,mos,mos01\n${Array.from({ length: 30 }, (_, i) => `${i}.png,3,${i / 30}\n`).join('')}`);
    writeFileSync(`${path}.yaml`, 'preset: biq2021\n');
    expect((await checkData(path, { decode: false })).traps).toEqual([]);
  });

  it('prompts that clips share, and splits that tear them apart', async () => {
    const prompt = (i: number): string => `p${i % 10}`;
    const found = await check({ mos, prompt, split: (i) => (i < 29 ? 'train' : 'test') });
    expect(found.groupBy).toBe('prompt');
    expect(found.traps).toEqual([
      '30 clips share 10 prompts and have no group: train splits by prompt (data.groupBy: prompt)',
    ]);
    expect(found.leaks).toEqual(['prompt "p9" lies in the splits test and train (3 rows)']);
  });
});

describe('a scale that is upside down', () => {
  const scores = Array.from({ length: 40 }, (_, i) => i);
  const against = scores.map((s) => -s + 8 * Math.sin(s));

  it('is told where the rank correlation is below 0 for certain', () => {
    expect(reversalOf(against, scores, all)).toMatch(
      /SRCC -0\.\d\d on 40 clips\): if up is worse here, the scale is --scale dmos-1-5/,
    );
    expect(reversalOf(against, scores, { ...all, higherIsBetter: false })).toContain('--scale 1-5');
    expect(reversalOf(scores, scores, all)).toBeNull();
    expect(
      reversalOf(
        scores.map((s) => Math.sin(7 * s)),
        scores,
        all,
      ),
    ).toBeNull();
    expect(reversalOf(against.slice(0, 10), scores.slice(0, 10), all)).toBeNull();
  });

  const data = new URL('../../../shared/data/biq2021/', import.meta.url).pathname;
  const absent = existsSync(data) ? false : 'the folder of real data is not on this machine';
  it.skipIf(absent)(
    `is found in real photographs by the adapter that ships${absent ? ` (skipped: ${absent})` : ''}`,
    { tags: ['long'] },
    async () => {
      const path = join(folder, 'real.csv');
      const { readManifest } = await import('../../src/dataset/index.ts');
      const { rows } = await readManifest(join(data, 'manifest.csv'), { preset: 'biq2021' });
      const some = rows.filter(({ split }) => split === 'test').slice(0, 40);
      writeFileSync(path, `image,mos\n${some.map((row) => `${row.path},${1 - row.mos!}\n`).join('')}`);
      const { traps } = await checkData(path, { scale: '0-1' });
      expect(traps.join()).toMatch(/the other way round \(SRCC -0\.\d+ on 40 clips\).*--scale dmos-0-1/);
    },
  );
});

it('counts notes by what they are of, whatever they say of each clip', async () => {
  for (const [name, pages] of [
    ['two', 2],
    ['three', 3],
    ['four', 4],
  ] as const) {
    const raw = { width: 64, height: 64 * pages, channels: 3, pageHeight: 64 } as const;
    const pixels = Buffer.from(Array.from({ length: 64 * 64 * 3 * pages }, (_, i) => (i * pages) % 251));
    await sharp(pixels, { raw })
      .gif()
      .toFile(join(folder, `${name}.gif`));
  }
  const path = join(folder, 'gifs.csv');
  writeFileSync(path, 'image,mos\ntwo.gif,1\nthree.gif,3\nfour.gif,5\n');
  const { notes } = await checkData(path, { scorer: false });
  expect(notes).toEqual(['3 clips: several pictures, the first one taken (pages)']);
});
