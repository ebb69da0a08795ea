/**
 * The library: train, score and evaluate from a program.
 * @module iovqa
 */
export type { UserErrorCode, UserErrorDetails } from './core/index.ts';
export { UserError } from './core/index.ts';
export type {
  BootstrapOptions,
  ClipOpinion,
  Comparison,
  Evaluation,
  EvaluationBy,
  EvaluationInput,
  EvaluationIntervals,
  EvaluationPart,
  Interval,
  Numbers,
  Opinions,
  RaterReport,
  Stat,
  Statistic,
  VoteMethod,
  Votes,
} from './metrics/index.ts';
export {
  challenge,
  challengeScore,
  comparePaired,
  evaluate,
  evaluateBy,
  krcc,
  mae,
  opinionScores,
  plcc,
  rmse,
  rmseOfMean,
  srcc,
} from './metrics/index.ts';
export type {
  ClipRow,
  ColumnMap,
  ColumnRole,
  Dataset,
  Grouped,
  ManifestOptions,
  MosScale,
  Problem,
  ProblemKind,
  Split,
  TableOptions,
} from './dataset/index.ts';
export { kFold, readManifest, rowsOfSplit, splitByGroup, storeTableOptions } from './dataset/index.ts';
export type {
  DataCheck,
  DataCheckOptions,
  DuplicatePictures,
  Finding,
  InspectedFrames,
  InspectedMask,
  InspectedModel,
  InspectFramesOptions,
  OpinionOptions,
  OpinionReport,
  OpinionRow,
  OpinionTable,
  ScoreSummary,
  UninspectedFrames,
} from './checks/index.ts';
export {
  checkData,
  doctor,
  inspectFrames,
  inspectMask,
  inspectModel,
  opinionsOfVotes,
  opinionTable,
  raterTable,
} from './checks/index.ts';
export type { FloatDtype } from './files/index.ts';
export type { ExternalSource } from './graph/index.ts';
export type {
  CachedModel,
  CacheInfo,
  Checkpoint,
  ListOptions,
  ClearedCache,
  ProcessorConfig,
  PositionRule,
  PulledModel,
  PullOptions,
  PullPlan,
  RandomCheckpointOptions,
  StoredTensor,
  TextConfig,
  VisionConfig,
  VisionTokens,
} from './model/index.ts';
export {
  cacheFolder,
  cacheInfo,
  clearCache,
  createRandomCheckpoint,
  listCachedModels,
  openCheckpoint,
  pullModel,
  randomSizes,
  setCacheLimit,
  embeddedAdapter,
  embeddedModel,
} from './model/index.ts';
export type { FrameOptions, FramePick, FramePlan, FrameTime } from './video/index.ts';
export type { AnswerKind, AnswerStep } from './prompt/index.ts';
export type {
  AnswerDistribution,
  AttachedModel,
  AttachOptions,
  Engine,
  EngineOptions,
  MachineSpeed,
  OpenEngine,
  PredictOptions,
  RuntimeOptions,
  StateTensor,
  TrainingOptions,
  UpdateResult,
} from './engine/index.ts';
export type { AnswerTerm, Objective, ObjectiveForm } from './objectives/index.ts';
export { providers } from './engine/index.ts';
export type {
  AnswerSettings,
  Clip,
  ClipData,
  FrameSettings,
  MaskEntry,
  PreparedExample,
  PromptSettings,
  ScorerSettings,
  TextLimits,
} from './inputs/index.ts';
export { readPreparedExample, writePreparedExample } from './inputs/index.ts';
export type {
  ClipLimits,
  ClipPrediction,
  ClipScore,
  Exported,
  ExportFormat,
  ExportOptions,
  FailedClip,
  ListedClip,
  ListRow,
  ListScorer,
  MemberScore,
  Prediction,
  PredictorOptions,
  RejectedClip,
  ScoredClip,
  ScoredRow,
  ScoreLine,
  ScoreListOptions,
  Scorer,
  ScorerOptions,
  ScoresAnswer,
  ScoresFile,
  ScoresFileOptions,
  ScoresMachine,
  ScoresMeta,
  ScoresModel,
  ScoresRuntime,
  ScoresTemplate,
  ScoreStream,
  ScoringListener,
  SharedPartsOptions,
  UnusableRow,
} from './score/index.ts';
export { exportAdapter, loadScorer, openScoresFile, readScoresMeta } from './score/index.ts';
export type {
  EstimatedPart,
  Recipe,
  RecipeFile,
  RecipeInput,
  RecipeSources,
  ResolvedRecipe,
  RunEstimate,
  TrainEvent,
  TrainOptions,
  ValidationScores,
} from './train/index.ts';
export { estimateRun, readRunRecipe, resolveRecipe, train } from './train/index.ts';
export type { Ensemble, EnsembleMember, EnsembleScore, StoredMember } from './study/index.ts';
export { createEnsemble, loadEnsemble, paperWeights } from './study/index.ts';
