// All statistics of a set of scores at once.
import { invariant } from '../core/index.ts';
import { blocksOf } from './blocks.ts';
import { krcc } from './kendall.ts';
import { fitLogistic4, fitLogistic5, type Fit } from './logistic.ts';
import type { LeaveOneOut, Statistic } from './leave-out.ts';
import { leaveOneOut } from './leave-out.ts';
import type { Numbers } from './order.ts';
import type { Stat } from './statistics.ts';
import { challenge, challengeScore, plcc, rmse, rmseOfMean, srcc, undefinedBecause } from './statistics.ts';
import type { Interval } from './uncertainty.ts';
import { FEWEST_GROUPS, intervalOf, uncertaintyOf } from './uncertainty.ts';

/** What is evaluated. */
export interface EvaluationInput {
  /** Scores. */
  predictions: Numbers;
  /** Opinion scores, as many, on the same scale. */
  mos: Numbers;
  /** The group of each clip, for the intervals; default: each clip is its own. */
  groups?: readonly string[] | undefined;
  /** False: no intervals, which take the most time; default true. */
  intervals?: boolean;
}

/**
 * 95 % intervals from a jackknife over groups, on Fisher's z for correlations and on the logarithm for RMSE, with Student's t on
 * groups − 1. One is null for fewer than two groups, for a correlation of ±1, and where the statistic is undefined without one of
 * the groups.
 */
export interface EvaluationIntervals {
  /** Of SRCC. */
  srcc: Interval | null;
  /** Of the raw PLCC. */
  plcc: Interval | null;
  /** Of tau-b. */
  krcc: Interval | null;
  /** Of the raw RMSE. */
  rmse: Interval | null;
  /** Of (SRCC + PLCC) / 2. */
  challenge: Interval | null;
  /** How many groups they rest on; clips where there are no groups. */
  numGroups: number;
  /** Whether there are fewer than 30 groups, so that the intervals are approximate. */
  isApproximate: boolean;
}

/** How well scores agree with opinion scores. */
export interface Evaluation {
  /** Number of clips. */
  n: number;
  /** Spearman's rank correlation. */
  srcc: Stat;
  /** Pearson's correlation of the raw scores. */
  plcc: Stat;
  /**
   * Pearson's correlation after the 4-parameter logistic. Fitted to the same clips, so a little flattering; negative where the
   * fitted map falls, so that scores the wrong way round do not look right.
   */
  plccLogistic4: Stat;
  /** Pearson's correlation after the 5-parameter logistic, with the sign of the map's own correlation with the scores. */
  plccLogistic5: Stat;
  /** Kendall's tau-b. */
  krcc: Stat;
  /** Root mean squared error of the raw scores. */
  rmse: Stat;
  /** What {@link Evaluation.rmse} would be of the mean opinion score of these clips, given to each of them. */
  rmseOfMean: Stat;
  /** Root mean squared error after the 4-parameter logistic, which may rise or fall. */
  rmseLogistic4: Stat;
  /** (SRCC + PLCC) / 2, the score of the VQualA 2025 challenge. */
  challenge: Stat;
  /** Intervals; null when none were asked for. */
  intervals: EvaluationIntervals | null;
}

/**
 * Evaluates scores.
 * @param input - scores and opinion scores
 */
export function evaluate(input: EvaluationInput): Evaluation {
  const { predictions, mos } = input;
  const [fitted4, fitted5] = [fitLogistic4(predictions, mos), fitLogistic5(predictions, mos)];
  const [rank, linear] = [srcc(predictions, mos), plcc(predictions, mos)];
  return {
    n: mos.length,
    srcc: rank,
    plcc: linear,
    plccLogistic4: mappedPlcc(fitted4, predictions, mos),
    plccLogistic5: mappedPlcc(fitted5, predictions, mos),
    krcc: krcc(predictions, mos),
    rmse: rmse(predictions, mos),
    rmseOfMean: rmseOfMean(mos),
    rmseLogistic4: fitted4.defined ? rmse(mapped(fitted4, predictions), mos) : undefinedBecause(fitted4.reason),
    challenge: challengeScore(rank, linear),
    intervals: input.intervals === false ? null : intervals(input),
  };
}

function intervals({ predictions, mos, groups }: EvaluationInput): EvaluationIntervals {
  const blocks = blocksOf(mos.length, { groups });
  const intervalFrom = (statistic: Statistic, leftOut: LeaveOneOut | null): Interval | null =>
    leftOut === null ? null : intervalOf(statistic, leftOut.value, uncertaintyOf([leftOut]));
  const [rank, linear] = [srcc, plcc].map((statistic) => leaveOneOut(statistic, predictions, mos, blocks));
  const middle = (a: number, b: number): number => (a + b) / 2;
  const both: LeaveOneOut | null =
    rank == null || linear == null
      ? null
      : {
          value: middle(rank.value, linear.value),
          without: rank.without.map((v, g) => middle(v, linear.without[g]!)),
        };
  return {
    srcc: intervalFrom(srcc, rank ?? null),
    plcc: intervalFrom(plcc, linear ?? null),
    krcc: intervalFrom(krcc, leaveOneOut(krcc, predictions, mos, blocks)),
    rmse: intervalFrom(rmse, leaveOneOut(rmse, predictions, mos, blocks)),
    challenge: intervalFrom(challenge, both),
    numGroups: blocks.numGroups,
    isApproximate: blocks.numGroups < FEWEST_GROUPS,
  };
}

type Fitted = Extract<Fit, { defined: true }>;

function mapped(fit: Fitted, predictions: Numbers): Float64Array {
  return Float64Array.from(predictions, (score) => fit.map(score));
}

function mappedPlcc(fit: Fit, predictions: Numbers, mos: Numbers): Stat {
  if (!fit.defined) return undefinedBecause(fit.reason);
  const values = mapped(fit, predictions);
  const direction = plcc(predictions, values);
  const agreement = plcc(values, mos);
  if (!direction.defined || !agreement.defined) return undefinedBecause('the fitted map is flat');
  return { defined: true, value: Math.sign(direction.value) * agreement.value };
}

/** The clips of one key, evaluated. */
export interface EvaluationPart {
  /** Their key. */
  key: string;
  /** Their evaluation. */
  evaluation: Evaluation;
}

/** An evaluation and its parts. */
export interface EvaluationBy {
  /** Of all clips. */
  overall: Evaluation;
  /** Of the clips of each key, by key in the order of its code units. */
  parts: EvaluationPart[];
}

/**
 * Evaluates scores as a whole and by key: by generator, split, codec, ….
 * @param input - scores and opinion scores
 * @param keys - the key of each clip
 */
export function evaluateBy(input: EvaluationInput, keys: readonly string[]): EvaluationBy {
  const { predictions, mos, groups } = input;
  invariant(keys.length === mos.length, `${keys.length} keys for ${mos.length} clips`);
  const overall = evaluate(input);
  const clips = new Map<string, number[]>();
  keys.forEach((key, i) => {
    const list = clips.get(key);
    if (list === undefined) clips.set(key, [i]);
    else list.push(i);
  });
  const parts = [...clips]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, list]) => ({
      key,
      evaluation: evaluate({
        ...input,
        predictions: list.map((i) => predictions[i]!),
        mos: list.map((i) => mos[i]!),
        ...(groups === undefined ? {} : { groups: list.map((i) => groups[i]!) }),
      }),
    }));
  return { overall, parts };
}
