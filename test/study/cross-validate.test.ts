// Cross-validation: every clip is scored once, by a run that saw none of its group, and what is done is not done again.
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CrossValidateOptions, CrossValidationEvent } from '../../src/study/index.ts';
import { crossValidate } from '../../src/study/index.ts';
import type { ScoreLine } from '../../src/score/index.ts';
import { readScores } from '../../src/score/index.ts';
import type { RecipeInput, RecipeSources } from '../../src/train/index.ts';
import { readFoldRows, resolveRecipe } from '../../src/train/index.ts';
import type { Workshop } from '../train/run-fixtures.ts';
import { openWorkshop } from '../train/run-fixtures.ts';

let shop: Workshop;
beforeAll(async () => {
  shop = await openWorkshop();
  const [header, ...rows] = (await readFile(shop.at('clips.csv'), 'utf8')).trimEnd().split('\n');
  const grouped = rows.map((row, i) => `${row},g${i >> 1}`);
  await writeFile(shop.at('grouped.csv'), [`${header},group`, ...grouped, ''].join('\n'));
});
afterAll(() => shop.remove());

const sources = (name: string, changes: RecipeInput = {}): RecipeSources => ({
  base: {
    model: shop.at('model'),
    out: shop.at(name),
    data: { manifest: shop.at('grouped.csv'), validation: null },
    frames: { maxPixels: 3136 },
    lora: { rank: 4 },
    epochs: 1,
    batchSize: 3,
    microBatch: 3,
    runtime: { workers: 1, threads: 1 },
    ...changes,
  },
});

async function runAll(from: RecipeSources, options: CrossValidateOptions): Promise<CrossValidationEvent[]> {
  const events: CrossValidationEvent[] = [];
  for await (const event of crossValidate(from, options)) events.push(event);
  return events;
}

