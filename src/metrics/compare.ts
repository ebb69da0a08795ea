// Several arms on the same clips: each one's metrics, and each one against the first.
import { invariant } from '../core/index.ts';
import type { GroupOptions } from './blocks.ts';
import { blocksOf } from './blocks.ts';
import type { Contrast, WeightedArm } from './contrast.ts';
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
  /**
   * The clips that it was judged by, where they are others than those of the comparison. Arms with the same object are paired by clip;
   * of others the groups are taken to be independent samples, and only seeds are paired.
   */
  clips?: JudgedClips;
}

/** Clips with opinion scores. */
export interface JudgedClips extends GroupOptions {
  /** Opinion scores, as many as each array of an arm has scores. */
  mos: Numbers;
}

/** What is compared. */
export interface ComparisonInput extends JudgedClips {
  /** At least one, all with the same number of seeds; the others are compared with the first. */
  arms: readonly Arm[];
  /** What p-values are of, chosen before the scores are seen; default `challenge`. */
  metric?: ComparedMetric;
  /** The contrasts that were planned; default: each arm but the first, against the first. */
  contrasts?: readonly PlannedContrast[];
}

/** A difference that was planned before the scores were seen: a weighted sum of arms. */
export interface PlannedContrast {
  /** What it is called. */
  name: string;
  /** How much each arm counts, by its name; at least two, which add up to zero. With an arm that is not there, it is undefined. */
  weights: ReadonlyMap<string, number>;
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
  /** Number of clips that it was judged by. */
  n: number;
  /** How many groups they are in. */
  numGroups: number;
  /** Its metrics. */
  metrics: Record<ComparedMetric, Estimate>;
}

/** What was found of a contrast. */
export interface ArmContrast {
  /** What it is called; by default `ARM − FIRST`. */
  name: string;
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
  /** Number of clips; of arms with clips of their own, see the arm. */
  n: number;
  /** How many groups the intervals rest on; clips where there are no groups. */
  numGroups: number;
  /** Whether an arm has fewer than 30 groups, so that intervals are approximate. */
  isApproximate: boolean;
  /** The arms, as they were given. */
  arms: ArmResult[];
  /** The contrasts, as they were planned. */
  contrasts: ArmContrast[];
}

/**
 * Compares arms, those on the same clips paired by clip, group and seed ({@link contrast}), with p-values of one metric, adjusted after
 * Holm.
 * @param input - arms, opinion scores, groups, contrasts
 */
export function compare(input: ComparisonInput): Comparison {
  const { arms, mos, metric = 'challenge' } = input;
  const { contrasts = againstFirst(arms.map(({ name }) => name)) } = input;
  const numSeeds = arms[0]?.seeds.length ?? 0;
  invariant(numSeeds > 0, 'an arm with scores');
  for (const { name, seeds } of arms)
    invariant(seeds.length === numSeeds, `${name}: ${seeds.length} seeds, not ${numSeeds}`);
  const tables = [...new Set<JudgedClips>([input, ...arms.flatMap(({ clips }) => clips ?? [])])];
  const blocks = tables.map((clips) => blocksOf(clips.mos.length, clips));
  /** Of each arm and metric: mean over seeds, and what the jackknife left out. */
  const found = arms.map(({ seeds, clips = input }) => {
    const table = tables.indexOf(clips);
    const of = (name: ComparedMetric): { value: Stat; leftOut: (LeaveOneOut | null)[] } => ({
      value: meanStat(seeds, clips.mos, statistics[name]),
      leftOut: seeds.map((scores) => leaveOneOut(statistics[name], scores, clips.mos, blocks[table]!)),
    });
    return { table, n: clips.mos.length, numGroups: blocks[table]!.numGroups, ...byMetric(of) };
  });
  const contrastBy = (name: ComparedMetric, { weights }: PlannedContrast): Contrast => {
    let difference = 0;
    const parts: WeightedArm[] = [];
    for (const [arm, weight] of weights) {
      const its = found[arms.findIndex((one) => one.name === arm)];
      if (its === undefined) return nothing(`${arm}: no scores`);
      const { [name]: of, table } = its;
      if (!of.value.defined) return nothing(`${arm}: ${of.value.reason}`);
      difference += weight * of.value.value;
      parts.push({ weight, leftOut: of.leftOut, table });
    }
    return contrastOf(difference, parts);
  };
  const primaries = contrasts.map((one) => contrastBy(metric, one));
  const adjusted = holm(primaries.map(({ p }) => p));
  return {
    metric,
    n: mos.length,
    numGroups: blocks[0]!.numGroups,
    isApproximate: found.some(({ numGroups }) => numGroups < FEWEST_GROUPS),
    arms: arms.map(({ name }, arm) => ({
      name,
      numSeeds,
      n: found[arm]!.n,
      numGroups: found[arm]!.numGroups,
      metrics: byMetric((of) => estimate(statistics[of], found[arm]![of].value, found[arm]![of].leftOut)),
    })),
    contrasts: primaries.map((primary, k) => ({
      name: contrasts[k]!.name,
      primary,
      holm: adjusted[k]!,
      others: Object.fromEntries(
        comparedMetrics
          .filter((name) => name !== metric)
          .map((name) => {
            const { difference, interval, uncertainty } = contrastBy(name, contrasts[k]!);
            return [name, { difference, interval, uncertainty }];
          }),
      ),
    })),
  };
}

/**
 * Each arm but the first, against the first.
 * @param names - of the arms
 */
export function againstFirst([first, ...others]: readonly string[]): PlannedContrast[] {
  return others.map((other) => differenceOf(other, first!));
}

/**
 * The difference of two arms.
 * @param one - name of the arm that counts 1
 * @param other - name of that which counts −1
 */
export function differenceOf(one: string, other: string): PlannedContrast {
  return {
    name: `${one} − ${other}`,
    weights: new Map([
      [one, 1],
      [other, -1],
    ]),
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
