// All statistics of a set of scores at once.
import type { Interval } from './bootstrap.ts';
import { intervals } from './bootstrap.ts';
import { krcc } from './kendall.ts';
import { fitLogistic4, fitLogistic5, type Fit } from './logistic.ts';
import type { Numbers } from './order.ts';
import type { Stat } from './statistics.ts';
import { challengeScore, plcc, rmse, srcc, undefinedBecause } from './statistics.ts';

/** What is evaluated. */
export interface EvaluationInput {
  /** Scores. */
  predictions: Numbers;
  /** Opinion scores, as many, on the same scale. */
  mos: Numbers;
  /** The group of each clip, for the intervals; default: each clip is its own. */
  groups?: readonly string[];
  /** Resamples of the intervals; default 2,000; 0 for none. */
  resamples?: number;
  /** Seed of the intervals; default 0. */
  seed?: number;
}

/** 95 % bootstrap intervals; null where one cannot be had. */
export interface EvaluationIntervals {
  /** Of SRCC. */
  srcc: Interval | null;
  /** Of the raw PLCC. */
  plcc: Interval | null;
  /** Of tau-b. */
  krcc: Interval | null;
}

/** How well scores agree with opinion scores. */
export interface Evaluation {
  /** Number of clips. */
  n: number;
  /** Spearman's rank correlation. */
  srcc: Stat;
  /** Pearson's correlation of the raw scores. */
  plcc: Stat;
  /** Pearson's correlation after the 4-parameter logistic. */
  plccLogistic4: Stat;
  /** Pearson's correlation after the 5-parameter logistic. */
  plccLogistic5: Stat;
  /** Kendall's tau-b. */
  krcc: Stat;
  /** Root mean squared error of the raw scores. */
  rmse: Stat;
  /** Root mean squared error after the 4-parameter logistic. */
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
  const { predictions, mos, groups, resamples = 2000, seed = 0 } = input;
  const [fitted4, fitted5] = [fitLogistic4(predictions, mos), fitLogistic5(predictions, mos)];
  const [rank, linear] = [srcc(predictions, mos), plcc(predictions, mos)];
  return {
    n: mos.length,
    srcc: rank,
    plcc: linear,
    plccLogistic4: after(fitted4, predictions, mos, plcc),
    plccLogistic5: after(fitted5, predictions, mos, plcc),
    krcc: krcc(predictions, mos),
    rmse: rmse(predictions, mos),
    rmseLogistic4: after(fitted4, predictions, mos, rmse),
    challenge: challengeScore(rank, linear),
    intervals: resamples === 0 ? null : intervals(predictions, mos, { srcc, plcc, krcc }, { groups, resamples, seed }),
  };
}

function after(fit: Fit, predictions: Numbers, mos: Numbers, statistic: typeof plcc): Stat {
  if (!fit.defined) return undefinedBecause(fit.reason);
  return statistic(Float64Array.from(predictions, fit.map), mos);
}
