/**
 * The Hugging Face hub: pulling models into its cache, and finding them there.
 * @module hub
 */
export { findConfigFolder, findModelFolder, isHubName, parseHubName, pinnedName } from './cache.ts';
export type { CachedModel, ListOptions } from './list.ts';
export { listCachedModels } from './list.ts';
export type { PulledModel, PullOptions, PullPlan } from './pull.ts';
export { pullModel } from './pull.ts';
export { hubCacheFolder } from './settings.ts';
