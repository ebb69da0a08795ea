// The agreement of out-of-fold scores: within folds, and of all clips together.
import { invariant } from '../core/index.ts';
import { blocksOf } from './blocks.ts';
import type { Evaluation } from './evaluate.ts';
import { evaluate, evaluateBy } from './evaluate.ts';
import { krcc } from './kendall.ts';
import type { LeaveOneOut, Statistic } from './leave-out.ts';
import { leaveOneOut } from './leave-out.ts';
import type { Numbers } from './order.ts';
import type { Stat } from './statistics.ts';
import { challenge, defined, plcc, srcc, undefinedBecause } from './statistics.ts';
import type { Interval } from './uncertainty.ts';
import { intervalOf, uncertaintyOf } from './uncertainty.ts';

/** A statistic with its interval. */
export interface IntervalledStat {
  /** Its value. */
  value: Stat;
  /** Its 95 % interval; null where it cannot be had. */
  interval: Interval | null;
}

/** Means of the correlations within folds. */
export interface WithinFolds {
  /** Of SRCC. */
  srcc: IntervalledStat;
  /** Of the raw PLCC. */
  plcc: IntervalledStat;
  /** Of tau-b. */
  krcc: IntervalledStat;
  /** Of (SRCC + PLCC) / 2. */
  challenge: IntervalledStat;
}

/** The clips of a fold. */
export interface FoldPart {
  /** Its number. */
  fold: number;
  /** Its evaluation, without intervals. */
  evaluation: Evaluation;
}

/** How well out-of-fold scores agree with opinion scores. */
export interface FoldEvaluation {
  /** Each fold by itself, by number. */
  folds: FoldPart[];
  /** Means within folds, which are the figure to report; null where each fold is one group, whose clips are too alike to correlate. */
  within: WithinFolds | null;
  /**
   * Of all clips together. Each fold's model has its own mean and spread, and has learnt the mean of the other folds, which is low where
   * its own fold's is high: scores without any signal correlate negatively.
   */
  pooled: Evaluation;
}

/** Out-of-fold scores. */
export interface FoldInput {
  /** Scores. */
  predictions: Numbers;
  /** Opinion scores, as many. */
  mos: Numbers;
  /** The fold of each clip. */
  folds: readonly number[];
  /** The group of each clip; no group lies in two folds. */
  groups: readonly string[];
}

/**
 * Evaluates out-of-fold scores.
 * @param input - scores, opinion scores, folds and groups
 */
export function evaluateFolds(input: FoldInput): FoldEvaluation {
  const { predictions, mos, folds, groups } = input;
  const foldOf = new Map<string, number>();
  groups.forEach((group, i) => {
    const fold = foldOf.get(group) ?? folds[i]!;
    invariant(fold === folds[i], `group ${group} lies in the folds ${fold} and ${folds[i]}`);
    foldOf.set(group, fold);
  });
  const isEachGroup = new Set(folds).size === foldOf.size;
  const within = (statistic: Statistic): IntervalledStat => withinFolds(statistic, input);
  return {
    folds: evaluateBy({ predictions, mos, intervals: false }, folds.map(String))
      .parts.map(({ key, evaluation }) => ({ fold: Number(key), evaluation }))
      .sort((a, b) => a.fold - b.fold),
    within: isEachGroup
      ? null
      : { srcc: within(srcc), plcc: within(plcc), krcc: within(krcc), challenge: within(challenge) },
    pooled: evaluate({ predictions, mos, groups }),
  };
}

/**
 * The mean of a statistic within folds, weighted by their clips. Its interval is that of the statistic itself, by the jackknife over
 * groups: leaving a group out changes its fold's term and its fold's weight.
 */
export function withinFolds(statistic: Statistic, { predictions, mos, folds, groups }: FoldInput): IntervalledStat {
  const n = mos.length;
  invariant(predictions.length === n && folds.length === n && groups.length === n, 'as many of each as clips');
  const clips = new Map<number, number[]>();
  folds.forEach((fold, i) => {
    const list = clips.get(fold);
    if (list === undefined) clips.set(fold, [i]);
    else list.push(i);
  });
  const parts: { size: number; value: number; leftOut: LeaveOneOut | null; sizes: number[] }[] = [];
  for (const [fold, list] of clips) {
    const [x, y] = [list.map((i) => predictions[i]!), list.map((i) => mos[i]!)];
    const stat = statistic(x, y);
    if (!stat.defined) {
      return { value: undefinedBecause(`fold ${fold}: ${stat.reason}`), interval: null };
    }
    const blocks = blocksOf(list.length, { groups: list.map((i) => groups[i]!) });
    const sizes = Array.from({ length: blocks.count }, (_, b) => blocks.starts[b + 1]! - blocks.starts[b]!);
    parts.push({ size: list.length, value: stat.value, leftOut: leaveOneOut(statistic, x, y, blocks), sizes });
  }
  const total = parts.reduce((sum, { size, value }) => sum + size * value, 0);
  const value = total / n;
  const without = parts.flatMap(({ size, value: own, leftOut, sizes }) => {
    const others = total - size * own;
    if (sizes.length === 1) return [others / (n - size)]; // its only group is left out with all of the fold
    if (leftOut === null) return [NaN];
    return [...leftOut.without].map((left, b) => (others + (size - sizes[b]!) * left) / (n - sizes[b]!));
  });
  const uncertainty = without.every(Number.isFinite)
    ? uncertaintyOf([{ value, without: Float64Array.from(without) }])
    : null;
  return { value: defined(value), interval: intervalOf(statistic, value, uncertainty) };
}
