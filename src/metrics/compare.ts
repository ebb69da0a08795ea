// Several arms on the same clips: each one's metrics, and each one against the first.
import { invariant } from '../core/index.ts';
import type { GroupOptions } from './blocks.ts';
import { blocksOf } from './blocks.ts';
import type { Contrast } from './contrast.ts';
import { contrastOf, holm, meanStat, nothing } from './contrast.ts';
import { krcc } from './kendall.ts';
import type { LeaveOneOut, Statistic } from './leave-out.ts';
import { leaveOneOut } from './leave-out.ts';
import type { Numbers } from './order.ts';
import type { Stat } from './statistics.ts';
import { challenge, plcc, rmse, srcc } from './statistics.ts';
import type { Interval, Uncertainty } from './uncertainty.ts';
import { FEWEST_GROUPS, intervalOf, uncertaintyOf } from './uncertainty.ts';

/** What arms are compared by; `challenge` is (SRCC + PLCC) / 2. */
export type ComparedMetric = 'challenge' | 'srcc' | 'plcc' | 'krcc' | 'rmse';

const statistics: Readonly<Record<ComparedMetric, Statistic>> = { challenge, srcc, plcc, krcc, rmse };

/** All of them. */
export const comparedMetrics: readonly ComparedMetric[] = Object.keys(statistics) as ComparedMetric[];

/** One way to make scores, once a seed. */
export interface Arm {
  /** Its name. */
  name: string;
  /** Scores of the same clips, an array for each seed. */
  seeds: readonly Numbers[];
}

/** What is compared. */
export interface ComparisonInput extends GroupOptions {
  /** At least one, all with the same number of seeds; the others are compared with the first. */
  arms: readonly Arm[];
  /** Opinion scores, as many as each array has scores. */
  mos: Numbers;
  /** What p-values are of, chosen before the scores are seen; default `challenge`. */
  metric?: ComparedMetric;
}

/** A metric of an arm. */
export interface Estimate {
  /** Mean over seeds. */
  value: Stat;
  /** 95 % interval of that mean, over groups and seeds; null where it cannot be had. */
  interval: Interval | null;
  /** Standard error and its parts; null where it cannot be had. */
  uncertainty: Uncertainty | null;
}

/** An arm's metrics. */
export interface ArmResult {
  /** Its name. */
  name: string;
  /** How many seeds it has. */
  numSeeds: number;
  /** Its metrics. */
  metrics: Record<ComparedMetric, Estimate>;
}

/** An arm against the first. */
export interface ArmContrast {
  /** Name of the arm. */
  arm: string;
  /** Name of the first. */
  against: string;
  /** The metric that was chosen. */
  primary: Contrast;
  /** Its p-value, adjusted for all contrasts ({@link holm}); null where it cannot be had. */
  holm: number | null;
  /** Difference and interval of each of the other metrics, which were not planned and have no p. */
  others: Partial<Record<ComparedMetric, Pick<Contrast, 'difference' | 'interval' | 'uncertainty'>>>;
}

/** What was found. */
export interface Comparison {
  /** The metric that p-values are of. */
  metric: ComparedMetric;
  /** Number of clips. */
  n: number;
  /** How many groups the intervals rest on; clips where there are no groups. */
  numGroups: number;
  /** Whether there are fewer than 30 groups, so that the intervals are approximate. */
  isApproximate: boolean;
  /** The arms, as they were given. */
  arms: ArmResult[];
  /** Each arm but the first, against the first. */
  contrasts: ArmContrast[];
}

/**
 * Compares arms on the same clips, paired by clip, group and seed ({@link contrast}), with p-values of one metric, adjusted after Holm.
 * @param input - arms, opinion scores, groups
 */
export function compare({ arms, mos, groups, metric = 'challenge' }: ComparisonInput): Comparison {
  const numSeeds = arms[0]?.seeds.length ?? 0;
  invariant(numSeeds > 0, 'an arm with scores');
  for (const { name, seeds } of arms)
    invariant(seeds.length === numSeeds, `${name}: ${seeds.length} seeds, not ${numSeeds}`);
  const blocks = blocksOf(mos.length, { groups });
  /** Of each arm and metric: mean over seeds, and what the jackknife left out. */
  const found = arms.map(({ seeds }) => {
    const of = (name: ComparedMetric): { value: Stat; leftOut: (LeaveOneOut | null)[] } => ({
      value: meanStat(seeds, mos, statistics[name]),
      leftOut: seeds.map((scores) => leaveOneOut(statistics[name], scores, mos, blocks)),
    });
    return byMetric(of);
  });
  const contrastBy = (name: ComparedMetric, arm: number): Contrast => {
    const [a, b] = [found[arm]![name], found[0]![name]];
    if (!a.value.defined) return nothing(`${arms[arm]!.name}: ${a.value.reason}`);
    if (!b.value.defined) return nothing(`${arms[0]!.name}: ${b.value.reason}`);
    return contrastOf(a.value.value - b.value.value, a.leftOut, b.leftOut);
  };
  const primaries = arms.slice(1).map((_, k) => contrastBy(metric, k + 1));
  const adjusted = holm(primaries.map(({ p }) => p));
  return {
    metric,
    n: mos.length,
    numGroups: blocks.numGroups,
    isApproximate: blocks.numGroups < FEWEST_GROUPS,
    arms: arms.map(({ name }, arm) => ({
      name,
      numSeeds,
      metrics: byMetric((of) => estimate(statistics[of], found[arm]![of].value, found[arm]![of].leftOut)),
    })),
    contrasts: primaries.map((primary, k) => ({
      arm: arms[k + 1]!.name,
      against: arms[0]!.name,
      primary,
      holm: adjusted[k]!,
      others: Object.fromEntries(
        comparedMetrics
          .filter((name) => name !== metric)
          .map((name) => {
            const { difference, interval, uncertainty } = contrastBy(name, k + 1);
            return [name, { difference, interval, uncertainty }];
          }),
      ),
    })),
  };
}

function byMetric<T>(of: (name: ComparedMetric) => T): Record<ComparedMetric, T> {
  return Object.fromEntries(comparedMetrics.map((name) => [name, of(name)])) as Record<ComparedMetric, T>;
}

function estimate(statistic: Statistic, value: Stat, leftOut: readonly (LeaveOneOut | null)[]): Estimate {
  const all = leftOut.flatMap((one) => one ?? []);
  if (!value.defined || all.length < leftOut.length) return { value, interval: null, uncertainty: null };
  const uncertainty = uncertaintyOf(all);
  return { value, interval: intervalOf(statistic, value.value, uncertainty), uncertainty };
}
