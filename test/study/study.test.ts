// Studies: every run once, the same table whatever happened on the way, and results that need neither runs nor their machine.
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Dataset } from '../../src/dataset/index.ts';
import { fromMos5, parseScale } from '../../src/dataset/index.ts';
import { compare } from '../../src/metrics/index.ts';
import type { ScorerOptions } from '../../src/score/index.ts';
import { loadScorer, readScores } from '../../src/score/index.ts';
import type { StudyTable } from '../../src/study/index.ts';
import { identifier } from '../../src/study/grid/identity.ts';
import { readResult } from '../../src/study/grid/result.ts';
import { sourcesOfRun } from '../../src/study/grid/study-file.ts';
import {
  planStudy,
  planTrials,
  readFailures,
  readResults,
  readStudy,
  runStudy,
  tabulate,
} from '../../src/study/index.ts';
import type { Recipe } from '../../src/train/index.ts';
import { resolveRecipe, scorerSettings } from '../../src/train/index.ts';
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
});
afterAll(() => shop.remove());

describe('a study', { tags: ['long'] }, () => {
  beforeAll(async () => {
    first = await runThrough(path, shop.at('first'));
  });

  test('has each run once, scored on the reported clips by its best checkpoint', async () => {
    const ended = first.events.flatMap((event) => (event.type === 'ended' ? [event.run] : []));
    expect(ended.sort()).toEqual(['decimal', 'integer', 'same'].flatMap((arm) => [`${arm}/seed-0`, `${arm}/seed-1`]));
    expect(first.failed.size).toBe(0);
    const result = (await readResult(shop.at('first-results'), 'integer/seed-1'))!;
    expect(result).toMatchObject({ arm: 'integer', seed: 1, numTrain: 4, totalSteps: 4, errors: {} });
    expect(result.chosen.validation).not.toBeNull();
    expect(result.free!.asked).toBe(3);
    expect(first.table.arms.map(({ obeys }) => obeys! >= 0 && obeys! <= 1)).toEqual([true, true, true]);
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
    const judged = plan.judged.get('integer')!;
    const expected = compare({ arms, mos: judged.mos, groups: judged.groups });
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
                fromMos5(judged.scale, integer! / 10),
              ),
            ),
          ),
        })),
      ),
      mos: judged.mos,
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
    await expect(second).rejects.toThrow(/expected no other process to write there/);
  });
});

describe('a run of a study', () => {
  test(
    'that fails leaves the others, and its error is in the table until it has a result',
    { tags: ['long'] },
    async () => {
      const arms = '{ integer: {}, diverging: { optimizer: { learningRate: 1e30 } } }';
      const failing = await writeStudy(shop, 'failing', arms, 'seeds: 1');
      const { table, failed, plan } = await runThrough(failing, shop.at('failing'));
      expect([...failed.keys()]).toEqual(['diverging/seed-0']);
      expect(table.arms[0]!.metrics).not.toBeNull();
      expect(table.arms[1]).toMatchObject({ metrics: null, unscored: null });
      expect(table.arms[1]!.failed['diverging/seed-0']!.message).toMatch(/finite/);
      expect(table.contrasts[0]!.primary.difference).toEqual({ defined: false, reason: 'diverging: no scores' });
      expect(await readFailures(plan, shop.at('failing-results'))).toEqual(failed);
    },
  );

  test('a run of another table is not gone on with, and keeps its folder', async () => {
    const file = await writeStudy(shop, 'changed', '{ integer: {} }', 'seeds: 1');
    await mkdir(shop.at('changed', 'integer'), { recursive: true });
    await writeFile(shop.at('changed', 'integer', 'seed-0.identity'), `${'0'.repeat(64)}\n`);
    const { failed } = await runThrough(file, shop.at('changed'));
    expect(failed.get('integer/seed-0')!.message).toMatch(/expected a run of this study, got one of another recipe/);
  });

  test(
    'chooses learning rates by validation, one step further where the best is at an end',
    { tags: ['long'] },
    async () => {
      const file = await writeStudy(shop, 'rates', '{ integer: {} }', 'seeds: 1\nlearningRates: { factor: 3 }');
      const study = await readStudy(file);
      const [out, results] = [shop.at('rates'), shop.at('rates-results')];
      const rounds: number[] = [];
      for (;;) {
        const { todo } = await planTrials(study, out, results);
        if (todo.runs.length === 0) break;
        rounds.push(todo.runs.length);
        expect(await runStudy(todo, { out, results, jobs: 2 })).toEqual(new Map());
      }
      const { ended, chosen } = await planTrials(study, out, results);
      const best = ended.reduce((a, b) => ((b.validation ?? -1) > (a.validation ?? -1) ? b : a));
      expect(chosen).toEqual(new Map([['integer', best.learningRate]]));
      const rates = ended.map(({ learningRate }) => learningRate);
      expect(rates.slice(0, 3)).toEqual([0.001, 0.003, 0.009]);
      expect(rounds).toEqual(rates.length === 3 ? [3] : [3, 1]);
      const { runs } = await planStudy(study, out, chosen);
      expect(runs[0]!.resolved.recipe.optimizer.learningRate).toBe(best.learningRate);
    },
  );

  test('on a scale on which up is worse, answers and probabilities go together', { tags: ['long'] }, async () => {
    const file = await writeStudy(shop, 'worse', '{ integer: { data: { scale: dmos-1-5 } } }', 'seeds: 1');
    await runThrough(file, shop.at('worse'));
    const { answers, rows } = (await readResult(shop.at('worse-results'), 'integer/seed-0'))!;
    for (const { score, thousandths } of rows) {
      const total = thousandths!.reduce((a, b) => a + b, 0);
      const mean = thousandths!.reduce((sum, p, i) => sum + (p * answers![i]!) / total, 0);
      expect(Math.abs(mean - score!)).toBeLessThan(0.02);
    }
  });
});

