// What a held-out share keeps together: found out when a run begins, kept when it goes on, and said.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ResolvedRecipe } from '../../src/train/index.ts';
import { detectGrouping, formatRecipe, resolveRecipe } from '../../src/train/index.ts';
import { readRunData } from '../../src/train/data.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'iovqa-groups-'));
  for (let i = 0; i < 40; i++) writeFileSync(join(folder, `${i}.png`), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** 40 pictures of ten prompts, four each; and what else a column says. */
async function recipeOf(columns: Record<string, (i: number) => string>, ...sets: string[]): Promise<ResolvedRecipe> {
  const path = join(folder, 'clips.csv');
  const rows = Array.from({ length: 40 }, (_, i) => [
    `${i}.png`,
    1 + (i % 5),
    ...Object.values(columns).map((f) => f(i)),
  ]);
  writeFileSync(path, [['image', 'mos', ...Object.keys(columns)], ...rows].map((row) => `${row.join(',')}\n`).join(''));
  return resolveRecipe({ sets: [`data.manifest=${path}`, 'model=m', `out=${join(folder, 'run')}`, ...sets] });
}

const prompt = (i: number): string => `p${i % 10}`;

/** Prompts that lie on both sides. */
async function torn({ recipe }: ResolvedRecipe): Promise<number> {
  const { train, validation } = await readRunData(recipe);
  const trained = new Set(train.map((row) => row.prompt));
  return new Set(validation.flatMap((row) => (trained.has(row.prompt) ? [row.prompt] : []))).size;
}

describe('a table with prompts and no groups', () => {
  it('is split by prompt, and says so', async () => {
    const resolved = await recipeOf({ prompt });
    expect(await torn(resolved)).toBeGreaterThan(0); // as a run had it that was begun before
    const adopted = await detectGrouping(resolved);
    expect(adopted.recipe.data.groupBy).toBe('prompt');
    expect(adopted.provenance.get('data.groupBy')).toBe('the table');
    expect(await torn(adopted)).toBe(0);
    expect((await readRunData(adopted.recipe)).notes.join()).toMatch(
      /one prompt stay on one side.*data\.groupBy: prompt/,
    );
  });

  it('can be split by clip', async () => {
    const adopted = await detectGrouping(await recipeOf({ prompt }, 'data.groupBy=group'));
    expect(adopted.recipe.data.groupBy).toBe('group');
    expect(await torn(adopted)).toBeGreaterThan(0);
  });

  it('keeps the rows of a split where no prompt is shared, and where there are groups', async () => {
    const alone = await detectGrouping(await recipeOf({ prompt: String }));
    expect(alone.recipe.data.groupBy).toBe('group');
    const grouped = await detectGrouping(await recipeOf({ prompt, group: (i) => `g${i % 20}` }));
    expect(grouped.recipe.data.groupBy).toBe('group');
  });
});

describe('a run that goes on', () => {
  it('has the split it was begun with, also by a version that knew groups only', async () => {
    const out = join(folder, 'run');
    mkdirSync(out, { recursive: true });
    const resolved = await recipeOf({ prompt });
    const old = formatRecipe(resolved.recipe, resolved.provenance).replace(/^\s*groupBy:.*\n/m, '');
    expect(old).not.toContain('groupBy');
    writeFileSync(join(out, 'recipe.yaml'), old);
    expect((await detectGrouping(resolved, true)).recipe.data.groupBy).toBeNull();
    expect((await detectGrouping(resolved, false)).recipe.data.groupBy).toBe('prompt');

    const begun = await detectGrouping(resolved);
    writeFileSync(join(out, 'recipe.yaml'), formatRecipe(begun.recipe, begun.provenance));
    // The table may have changed its mind since: the run has not.
    const now = await recipeOf({ prompt: String });
    expect((await detectGrouping(now, true)).recipe.data.groupBy).toBe('prompt');
  });
});

it("a split of the table's own that tears groups or prompts apart is said", async () => {
  const split = (i: number): string => (i < 30 ? 'train' : 'val');
  const { recipe } = await recipeOf({ prompt, split }, 'data.train.split=train', 'data.validation.split=val');
  const { notes } = await readRunData(recipe);
  expect(notes).toEqual([
    '10 prompts have clips in training and in validation, such as "p0": validation scores come out too good',
  ]);
});
