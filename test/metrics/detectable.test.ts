// The forecast of the smallest difference, against simulated comparisons.
import { expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import { contrast, expectedDetectable, plcc, srcc } from '../../src/metrics/index.ts';
import { equalGroups, grouped, mix } from '../../bench/statistics/simulate.ts';

const [RHO, SHARED] = [0.7, 0.95];

/** Mean of what simulated comparisons of one seed would have found. */
function simulated(numClips: number, numGroups: number, within: number, statistic: typeof srcc): number {
  let sum = 0;
  const draws = 20;
  for (let draw = 0; draw < draws; draw++) {
    const stream = randomStream(draw, numClips, numGroups);
    const groups = equalGroups(numClips, numGroups);
    const [mos, common, ...own] = Array.from({ length: 4 }, () => grouped(stream, groups, within));
    const arms = own.map((rest) => {
      const error = mix([Math.sqrt(SHARED), common!], [Math.sqrt(1 - SHARED), rest]);
      return mix([RHO, mos!], [Math.sqrt(1 - RHO ** 2), error]);
    });
    sum += contrast([arms[0]!], [arms[1]!], mos!, statistic, { groups }).detectable!;
  }
  return sum / draws;
}

test.each([
  [500, 500, 0, plcc, 0.1],
  [500, 500, 0, srcc, 0.1],
  [600, 120, 0.4, plcc, 0.15],
] as const)('%i clips in %i groups that correlate by %d', (numClips, numGroups, within, statistic, tolerance) => {
  const forecast = expectedDetectable({ numClips, numGroups, numSeeds: 1, seedDeviation: 0 });
  const found = simulated(numClips, numGroups, within, statistic);
  expect(forecast / found - 1).toBeGreaterThan(statistic === srcc ? -tolerance : -0.02);
  expect(Math.abs(forecast / found - 1)).toBeLessThan(tolerance);
});

test('falls with clips and seeds, and rises with what arms do not share', () => {
  const plan = { numClips: 1000, numSeeds: 5 };
  const base = expectedDetectable(plan);
  expect(expectedDetectable({ ...plan, numClips: 2000 })).toBeLessThan(base);
  expect(expectedDetectable({ ...plan, numSeeds: 10 })).toBeLessThan(base);
  expect(expectedDetectable({ ...plan, numGroups: 200 })).toBeGreaterThan(base);
  expect(expectedDetectable({ ...plan, sharedErrors: 0.5 })).toBeGreaterThan(base);
});
