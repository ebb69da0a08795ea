/**
 * Model folders and adapters, and the families of models: sizes, weights, graphs and feeds of each.
 * @module model
 */
export { readAdapterConfig } from './adapter-config.ts';
export type { Adapter } from './adapter.ts';
export { adapterTensorsFile, initLora, readAdapter, writeAdapter } from './adapter.ts';
export type { FeatureArray } from './features.ts';
export { asBfloat16, asFloat32, firstNotFinite } from './features.ts';
export type { FeatureCache, FrozenPart } from './cache/feature-cache.ts';
export { createFeatureCache } from './cache/feature-cache.ts';
export { identifyFile, isSameFile } from './cache/file-identity.ts';
export { cacheFolder } from './cache/folder.ts';
export { machine, prefixPart, versionOf, visionPart, visionPartOf } from './cache/frozen-part.ts';
export type { CacheInfo, CacheStore, ClearedCache } from './cache/store.ts';
export { cacheInfo, cacheKey, clearCache, openCacheStore, setCacheLimit } from './cache/store.ts';
export type { Card } from './card.ts';
export { readCard, writeCard } from './card.ts';
export type { Checkpoint } from './checkpoint.ts';
export { openCheckpoint } from './checkpoint.ts';
export {
  EMBEDDED_MODEL,
  embeddedAdapter,
  embeddedModel,
  embeddedPictures,
  SHIPPED_ADAPTER,
  startAdapter,
} from './embedded.ts';
export type { Feeds, TextItem, WholeGraph } from './families/graph-types.ts';
export { drop } from './families/shared/layers.ts';
export type {
  PatchGrid,
  PositionRule,
  ProcessorConfig,
  TextConfig,
  VisionConfig,
  VisionInput,
  VisionPatches,
  VisionSpan,
  VisionTokens,
} from './families/sizes.ts';
export type { CachedModel, ListOptions, PulledModel, PullOptions, PullPlan } from './hub/index.ts';
export { findModelFolder, hubCacheFolder, isHubName, listCachedModels, pinnedName, pullModel } from './hub/index.ts';
export type { RandomCheckpointOptions } from './init.ts';
export { createRandomCheckpoint, randomSizes } from './init.ts';
export { adapterShapes, firstLoraLayer } from './lora.ts';
export type { LoraOptions } from './lora-options.ts';
export { loraTargets } from './lora-options.ts';
export { mergeAdapter } from './merge.ts';
export type { ModelShape } from './model-shape.ts';
export { openModelShape } from './model-shape.ts';
export { blameWeights } from './non-finite.ts';
export { listProblems, placeSchema, shortList } from './problems.ts';
export { towerRun } from './tower-run.ts';
export type { StoredTensor } from './weights.ts';
export { fedWeights } from './weights.ts';
export { modelDtype, writeCheckpoint } from './write-checkpoint.ts';
