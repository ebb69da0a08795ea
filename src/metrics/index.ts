/**
 * Agreement of scores with opinion scores: correlations, logistic maps, intervals, comparisons. Pure functions.
 * @module metrics
 */
export type { GroupOptions } from './blocks.ts';
export type {
  DiscreteDistribution,
  Calibration,
  CalibrationBin,
  CalibrationInput,
  CentralCoverage,
} from './calibration.ts';
export { calibrate } from './calibration.ts';
export type {
  Arm,
  ArmContrast,
  ArmResult,
  ComparedMetric,
  Comparison,
  ComparisonInput,
  Estimate,
  JudgedClips,
  PlannedContrast,
} from './compare.ts';
export { againstFirst, compare, comparedMetrics, differenceOf } from './compare.ts';
export type { Contrast } from './contrast.ts';
export { contrast, detectableDifference, holm } from './contrast.ts';
export type { PlannedComparison } from './detectable.ts';
export { expectedDetectable } from './detectable.ts';
export type { Evaluation, EvaluationBy, EvaluationInput, EvaluationIntervals, EvaluationPart } from './evaluate.ts';
export { evaluate, evaluateBy } from './evaluate.ts';
export type { FoldEvaluation, FoldInput, FoldPart, IntervalledStat, WithinFolds } from './folds.ts';
export { evaluateFolds } from './folds.ts';
export { krcc } from './kendall.ts';
export type { Statistic } from './leave-out.ts';
export { normalCdf } from './normal.ts';
export type { Numbers } from './order.ts';
export type { Stat } from './statistics.ts';
export { challenge, challengeScore, mae, plcc, rmse, rmseOfMean, srcc } from './statistics.ts';
export type { Interval, Uncertainty, VariancePart } from './uncertainty.ts';
export type { ClipOpinion, Opinions, RaterReport, VoteMethod } from './votes/opinions.ts';
export { opinionScores, voteMethods } from './votes/opinions.ts';
export type { Votes } from './votes/votes.ts';
