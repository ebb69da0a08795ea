// Label ceilings: exact by arithmetic, and those of published labels.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { labelCeilings } from '../../studies/label-ceilings.ts';
import { planClips } from '../../studies/known-truth/plan.ts';
import { drawRaters } from '../../studies/known-truth/raters.ts';
import { readLabels } from '../../studies/labels.ts';
import { root } from '../docs/markdown.ts';
import { temporaryFolder } from '../files/temporary.ts';

const valuesOf = (mos: readonly number[]): Record<string, [rank: number, linear: number]> =>
  Object.fromEntries(
    labelCeilings(mos).map(({ coding, srcc, plcc }) => [
      coding,
      [srcc.defined ? srcc.value : NaN, plcc.defined ? plcc.value : NaN],
    ]),
  );

describe('label ceilings', () => {
  test('of four labels are those by hand', () => {
    // Step 1 codes them as 1, 1, 2, 5; their ranks 1 2 3 4 become 1.5 1.5 3 4. Of the levels the first three are bad.
    const of = valuesOf([1, 1.4, 1.6, 5]);
    expect(of['step 0.1']![0]).toBeCloseTo(1, 12);
    expect(of['step 0.1']![1]).toBeCloseTo(1, 12);
    expect(of['step 1']![0]).toBeCloseTo(Math.sqrt(0.9), 12);
    expect(of['step 1']![1]).toBeCloseTo(10.35 / Math.sqrt(10.27 * 10.75), 12);
    expect(of['five levels']![0]).toBeCloseTo(3 / Math.sqrt(5 * 3), 12);
    expect(of['five levels']![1]).toBeCloseTo(11 / Math.sqrt(10.27 * 12), 12);
  });

  test('of the integers 10–50 are what integer arithmetic gives', () => {
    const tenths = Array.from({ length: 41 }, (_, i) => 10 + i);
    const of = valuesOf(tenths.map((label) => label / 10));
    for (const [name, coded] of Object.entries({
      'step 0.1': tenths,
      'step 0.2': tenths.map((label) => 10 + 2 * Math.floor((label - 10 + 1) / 2)),
      'step 0.5': tenths.map((label) => 10 + 5 * Math.floor((label - 10 + 2.5) / 5)),
      'step 1': tenths.map((label) => 10 + 10 * Math.floor((label - 10 + 5) / 10)),
      'five levels': tenths.map((label) => Math.max(1, Math.ceil((label - 10) / 8))),
    })) {
      expect([name, of[name]![0]]).toEqual([name, expect.closeTo(pearson(twiceRanks(tenths), twiceRanks(coded)), 12)]);
      expect([name, of[name]![1]]).toEqual([name, expect.closeTo(pearson(tenths, coded), 12)]);
    }
  });

  test('of the known-truth sets are those of the document', () => {
    const names = Array.from({ length: 20 }, (_, i) => `p${i}`);
    const [few, many] = [160, 1200].map((count) =>
      valuesOf(planClips(names, { count, seed: 0, raters: drawRaters(0) }).map(({ overall }) => overall / 10)),
    );
    const rows = Object.keys(few!).map((coding) =>
      [coding, ...few![coding]!.map((v) => v.toFixed(4)), ...many![coding]!.map((v) => v.toFixed(4))].join(' | '),
    );
    expect(tableOf('docs/studies/known-truth.md', 'coding')).toEqual(rows);
  });

  const data = join(root, '../shared/data');
  const absent = existsSync(data) ? '' : ' (skipped: shared/data is not here)';
  test.skipIf(absent !== '')(`of published labels are known${absent}`, async () => {
    const taobao = valuesOf(await readLabels(join(data, 'taobaovd-gc/train_labels.csv'), { preset: 'taobaovd-gc' }));
    expect(rounded(taobao['step 0.1']!, 4)).toEqual([1, 0.9996]);
    expect(rounded(taobao['five levels']!, 3)).toEqual([0.956, 0.964]);
    const biq = valuesOf(
      await readLabels(join(data, 'biq2021/manifest.csv'), { columns: { mos: 'mos01' }, scale: '0-1' }),
    );
    const ranks = ['step 0.1', 'step 0.5', 'five levels'].map((coding) => rounded(biq[coding]!, 4)[0]);
    expect(ranks).toEqual([0.9977, 0.9585, 0.9356]);
  });
});

test('labels are read from any table, and what is none is named', async () => {
  const path = join(temporaryFolder(), 'labels.csv');
  writeFileSync(path, 'name,MOS,Clarity\na,0.25,40\nb,1,70\n');
  expect(await readLabels(path, { scale: '0-1' })).toEqual([2, 5]);
  expect(await readLabels(path, { columns: { mos: 'Clarity' }, scale: '0-100' })).toEqual([2.6, 3.8]);
  await expect(readLabels(path)).rejects.toMatchObject({
    code: 'bad-input',
    message: `${path}:2: MOS: expected a score of 1-5, got "0.25"`,
  });
  await expect(readLabels(path, { columns: { mos: 'clarty' } })).rejects.toThrow(
    'expected a column "clarty" of scores',
  );
});

const rounded = (values: readonly number[], digits: number): number[] => values.map((v) => Number(v.toFixed(digits)));

/** Twice the mean ranks: integers. */
const twiceRanks = (values: readonly number[]): number[] =>
  values.map((v) => 2 * values.filter((w) => w < v).length + values.filter((w) => w === v).length + 1);

/** Of integers whose sums are exact. */
function pearson(x: readonly number[], y: readonly number[]): number {
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const product = (u: readonly number[], v: readonly number[]): number =>
    u.length * sum(u.map((value, i) => value * v[i]!)) - sum(u) * sum(v);
  return product(x, y) / Math.sqrt(product(x, x) * product(y, y));
}

/** Rows of the table of a document whose first heading is given. */
function tableOf(path: string, heading: string): string[] {
  const lines = readFileSync(join(root, path), 'utf8').split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${heading} `));
  const end = lines.findIndex((line, i) => i > start && !line.startsWith('|'));
  return lines.slice(start + 2, end).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim())
      .join(' | '),
  );
}
