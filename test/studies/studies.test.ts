// The studies that are here can be read, and BIQ2021's parts tear no near-duplicates apart.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readStudy } from '../../src/study/index.ts';
import { sourcesOfRun, sourcesOfScoring } from '../../src/study/grid/study-file.ts';
import type { Recipe } from '../../src/train/index.ts';
import { resolveRecipe } from '../../src/train/index.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const data = join(root, '..', 'shared', 'data', 'biq2021');
const studies = readdirSync(join(root, 'studies')).filter((name) => name.endsWith('.yaml'));

test.each(studies)('%s is a study', async (name) => {
  const { arms, seeds, contrasts, about } = await readStudy(join(root, 'studies', name));
  expect(about).not.toBe('');
  expect(arms.length).toBeGreaterThan(1);
  expect(seeds.length).toBeGreaterThan(0);
  expect(contrasts.length).toBeGreaterThan(0);
  const study = await readStudy(join(root, 'studies', name));
  for (const arm of arms) {
    const sources = sourcesOfRun(study, arm, 0, 'out', undefined);
    for (const one of [sources, sourcesOfScoring(sources, arm)]) {
      const { prompt, questions } = resolveRecipe(one).recipe;
      const templates = [prompt, ...questions].map(({ template }) => template);
      expect(templates.filter((path) => isAbsolute(path) && !existsSync(path))).toEqual([]);
    }
  }
});

test('labels of a fixed width do not take that of the votes, and pairs differ in nothing but the order', async () => {
  const study = await readStudy(join(root, 'studies', 'beyond-known-truth.yaml'));
  const recipeOf = (name: string): Recipe =>
    resolveRecipe(
      sourcesOfRun(
        study,
        study.arms.find((arm) => arm.name === name)!,
        0,
        'out',
        undefined,
      ),
    ).recipe;
  const widthOf = (name: string): unknown => recipeOf(name).data.columns.std;
  expect(['width-0.50', 'width-0.72', 'width-votes'].map(widthOf)).toEqual([undefined, undefined, 'deviation']);
  const [across, within] = [recipeOf('pairs-across'), recipeOf('pairs-within')];
  expect({ ...within, out: across.out, train: across.train }).toEqual(across);
  expect([across.train.order, within.train.order]).toEqual(['shuffled', 'by-group']);
  const [alone, more] = [recipeOf('one-question'), recipeOf('four-more')];
  expect({ ...more, out: alone.out, questions: [] }).toEqual(alone);
  expect(more.questions.map(({ target }) => target)).toEqual(['blur', 'noise', 'compression', 'motion']);
});

test.skipIf(!existsSync(data))(
  'BIQ2021 is cut into parts of whole groups (skipped without ../shared/data)',
  { tags: ['long'] },
  () => {
    const out = mkdtempSync(join(tmpdir(), 'iovqa-biq-'));
    const args = ['--import', 'tsx', join(root, 'studies', 'biq2021', 'make.ts'), '--data', data, '--out', out];
    execFileSync(process.execPath, args, { cwd: root });
    const rows = readFileSync(join(out, 'manifest.csv'), 'utf8').trim().split('\n').slice(1);
    const partsOf = new Map<string, Set<string>>();
    const counts = new Map<string, number>();
    for (const row of rows) {
      const [image, , part, group] = row.split(',') as [string, string, string, string];
      counts.set(part, (counts.get(part) ?? 0) + 1);
      const name = group === '' ? image : group;
      partsOf.set(name, (partsOf.get(name) ?? new Set()).add(part));
    }
    expect(Object.fromEntries(counts)).toEqual({ fit: 1500, select: 500, report: 1400 });
    expect([...partsOf].filter(([, parts]) => parts.size > 1)).toEqual([]);
    expect(partsOf.size).toBeLessThan(3400);
    for (const count of [100, 400]) {
      const fewer = readFileSync(join(out, `fit-${count}.csv`), 'utf8')
        .trim()
        .split('\n')
        .slice(1);
      expect(fewer.filter((row) => row.split(',')[2] === 'fit')).toHaveLength(count);
      expect(fewer).toHaveLength(count + 1900);
      expect(rows).toEqual(expect.arrayContaining(fewer));
    }
    rmSync(out, { recursive: true });
  },
);
