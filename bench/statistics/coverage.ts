// How often 95 % intervals hold the truth, on simulated scores: SRCC, PLCC, KRCC, and paired differences of them.
// Results: docs/statistics.md. The numbers do not depend on the machine.
//   npx tsx bench/statistics/coverage.ts [DRAWS]
import { fileURLToPath } from 'node:url';
import { randomStream } from '../../src/core/index.ts';
import type { Interval } from '../../src/metrics/index.ts';
import { krcc, plcc, srcc } from '../../src/metrics/index.ts';
import { blocksOf } from '../../src/metrics/blocks.ts';
import { contrastOf } from '../../src/metrics/contrast.ts';
import type { LeaveOneOut } from '../../src/metrics/leave-out.ts';
import { leaveOneOut } from '../../src/metrics/leave-out.ts';
import { intervalOf, uncertaintyOf } from '../../src/metrics/uncertainty.ts';
import { drawGroups, grouped, mix, truths } from './simulate.ts';

/** What is simulated. */
export interface Cell {
  /** Groups of 1 to 5 clips. */
  numGroups: number;
  /** Correlation of quality, and of errors, within a group. */
  within: number;
  /** PLCC of the predictor; that of the other in a paired difference is .05 less, and their errors correlate by .7. */
  rho: number;
}

const statistics = { srcc, plcc, krcc } as const;
type Name = keyof typeof statistics;
export const names = Object.keys(statistics) as Name[];

/** Shares of the draws whose intervals hold the truth. */
export type Coverage = Record<Name | `${Name} difference`, number>;

const APART = 0.05;
const SHARED = 0.7;

/** Draws clips and predictors again and again. */
export function coverage({ numGroups, within, rho }: Cell, draws: number): Coverage {
  const held = Object.fromEntries(
    names.flatMap((name) => [
      [name, 0],
      [`${name} difference`, 0],
    ]),
  ) as Coverage;
  for (let draw = 0; draw < draws; draw++) {
    const stream = randomStream(draw, numGroups, Math.round(1000 * within), Math.round(1000 * rho));
    const groups = drawGroups(stream, numGroups);
    const [mos, common, ...own] = Array.from({ length: 4 }, () => grouped(stream, groups, within)) as [
      Float64Array,
      ...Float64Array[],
    ];
    const [first, second] = [rho, rho - APART].map((r, k) => {
      const error = mix([Math.sqrt(SHARED), common!], [Math.sqrt(1 - SHARED), own[k]!]);
      return mix([r, mos], [Math.sqrt(1 - r * r), error]);
    }) as [Float64Array, Float64Array];
    const blocks = blocksOf(mos.length, { groups });
    for (const name of names) {
      const statistic = statistics[name];
      const [a, b] = [first, second].map((scores) => leaveOneOut(statistic, scores, mos, blocks)!) as [
        LeaveOneOut,
        LeaveOneOut,
      ];
      const [own, other] = [truths[name](rho), truths[name](rho - APART)];
      if (holds(intervalOf(statistic, a.value, uncertaintyOf([a])), own)) held[name]++;
      const parts = [
        { weight: 1, leftOut: [a] },
        { weight: -1, leftOut: [b] },
      ];
      if (holds(contrastOf(a.value - b.value, parts).interval, own - other)) held[`${name} difference`]++;
    }
  }
  for (const key of Object.keys(held) as (keyof Coverage)[]) held[key] /= draws;
  return held;
}

const holds = (interval: Interval | null, truth: number): boolean =>
  interval !== null && interval.low <= truth && truth <= interval.high;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const draws = Number(process.argv[2] ?? '2000');
  const columns = names
    .flatMap((name): (keyof Coverage)[] => [name])
    .concat(names.map((name) => `${name} difference` as const));
  console.log(`| groups | within | ρ | ${columns.join(' | ')} |\n|${'---|'.repeat(columns.length + 3)}`);
  for (const numGroups of [50, 100]) {
    for (const within of [0, 0.4, 0.6]) {
      for (const rho of [0.5, 0.7, 0.9]) {
        const found = coverage({ numGroups, within, rho }, draws);
        console.log(`| ${[numGroups, within, rho, ...columns.map((c) => (100 * found[c]).toFixed(1))].join(' | ')} |`);
      }
    }
  }
}
