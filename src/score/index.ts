/**
 * Scoring: models opened with the card that says how they are prompted, streams of predictions, files of scores.
 * @module score
 */
export { makeCard } from './card.ts';
export type { ClipPredictor } from './clip-predictor.ts';
export { createClipPredictor, sizeOfPrompt } from './clip-predictor.ts';
export type { Exported, ExportFormat, ExportOptions } from './export.ts';
export { exportAdapter } from './export.ts';
export { goldenScores } from './golden.ts';
export { checkCard } from './golden-of-card.ts';
export type { ClipLimits } from './limits.ts';
export { openModel } from './open-model.ts';
export type { ClipPrediction, SeenFrames } from './predict-clips.ts';
export { predictClips } from './predict-clips.ts';
export type { FreeAnswer, Prediction } from './prediction.ts';
export type { Predictor, PredictorOptions } from './predictor.ts';
export { notesOn, openPredictor } from './predictor.ts';
export { runSizes } from './run-defaults.ts';
export type { FailedClip, RejectedClip, ScoreListOptions, ScoreStream } from './score-stream.ts';
export type { ClipAnswer, ClipScore, Scorer, ScorerOptions } from './scorer.ts';
export { loadScorer } from './scorer.ts';
export {
  describeScores,
  scoreColumns,
  scoreCsvLine,
  shapeOfMeta,
  distributionReader,
  readScores,
  readScoresMeta,
  requireScoresMeta,
  writeScoresMeta,
  scoreList,
  openScoresFile,
  mergeScores,
  partName,
  rowsOfPart,
} from './scores-file/index.ts';
export type {
  ScoreDistribution,
  SeenClip,
  SeenFields,
  StoredModelScore,
  StoredScore,
  ScoreLine,
  ScoreLineShape,
  ScoresAnswer,
  ScoresMachine,
  ScoresMeta,
  ScoresModel,
  ScoresPart,
  ScoresRuntime,
  ScoresTemplate,
  ClipList,
  ListedClip,
  ListRow,
  ListPart,
  ListScorer,
  MergedScores,
  MergeListener,
  MemberScore,
  ScoredClip,
  ScoredPlan,
  ScoredRow,
  UnusableRow,
  ScoresFile,
  ScoresFileOptions,
  ScoringListener,
} from './scores-file/index.ts';
export type { SharedPartsOptions } from './shared-parts.ts';
export { createSharedParts } from './shared-parts.ts';
export { openTrustedEngine } from './trusted-engine.ts';
