// Files of scores: their rows, and what made them.
export type { DescribedModel, DescribedRun } from './describe.ts';
export { describeModel, describeScores } from './describe.ts';
export type { ScoreLine, ScoreLineShape } from './line.ts';
export { rowKey, scoreColumns, scoreCsvLine } from './line.ts';
export type {
  MetaDifference,
  ScoresAnswer,
  ScoresMachine,
  ScoresMeta,
  ScoresModel,
  ScoresRuntime,
  ScoresTemplate,
} from './meta.ts';
export { hashOfMeta, metaDifferences, readScoresMeta, scoresMetaPath, writeScoresMeta } from './meta.ts';