describe('arms that score otherwise than they train', { tags: ['long'] }, () => {
  const arms = `
  plain: {}
  other-words: { scoring: { prompt: { template: words.txt } } }
  on-fit: { scoring: { report: fit } }
  elsewhere: { scoring: { data: { manifest: elsewhere.csv } } }
  untrained: { epochs: 0 }
  untrained-in-other-words: { epochs: 0, scoring: { prompt: { template: words.txt } } }
  trained-in-other-words: { prompt: { template: words.txt } }`;
  const more = `seeds: 2
freeAnswers: 2
contrasts:
  - [other-words, plain]
  - name: gain of words here less elsewhere
    of: { plain: 1, untrained: -1, elsewhere: 1, trained-in-other-words: -1 }`;
  let run: StudyRunThrough;
  const rowsOf = async (arm: string, seed = 0): Promise<(number | null)[]> =>
    (await readResult(shop.at('scoring-results'), `${arm}/seed-${seed}`))!.rows.map(({ score }) => score);
  /** What the library says of pictures, to six decimals. */
  const scored = async (from: string, names: readonly string[], options: ScorerOptions): Promise<number[]> => {
    await using scorer = await loadScorer(from, { ...options, workers: 1, runtime: { provider: 'cpu', threads: 1 } });
    const scores: number[] = [];
    for await (const result of scorer.score(names.map((name) => ({ id: name, path: shop.at(name), kind: 'image' })))) {
      if ('error' in result) throw result.error;
      scores.push(Number(result.score.toFixed(6)));
    }
    return scores;
  };
  const reported = [6, 7, 8, 9, 10, 11].map((i) => `${i}.png`);

  beforeAll(async () => {
    await writeFile(shop.at('words.txt'), 'How good is it, from 10 to 50?\n');
    await writeFile(shop.at('elsewhere.csv'), 'image,mos,split\n3.png,1,report\n1.png,5,report\n2.png,3,report\n');
    const file = await writeStudy(shop, 'scoring', arms, more);
    run = await runThrough(file, shop.at('scoring'));
  });

  test('have the runs of the arm that trains alike', async () => {
    expect(run.failed).toEqual(new Map());
    const began = run.events.flatMap((event) => (event.type === 'began' ? [event.run] : [])).sort();
    expect(began).toEqual(
      ['plain', 'trained-in-other-words', 'untrained'].flatMap((arm) => [`${arm}/seed-0`, `${arm}/seed-1`]),
    );
    expect(run.events.filter(({ type }) => type === 'ended')).toHaveLength(14);
    const { numTrain, chosen } = (await readResult(shop.at('scoring-results'), 'other-words/seed-1'))!;
    const plain = (await readResult(shop.at('scoring-results'), 'plain/seed-1'))!;
    expect([numTrain, chosen]).toEqual([plain.numTrain, plain.chosen]);
    expect(new Set(run.plan.runs.map(({ identity }) => identity)).size).toBe(14);
  });

  test('score as the library does, asked so', async () => {
    const trained = shop.at('scoring', 'plain', 'seed-0');
    const prompt = { template: shop.at('words.txt'), source: null };
    expect(await rowsOf('plain')).toEqual(await scored(trained, reported, {}));
    const inOtherWords = await scored(trained, reported, { override: { prompt } });
    expect(await rowsOf('other-words')).toEqual(inOtherWords);
    expect(inOtherWords).not.toEqual(await rowsOf('plain'));
    expect(await rowsOf('on-fit')).toEqual(await scored(trained, ['0.png', '1.png', '2.png', '3.png'], {}));
    expect(await rowsOf('elsewhere')).toEqual(await scored(trained, ['3.png', '1.png', '2.png'], {}));
    const { frames } = scorerSettings(run.plan.runs[0]!.resolved.recipe, {
      dataset: { scale: parseScale('1-5') } as Dataset,
    });
    expect(await rowsOf('untrained')).toEqual(await scored(shop.at('model'), reported, { settings: { frames } }));
    expect(await rowsOf('untrained')).toEqual(await rowsOf('untrained', 1));
    expect(await rowsOf('untrained-in-other-words')).toEqual(
      await scored(shop.at('model'), reported, { settings: { frames, prompt } }),
    );
  });

  test('have a table that says by what they were judged, and contrasts across it', () => {
    const { table, plan } = run;
    expect(table.notes).toEqual(['on-fit: reported are the clips that it trains on']);
    const ofName = (name: string): string => table.arms.find((arm) => arm.name === name)!.clips;
    expect(ofName('elsewhere')).toMatch(/elsewhere\.csv: report$/);
    expect(['plain', 'on-fit', 'untrained'].map(ofName)).toEqual(['report', 'fit', 'report']);
    expect(table.clips.map(({ n }) => n)).toEqual([6, 4, 3]);
    expect(plan.judged.get('untrained')).toBe(plan.judged.get('plain'));
    const [words, gain] = table.contrasts;
    const value = (name: string): number => {
      const { value: stat } = table.arms.find((arm) => arm.name === name)!.metrics!.expectation.challenge;
      return stat.defined ? stat.value : NaN;
    };
    expect(words!.primary.difference).toEqual({
      defined: true,
      value: expect.closeTo(value('other-words') - value('plain'), 12) as number,
    });
    const expected = value('plain') - value('untrained') + value('elsewhere') - value('trained-in-other-words');
    expect(gain!.primary.difference).toEqual({ defined: true, value: expect.closeTo(expected, 12) as number });
  });

  test('are not tried by themselves, nor those that say their learning rate', async () => {
    const tried = await writeStudy(
      shop,
      'tried',
      '{ a: {}, b: { scoring: { report: fit } }, c: { optimizer: { learningRate: 0.001 } }, d: { epochs: 0 } }',
      'seeds: 1\nlearningRates: { factor: 3 }',
    );
    const { todo, waiting } = await planTrials(await readStudy(tried), shop.at('tried'), shop.at('tried-results'));
    expect(new Set(todo.runs.map(({ arm }) => arm))).toEqual(new Set(['a']));
    expect(waiting).toEqual(['a', 'b']);
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
    ['arms: { a: {}, A: {} }', /expected each name once/],
    ["arms: { '32': {}, '8': {} }", /arms: expected names .* no number alone, got "8"/],
    ['arms: { a: { seed: 3 } }', /arm a: expected keys of the recipe but seed/],
    ['arms: { a: {}, b: {} }\ncontrasts: [{ name: none, of: { a: 0, b: 0 } }]', /weights that add up to 0/],
    [
      'arms: { a: {}, b: { data: { scale: 0-5 } } }',
      /arm b: expected the opinion scores of arm a, got the scale 0-5, not 1-5/,
    ],
    [
      'arms: { a: {}, b: { scoring: { lora: { rank: 3 } } } }',
      /arm b: expected data, frames, prompt or report in scoring, got lora\.rank/,
    ],
    ['arms: { a: {}, b: { scoring: { report: 3 } } }', /arm b: expected the name of a split in scoring\.report, got 3/],
    ['learningRates: { seed: 1 }\narms: { a: {} }', /learningRates.seed: expected none of the seeds/],
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
    expect(arms.map(({ name }) => name)).toEqual([
      'rank-4+kind-integer',
      'rank-4+kind-level',
      'rank-8+kind-integer',
      'rank-8+kind-level',
    ]);
    expect(arms[1]!.sets).toEqual(['lora.rank=4', 'answer.kind="level"']);
    expect(contrasts[0]!.name).toBe('rank-4+kind-level − rank-4+kind-integer');
    expect(contrasts).toHaveLength(3);
  });

  test('says what scores depend on, and not where it lies', async () => {
    const identities = async (file: string): Promise<string[]> =>
      (await planStudy(await readStudy(file), shop.at('x'))).runs.map(({ identity }) => identity);
    const here = await identities(path);
    expect(new Set(here).size).toBe(4); // `same` is `integer` by another name
    const there = shop.at('another', 'place');
    await mkdir(there, { recursive: true });
    for (const name of ['study.yaml', 'split.csv', 'model'])
      await cp(shop.at(name), join(there, name), { recursive: true });
    for (let i = 0; i < 12; i++) await cp(shop.at(`${i}.png`), join(there, `${i}.png`));
    expect(await identities(join(there, 'study.yaml'))).toEqual(here);
    const table = await readFile(join(there, 'split.csv'), 'utf8');
    await writeFile(join(there, 'split.csv'), table.replace(',0.4,', ',0.3,'));
    const changed = await identities(join(there, 'study.yaml'));
    expect(changed.filter((one) => here.includes(one))).toEqual([]);
  });

  test('a key that nobody set is no part of it: results of a version that did not have it stay', async () => {
    const study = await readStudy(path);
    const [arm] = study.arms;
    const { recipe, provenance } = resolveRecipe(sourcesOfRun(study, arm!, 0, shop.at('x'), undefined));
    const identify = identifier(study);
    const now = await identify({ recipe, provenance }, arm!, null);
    const { auxiliaryWeight, ...before } = recipe;
    expect([auxiliaryWeight, provenance.get('auxiliaryWeight')]).toEqual([1, 'default']);
    const known = new Map([...provenance].filter(([key]) => key !== 'auxiliaryWeight'));
    expect(await identify({ recipe: before as Recipe, provenance: known }, arm!, null)).toEqual(now);
    const set = new Map(provenance).set('auxiliaryWeight', '--set');
    expect((await identify({ recipe, provenance: set }, arm!, null)).identity).not.toBe(now.identity);
  });

  test('is of the same bytes as ever with the engine of the project, and has the precision that torch would compute in', async () => {
    const study = await readStudy(path);
    const { recipe, provenance } = resolveRecipe(sourcesOfRun(study, study.arms[0]!, 0, shop.at('x'), undefined));
    const identityOf = async (runtime: Partial<Recipe['runtime']>): Promise<string> => {
      const other = { ...recipe, runtime: { ...recipe.runtime, threads: 1, ...runtime } };
      return (await identifier(study)({ recipe: other, provenance }, study.arms[0]!, null)).identity;
    };
    // Results that are there stay results of their runs: this may change with nothing but the study above.
    expect(await identityOf({})).toBe('b6a9ec7dcf11688ebad54e728e5433ef381b2e290bab370187ecd67cd8c808e7');
    expect(await identityOf({ precision: 'bfloat16' })).toBe(await identityOf({}));
    // A Python that says what its devices have; the path makes it another one for each test.
    const devices = async (device: string, has: boolean): Promise<string> => {
      const versions = { python: '3.12.0', torch: '2.13.0', transformers: '5.17.0', peft: '0.21.0' };
      const facts = { versions, device, devices: 1, names: [device], memories: [], hasBfloat16: has };
      const python = shop.at(`python-${device}`);
      await writeFile(python, `#!/bin/sh\necho '${JSON.stringify(facts)}'\n`, { mode: 0o755 });
      return python;
    };
    const torch = async (precision: Recipe['runtime']['precision']): Promise<string> =>
      identityOf({ engine: 'torch', precision });
    const [exact, rough] = [await torch('float32'), await torch('bfloat16')];
    expect(new Set([await identityOf({}), exact, rough]).size).toBe(3);
    vi.stubEnv('IOVQA_PYTHON', await devices('cpu', false));
    expect(await torch('auto')).toBe(exact);
    vi.stubEnv('IOVQA_PYTHON', await devices('cuda', true));
    expect(await torch('auto')).toBe(rough);
    vi.unstubAllEnvs();
  });

  test('seeds vary the run and not the split', async () => {
    const file = await writeStudy(shop, 'cut', '{ a: { data: { validation: { fraction: 0.5 } } } }', 'seeds: [0, 4]');
    const { runs } = await planStudy(await readStudy(file), shop.at('cut'));
    expect(runs.map(({ resolved: { recipe } }) => [recipe.seed, recipe.seeds.split])).toEqual([
      [0, 0],
      [4, 0],
    ]);
  });
});
