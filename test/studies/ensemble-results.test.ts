// Members of ensembles are the runs that both studies leave, each on both parts; and the plans fit together.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { StudyPlan } from '../../src/study/index.ts';
import { planStudy, readStudy } from '../../src/study/index.ts';
import { writeResult } from '../../src/study/grid/result.ts';
import { mixedArms, readEnsembles, seedArms } from '../../studies/ensemble/read.ts';
import { writeStudy } from '../study/study-fixtures.ts';
import type { Workshop } from '../train/run-fixtures.ts';
import { openWorkshop } from '../train/run-fixtures.ts';

let shop: Workshop;
let paths: { knownTruth: string; ensemble: string };
const results = (study: string): string => shop.at('results', study);
/** What the simulated runs say: which arm, seed and clip it is. */
const scoreOf = (arm: number, seed: number, clip: number): number => 100 * arm + 10 * seed + clip;

/** What else a result has, which nobody reads here. */
const nothingElse = {
  recipe: {},
  numTrain: 4,
  totalSteps: 4,
  chosen: { step: 4, epoch: 2, validation: null },
  seconds: 1,
  answers: null,
  free: null,
  errors: {},
};

/** A study of arms that differ by rank, with those of the same runs on the selection part, and results that nobody computed. */
async function writeWithResults(name: string, arms: readonly string[], numSeeds: number): Promise<string> {
  const text = arms.map(
    (arm, i) =>
      `${arm}: { lora: { rank: ${i + 1} } }, ${arm}-select: { lora: { rank: ${i + 1} }, scoring: { report: select } }`,
  );
  const path = await writeStudy(
    shop,
    name,
    `{ ${text.join(', ')} }`,
    `seeds: ${numSeeds}\ncontrasts: [[${arms[1]}, ${arms[0]}]]`,
  );
  const plan: StudyPlan = await planStudy(await readStudy(path), shop.at('runs'));
  for (const { arm, seed, name: run, identity } of plan.runs) {
    const which = plan.study.arms.findIndex((one) => one.name === arm);
    await writeResult(results(name), run, {
      ...nothingElse,
      arm,
      seed,
      identity,
      rows: plan.reported.get(arm)!.map((_, clip) => {
        return { score: scoreOf(which, seed, clip), integer: 30, std: null, legalMass: null, thousandths: null };
      }),
    });
  }
  return path;
}

beforeAll(async () => {
  shop = await openWorkshop();
  paths = {
    knownTruth: await writeWithResults('known-truth', seedArms, 5),
    ensemble: await writeWithResults('ensemble', mixedArms, 2),
  };
});
afterAll(() => shop.remove());

test('members are the seeds of an arm, or the arms of a seed, with their scores of both parts', async () => {
  const { sets, clips } = await readEnsembles(paths);
  expect([clips.select.mos.length, clips.report.mos.length]).toEqual([2, 6]);
  expect(sets.map(({ name }) => name)).toEqual(['seed alone', 'frames and rank']);
  const [ofSeeds, ofArms] = sets.map(({ ensembles }) => ensembles.map((members) => members.map(({ name }) => name)));
  expect(ofSeeds).toEqual(seedArms.map((arm) => [0, 1, 2, 3, 4].map((seed) => `${arm}/seed-${seed}`)));
  expect(ofArms).toEqual([0, 1].map((seed) => mixedArms.map((arm) => `${arm}/seed-${seed}`)));
  // Arms of both parts stand in turn in the file.
  const { select, report } = sets[1]!.ensembles[1]![3]!;
  expect(report.rows.map(({ score }) => score)).toEqual([0, 1, 2, 3, 4, 5].map((clip) => scoreOf(6, 1, clip)));
  expect(select.rows.map(({ score }) => score)).toEqual([0, 1].map((clip) => scoreOf(7, 1, clip)));
});

test('a run without a result is named', async () => {
  await rm(join(results('ensemble'), 'frames-2-rank-32-select', 'seed-1.json'));
  await expect(readEnsembles(paths)).rejects.toMatchObject({
    message: `${paths.ensemble}: expected the results of all members, got 1 of 20 without one, the first frames-2-rank-32-select/seed-1`,
    hint: `iovqa study run ${paths.ensemble}`,
  });
});

test('the plans of this project have these arms, the same runs on both parts, and at most ten runs of their own', async () => {
  const plan = (name: string): string => fileURLToPath(new URL(`../../studies/${name}.yaml`, import.meta.url));
  const [known, own] = [await readStudy(plan('known-truth')), await readStudy(plan('ensemble'))];
  for (const [study, arms] of [
    [known, seedArms],
    [own, mixedArms],
  ] as const) {
    for (const name of arms) {
      const on = study.arms.find((arm) => arm.name === `${name}-select`);
      expect(on).toMatchObject({ trainedAs: name, scoring: { sets: [], report: 'select' } });
    }
    expect(study.report).toBe('report');
  }
  expect(new Set(own.arms.map(({ trainedAs }) => trainedAs)).size * own.seeds.length).toBeLessThanOrEqual(10);
  expect(own.base).toEqual(known.base);
  expect([known.seeds.length, own.seeds.length]).toEqual([5, 2]);
});
