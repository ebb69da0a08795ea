// Studies: every run once, the same table whatever happened on the way, and results that need neither runs nor their machine.
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fromMos5 } from '../../src/dataset/index.ts';
import { compare } from '../../src/metrics/index.ts';
import { readScores } from '../../src/score/index.ts';
import type { StudyTable } from '../../src/study/index.ts';
import { readResult } from '../../src/study/grid/result.ts';
import { planStudy, readResults, readStudy, runStudy, tabulate } from '../../src/study/index.ts';
import type { Workshop } from '../train/run-fixtures.ts';
import { openWorkshop } from '../train/run-fixtures.ts';
import type { StudyRunThrough } from './study-fixtures.ts';
import { contentsOf, runThrough, writeStudy } from './study-fixtures.ts';

let shop: Workshop;
let path: string;
let first: StudyRunThrough;
const withoutSeconds = (table: StudyTable): unknown => ({
  ...table,
  arms: table.arms.map(({ seconds: _seconds, ...arm }) => arm),
});

beforeAll(async () => {
  shop = await openWorkshop();
  path = await writeStudy(shop, 'study');
  first = await runThrough(path, shop.at('first'));
});
afterAll(() => shop.remove());

describe('a study', () => {
  test('has each run once, scored on the reported clips by its best checkpoint', async () => {
    const ended = first.events.flatMap((event) => (event.type === 'ended' ? [event.run] : []));
    expect(ended.sort()).toEqual(['decimal', 'integer', 'same'].flatMap((arm) => [`${arm}/seed-0`, `${arm}/seed-1`]));
    expect(first.failed.size).toBe(0);
    const result = (await readResult(shop.at('first-results'), 'integer/seed-1'))!;
    expect(result).toMatchObject({ arm: 'integer', seed: 1, numTrain: 4, totalSteps: 4, errors: {} });
    expect(result.chosen.validation).not.toBeNull();
    const scores = [];
    for await (const row of readScores(shop.at('first', 'integer', 'seed-1.scores.jsonl'))) scores.push(row);
    expect(scores.map(({ clip }) => clip)).toEqual(['6.png', '7.png', '8.png', '9.png', '10.png', '11.png']);
    expect(result.rows.map(({ score }) => score)).toEqual(scores.map(({ score }) => Number(score!.toFixed(6))));
    for (const { thousandths } of result.rows) {
      expect(thousandths).toHaveLength(41);
      expect(Math.abs(thousandths!.reduce((a, b) => a + b, 0) - 1000)).toBeLessThan(21);
    }
    // Places are none of its business.
    expect(JSON.stringify(result.recipe)).not.toContain(shop.folder);
  });

  test('has the table that compare makes of its scores, and arms that differ in name alone are the same', async () => {
    const { table, plan } = first;
    const arms = await Promise.all(
      table.arms.map(async ({ name }) => ({
        name,
        seeds: await Promise.all(
          [0, 1].map(async (seed) =>
            (await readResult(shop.at('first-results'), `${name}/seed-${seed}`))!.rows.map(({ score }) => score!),
          ),
        ),
      })),
    );
    const expected = compare({ arms, mos: plan.mos, groups: plan.groups });
    expect(table.contrasts).toEqual(expected.contrasts);
    expect(table.contrasts.map(({ name }) => name)).toEqual(['decimal − integer', 'same − integer']);
    expect(table.arms.map((arm) => arm.metrics!.expectation)).toEqual(expected.arms.map(({ metrics }) => metrics));
    expect(table.contrasts[1]!.primary.difference).toEqual({ defined: true, value: 0 });
    const greedy = compare({
      arms: await Promise.all(
        table.arms.map(async ({ name }) => ({
          name,
          seeds: await Promise.all(
            [0, 1].map(async (seed) =>
              (await readResult(shop.at('first-results'), `${name}/seed-${seed}`))!.rows.map(({ integer }) =>
                fromMos5(plan.scale, integer! / 10),
              ),
            ),
          ),
        })),
      ),
      mos: plan.mos,
    });
    expect(table.arms.map((arm) => arm.metrics!.greedy)).toEqual(greedy.arms.map(({ metrics }) => metrics));
  });

  test(
    'one at a time has the same bits as two, and a third time nothing is left to do',
    { tags: ['long'] },
    async () => {
      const alone = await runThrough(path, shop.at('alone'), { jobs: 1 });
      expect(await contentsOf(shop.at('alone-results'))).toEqual(await contentsOf(shop.at('first-results')));
      expect(withoutSeconds(alone.table)).toEqual(withoutSeconds(first.table));
    },
  );

  test('goes on from its results where there are no runs', async () => {
    await cp(shop.at('first-results'), shop.at('copied'), { recursive: true });
    const again = await runThrough(path, shop.at('elsewhere'), { results: shop.at('copied') });
    expect(again.events).toEqual([]);
    expect(again.table).toEqual(first.table);
    await rm(shop.at('copied', 'same', 'seed-1.json'));
    const plan = await planStudy(await readStudy(path), shop.at('elsewhere'));
    const some = tabulate(plan, await readResults(plan, shop.at('copied')), new Map());
    expect(some.notes).toEqual([
      '1 of 6 runs have no result: the table is not whole',
      'figures are of the 1 of 2 seeds that all arms with a result have',
      'one seed each: what another seed would change is not in the intervals',
    ]);
    expect(some.arms.map(({ numSeeds }) => numSeeds)).toEqual([1, 1, 1]);
  });

  test('does not take results of another recipe or table for its own, and leaves them alone', async () => {
    const other = await writeStudy(shop, 'other', '{ integer: { epochs: 3 }, decimal: { answer: { kind: decimal } } }');
    const plan = await planStudy(await readStudy(other), shop.at('other'));
    await expect(readResults(plan, shop.at('first-results'))).rejects.toThrow(
      /expected results of the study as it is now, got those of another recipe, table or model: integer\/seed-0, integer\/seed-1/,
    );
    const scores = shop.at('copied', 'integer', 'seed-0.scores.br');
    await writeFile(scores, (await readFile(scores)).subarray(1));
    await expect(readResult(shop.at('copied'), 'integer/seed-0')).rejects.toThrow(/expected the scores that .* names/);
  });

  test('is run by one process at a time', async () => {
    const plan = await planStudy(await readStudy(path), shop.at('twice'));
    const stop = new AbortController();
    const options = { out: shop.at('twice'), results: shop.at('twice-results'), jobs: 1 };
    let second: Promise<unknown> | undefined;
    const running = runStudy(plan, {
      ...options,
      signal: stop.signal,
      onEvent: () => {
        second ??= runStudy(plan, options).finally(() => stop.abort(new Error('enough')));
        second.catch(() => {});
      },
    });
    await expect(running).rejects.toThrow('enough');
    await expect(second).rejects.toThrow(/twice/);
  });

  test('an arm that fails leaves the others, and its error is in the table', async () => {
    const arms = '{ integer: {}, diverging: { optimizer: { learningRate: 1e30 } } }';
    const failing = await writeStudy(shop, 'failing', arms, 'seeds: 1');
    const { table, failed } = await runThrough(failing, shop.at('failing'));
    expect([...failed.keys()]).toEqual(['diverging/seed-0']);
    expect(table.arms[0]!.metrics).not.toBeNull();
    expect(table.arms[1]).toMatchObject({
      metrics: null,
      errors: [['diverging/seed-0', expect.stringMatching(/finite/)]],
    });
    expect(table.contrasts[0]!.primary.difference).toEqual({ defined: false, reason: 'diverging: no scores' });
  });
});

