/**
 * The Hugging Face hub: pulling models into its cache, and finding them there.
 * @module hub
 */
export type { HubName } from './cache.ts';
export { findConfigFolder, findModelFolder, isHubName, parseHubName, pinnedName } from './cache.ts';
export * from './list.ts';
export * from './pull.ts';
export * from './settings.ts';