const linesOf = async (name: string): Promise<(ScoreLine & { fold: number })[]> =>
  (await readFile(shop.at(name, 'scores.jsonl'), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ScoreLine & { fold: number });

const numUpdates = (events: readonly CrossValidationEvent[]): number =>
  events.filter((event) => event.type === 'train' && event.event.type === 'step').length;

describe('cross-validation', () => {
  test('scores every clip by a run that has not seen its group', { tags: ['long'] }, async () => {
    const events = await runAll(sources('three'), { folds: 3 });
    expect(events[0]).toEqual({ type: 'start', numFolds: 3, numClips: 12, numGroups: 6, groupBy: 'group' });
    expect(events.at(-1)).toMatchObject({ type: 'end', numFailed: 0, evaluation: { folds: [{ fold: 1 }, {}, {}] } });
    const lines = await linesOf('three');
    expect(lines.map(({ row, clip }) => [row, clip])).toEqual(lines.map((_, i) => [i + 1, `${i}.png`]));
    for (const fold of [1, 2, 3]) {
      const seeds = { seed: 0, seeds: resolveRecipe(sources('x')).recipe.seeds };
      const { data } = resolveRecipe({ ...sources('x'), sets: [`data.fold={index: ${fold}, of: 3}`] }).recipe;
      const { held } = await readFoldRows({ data, ...seeds });
      expect(lines.filter((line) => line.fold === fold).map(({ clip }) => clip)).toEqual(held.map(({ id }) => id));
      const plan = await readFile(shop.at('three', `fold-${fold}`, 'plan.jsonl'), 'utf8');
      for (const { id } of held) expect(plan).not.toContain(`"${id}"`);
    }
    // Clips of a group are in one fold.
    for (let i = 0; i < 12; i += 2) expect(lines[i]!.fold).toBe(lines[i + 1]!.fold);
    // And the file is one of scores, with distributions.
    let sum = 0;
    for await (const { distribution } of readScores(shop.at('three', 'scores.jsonl')))
      for (const p of distribution!.probabilities) sum += p;
    expect(sum).toBeCloseTo(12, 9);
  });

  test('stopped and gone on with, it ends with the same bytes, and repeats nothing', { tags: ['long'] }, async () => {
    const stop = new AbortController();
    const events: CrossValidationEvent[] = [];
    const stopped = async (): Promise<void> => {
      for await (const event of crossValidate(sources('stopped'), { folds: 3, signal: stop.signal })) {
        events.push(event);
        if (event.type === 'train' && event.fold === 2 && event.event.type === 'step') stop.abort(new Error('enough'));
      }
    };
    await expect(stopped()).rejects.toThrow('enough');
    await expect(runAll(sources('stopped'), { folds: 3 })).rejects.toThrow(
      /stopped: expected a new or empty folder, got one with a cross-validation in it/,
    );
    const rest = await runAll(sources('stopped'), { resume: true }); // with as many folds as it was begun with
    expect(rest.filter((event) => event.type === 'fold')).toMatchObject([{ isDone: true }, { isDone: false }, {}]);
    const whole = await linesOf('three');
    expect(await linesOf('stopped')).toEqual(whole.map((line) => ({ ...line, key: expect.any(String) })));
    const again = await runAll(sources('stopped'), { folds: 3, resume: true });
    expect(numUpdates(again)).toBe(0);
    expect(again.at(-1)).toEqual(rest.at(-1));
  });

  test.each([
    ['other folds', {}, { folds: 2 }, 'three: expected 3 folds, got 2'],
    ['another cut', { seed: 7 }, {}, 'expected the recipe that the cross-validation was begun with, got another seed'],
    ['another recipe', { epochs: 9 }, {}, 'begun with, got another epochs'],
  ] as const)(
    'does not go on with %s, also where all folds are done',
    { tags: ['long'] },
    async (_, changes, options, message) => {
      await expect(runAll(sources('three', changes), { ...options, resume: true })).rejects.toThrow(message);
    },
  );

  test('does not go on with another table', { tags: ['long'] }, async () => {
    const table = await readFile(shop.at('grouped.csv'), 'utf8');
    await copyFile(shop.at('11.png'), shop.at('other.png'));
    await writeFile(shop.at('grouped.csv'), table.replace('11.png', 'other.png'));
    try {
      await expect(runAll(sources('three'), { resume: true })).rejects.toThrow(
        /grouped\.csv: expected the clips and groups that .*three was begun with, got others/,
      );
    } finally {
      await writeFile(shop.at('grouped.csv'), table);
    }
  });

  test('tries clips again that had no score', { tags: ['long'] }, async () => {
    const table = await readFile(shop.at('grouped.csv'), 'utf8');
    await writeFile(shop.at('bad.csv'), table.replace('11.png', 'bad.png'));
    await writeFile(shop.at('bad.png'), 'no picture');
    const from = sources('bad', { data: { manifest: shop.at('bad.csv'), validation: null, maxBadFraction: 0.5 } });
    const events = await runAll(from, { folds: 2 });
    expect(events.at(-1)).toMatchObject({ numFailed: 1 });
    await copyFile(shop.at('11.png'), shop.at('bad.png'));
    expect((await runAll(from, { resume: true })).at(-1)).toMatchObject({ numFailed: 0 });
  });

  test('leaves a recipe alone that somebody wrote into the folder', async () => {
    await mkdir(shop.at('own'));
    await writeFile(shop.at('own', 'recipe.yaml'), 'epochs: 1\n');
    await expect(runAll(sources('own'), { folds: 2 })).rejects.toThrow(
      /own: expected a new or empty folder, got one with "recipe\.yaml" in it/,
    );
    expect(await readFile(shop.at('own', 'recipe.yaml'), 'utf8')).toBe('epochs: 1\n');
  });

  test('is not told which fold to leave out', async () => {
    const from = sources('x', { data: { manifest: shop.at('grouped.csv'), fold: { index: 2, of: 5 } } });
    await expect(runAll(from, {})).rejects.toThrow('data.fold: expected null, got fold 2 of 5');
  });

  test('is refused with more folds than groups, and leaves nothing', async () => {
    await expect(runAll(sources('many'), { folds: 7 })).rejects.toThrow(
      'split: expected at least 7 groups for 7 folds, got 6',
    );
    await expect(readFile(shop.at('many'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('leaves each group out in turn where that is asked for', { tags: ['long'] }, async () => {
    const [start, ...rest] = await runAll(sources('groups'), { folds: 'groups' });
    expect(start).toMatchObject({ numFolds: 6, numGroups: 6 });
    expect(rest.at(-1)).toMatchObject({ evaluation: { within: null } });
    await rm(shop.at('groups'), { recursive: true });
  });
});