describe('the file of a study', () => {
  test.each([
    ['arms: {}', /arms: expected at least one arm/],
    ['arms: { a: {}, b: { epochz: 3 } }', /arm b: .*epochz/],
    ['arms: { a: {} }\ncontrasts: [[a, c]]', /contrasts: expected arms, got "c"/],
    ['arms: { a: {}, b: {} }\ncontrasts: [{ name: sum, of: { a: 1, b: 1 } }]', /weights that add up to 0/],
    ['arms: { a: { data: { train: { split: report } } } }', /arm a: data: expected splits that are not reported/],
    ['seeds: [1, 1]\narms: { a: {} }', /seeds: expected each seed once/],
    ['arm: { a: {} }', /arm/],
  ])('%s is a mistake', async (text, problem) => {
    const [head] = (await readFile(path, 'utf8')).split('arms:');
    const file = shop.at('mistake.yaml');
    await writeFile(file, `${head}${text}\n`);
    await expect(readStudy(file).then((study) => planStudy(study, shop.at('mistake')))).rejects.toThrow(problem);
  });

  test('a grid has an arm for each combination', async () => {
    const [head] = (await readFile(path, 'utf8')).split('arms:');
    await writeFile(
      shop.at('grid.yaml'),
      `${head}grid: { lora.rank: [4, 8], answer.kind: [integer, level] }\nseeds: 1\n`,
    );
    const { arms, contrasts } = await readStudy(shop.at('grid.yaml'));
    expect(arms.map(({ name }) => name)).toEqual(['4+integer', '4+level', '8+integer', '8+level']);
    expect(arms[1]!.sets).toEqual(['lora.rank=4', 'answer.kind="level"']);
    expect(contrasts.map(({ name }) => name)).toEqual([
      '4+level − 4+integer',
      '8+integer − 4+integer',
      '8+level − 4+integer',
    ]);
  });

  test('seeds vary the run and not the split', async () => {
    const file = await writeStudy(shop, 'cut', '{ a: { data: { validation: { fraction: 0.5 } } } }', 'seeds: [3, 4]');
    const { runs } = await planStudy(await readStudy(file), shop.at('cut'));
    expect(runs.map(({ resolved: { recipe } }) => [recipe.seed, recipe.seeds.split])).toEqual([
      [3, 0],
      [4, 0],
    ]);
  });
});
