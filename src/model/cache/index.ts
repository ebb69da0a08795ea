// What other layers use of the cache.
export type { FeatureCache, Features, FrozenPart } from './feature-cache.ts';
export { createFeatureCache } from './feature-cache.ts';
export type { FileIdentity } from './file-identity.ts';
export { SETTLED_MS, identifyFile, isSameFile } from './file-identity.ts';
export { cacheFolder } from './folder.ts';
export type { FrozenPartOptions } from './frozen-part.ts';
export { FEATURES_VERSION, frozenPart, machine, prefixPart, versionOf, visionPart } from './frozen-part.ts';
export type { CacheInfo, CacheStore, CacheStoreOptions, ClearedCache } from './store.ts';
export { DEFAULT_CACHE_LIMIT, cacheInfo, cacheKey, clearCache, openCacheStore, setCacheLimit } from './store.ts';
export type { EntryKind } from './sweep.ts';
