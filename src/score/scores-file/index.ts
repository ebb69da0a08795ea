// Files of scores: their rows, what made them, and how they are begun and gone on with.
export type { DescribedModel, DescribedRun } from './describe.ts';
export { describeModel, describeScores } from './describe.ts';
export type { ScoreDistribution } from './distribution.ts';
export type { ScoreLine, ScoreLineShape } from './line.ts';
export { rowKey, scoreColumns, scoreCsvLine, shapeOfMeta } from './line.ts';
export type {
  MetaDifference,
  ScoresAnswer,
  ScoresMachine,
  ScoresMeta,
  ScoresModel,
  ScoresRuntime,
  ScoresTemplate,
} from './meta.ts';
export {
  hashOfMeta,
  metaDifferences,
  readScoresMeta,
  requireScoresMeta,
  scoresMetaPath,
  writeScoresMeta,
} from './meta.ts';
export type { MergedScores, MergeListener } from './merge.ts';
export { mergeScores } from './merge.ts';
export type { ListPart, ScoresPart } from './part.ts';
export { partName, rowsOfPart } from './part.ts';
export type { StoredModelScore, StoredScore } from './read-scores.ts';
export { distributionReader, readScores } from './read-scores.ts';
export type { SeenClip, SeenFields } from './seen.ts';
export type {
  ClipList,
  ListedClip,
  ListRow,
  ListScorer,
  MemberScore,
  ScoredClip,
  ScoredPlan,
  ScoredRow,
  UnusableRow,
} from './score-list.ts';
export { scoreList } from './score-list.ts';
export type { ScoresFile, ScoresFileOptions, ScoringListener } from './scores-file.ts';
export { openScoresFile } from './scores-file.ts';
