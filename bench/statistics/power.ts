// How often `compare` calls a difference real, on simulated scores: where there is none, and where there is one of .02 SRCC.
// Results: docs/statistics.md. The numbers do not depend on the machine.
//   npx tsx bench/statistics/power.ts none|targets|table [STUDIES]
import { fileURLToPath } from 'node:url';
import { randomStream } from '../../src/core/index.ts';
import { srcc } from '../../src/metrics/index.ts';
import { blocksOf } from '../../src/metrics/blocks.ts';
import { contrastOf, holm, meanStat } from '../../src/metrics/contrast.ts';
import { leaveOneOut } from '../../src/metrics/leave-out.ts';
import { equalGroups, grouped, mix, rhoOfSrcc } from './simulate.ts';

/** What is simulated. */
export interface Study {
  numClips: number;
  /** Of equal size. */
  numGroups: number;
  numSeeds: number;
  /** Standard deviation of the SRCC over seeds, of each arm. */
  seedDeviation: number;
  /** Arms besides the first. */
  numContrasts: number;
  /** By how much the SRCC of each of these is below that of the first. */
  difference: number;
  /**
   * Whose own the error is that arms do not share: each run's, so that it averages out over seeds, or the arm's, the same for all of its
   * seeds.
   */
  own: 'run' | 'arm';
}

/** SRCC of the first arm. */
const SRCC = 0.7;
/** Correlation of quality, and of errors, within a group. */
const WITHIN = 0.4;
/** Share of the variance of errors that all arms have in common. */
const SHARED = 0.95;

/** One study: Holm-adjusted p-values of its contrasts. A seed moves the correlation of its run. */
export function pValues(study: Study, number: number): (number | null)[] {
  const { numClips, numGroups, numSeeds, seedDeviation, numContrasts, difference, own } = study;
  const stream = randomStream(number, numClips, numSeeds, Math.round(1e4 * seedDeviation), numContrasts);
  const groups = equalGroups(numClips, numGroups);
  const mos = grouped(stream, groups, WITHIN);
  const common = grouped(stream, groups, WITHIN);
  const blocks = blocksOf(numClips, { groups });
  const arms = Array.from({ length: 1 + numContrasts }, (_, arm) => {
    const ofArm = grouped(stream, groups, WITHIN);
    const seeds = Array.from({ length: numSeeds }, () => {
      const rest = own === 'arm' ? ofArm : grouped(stream, groups, WITHIN);
      const error = mix([Math.sqrt(SHARED), common], [Math.sqrt(1 - SHARED), rest]);
      const rho = rhoOfSrcc(SRCC - (arm > 0 ? difference : 0) + seedDeviation * stream.normal());
      return mix([rho, mos], [Math.sqrt(1 - rho * rho), error]);
    });
    return { value: meanStat(seeds, mos, srcc), leftOut: seeds.map((x) => leaveOneOut(srcc, x, mos, blocks)) };
  });
  const [first, ...others] = arms;
  return holm(
    others.map(({ value, leftOut }) => {
      if (!value.defined || !first!.value.defined) return null;
      const parts = [
        { weight: 1, leftOut },
        { weight: -1, leftOut: first!.leftOut },
      ];
      return contrastOf(value.value - first!.value.value, parts).p;
    }),
  );
}

/** In how many studies any contrast is called real. */
export function numFound(study: Study, numStudies: number): number {
  let found = 0;
  for (let number = 0; number < numStudies; number++) {
    if (pValues(study, number).some((p) => p !== null && p < 0.05)) found++;
  }
  return found;
}

/** The two differences that are to be found, and how often. */
export const targets: readonly { study: Study; share: number }[] = [
  {
    study: {
      numClips: 1000,
      numGroups: 200,
      numSeeds: 10,
      seedDeviation: 0.01,
      numContrasts: 1,
      difference: 0.02,
      own: 'run',
    },
    share: 0.75,
  },
  {
    study: {
      numClips: 500,
      numGroups: 500,
      numSeeds: 5,
      seedDeviation: 0.003,
      numContrasts: 1,
      difference: 0.02,
      own: 'run',
    },
    share: 0.9,
  },
];

const deviations = [0.003, 0.01, 0.02];

function main(what: string, numStudies: number): void {
  if (what === 'none') {
    console.log('| clips | seeds | deviation over seeds | one contrast | any of five |\n|---|---|---|---|---|');
    for (const [numClips, numSeeds] of [
      [500, 1],
      [500, 3],
      [500, 5],
    ] as const) {
      for (const seedDeviation of numSeeds === 1 ? [0] : deviations) {
        const found = [1, 5].map((numContrasts) =>
          numFound(
            { numClips, numGroups: numClips / 5, numSeeds, seedDeviation, numContrasts, difference: 0, own: 'run' },
            numStudies,
          ),
        );
        console.log(`| ${[numClips, numSeeds, seedDeviation, ...found].join(' | ')} |`);
      }
    }
  } else if (what === 'targets') {
    console.log(
      "| clips | groups | seeds | deviation | wanted | each run's own | the arm's own |\n|---|---|---|---|---|---|---|",
    );
    for (const { study, share } of targets) {
      const found = (['run', 'arm'] as const).map(
        (own) => (100 * numFound({ ...study, own }, numStudies)) / numStudies,
      );
      const { numClips, numGroups, numSeeds, seedDeviation } = study;
      console.log(`| ${[numClips, numGroups, numSeeds, seedDeviation, 100 * share, ...found].join(' | ')} |`);
    }
  } else {
    console.log(`| clips | seeds | ${deviations.join(' | ')} |\n|---|---|---|---|---|`);
    for (const numClips of [300, 1000, 3000]) {
      for (const numSeeds of [3, 5, 10, 20]) {
        const shares = deviations.map((seedDeviation) => {
          const study: Study = {
            numClips,
            numGroups: numClips / 5,
            numSeeds,
            seedDeviation,
            numContrasts: 1,
            difference: 0.02,
            own: 'run',
          };
          return ((100 * numFound(study, numStudies)) / numStudies).toFixed(0);
        });
        console.log(`| ${[numClips, numSeeds, ...shares].join(' | ')} |`);
      }
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  main(process.argv[2] ?? 'table', Number(process.argv[3] ?? '200'));
