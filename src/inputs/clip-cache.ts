// What is kept of clips: the vision features of their pixels, and which pixels a file gave.
import type { CacheStore, FeatureCache, FrozenPart } from '../model/index.ts';
import { createFeatureCache } from '../model/index.ts';
import type { FrameOptions } from '../video/index.ts';
import type { PlanMemo } from './plan-memo.ts';
import { createPlanMemo } from './plan-memo.ts';

/** What is kept of clips. */
export interface ClipCache {
  /** Features of the frozen tower, by pixels. */
  features: FeatureCache;
  /** Which pixels files gave; null: every file is decoded. */
  plans: PlanMemo | null;
}

/**
 * What is kept of clips for one model and one way of taking frames.
 * @param store - where it is kept, for whoever asks for the same; null: nowhere
 * @param tower - the frozen tower as what computes kept numbers, from the engine that runs it
 * @param frames - how frames are taken
 * @param oldSeed - a seed that plans of version 0.1.0 were kept under
 */
export function createClipCache(
  store: CacheStore | null,
  tower: FrozenPart,
  frames: FrameOptions,
  oldSeed: number = frames.seed,
): ClipCache {
  return {
    features: createFeatureCache(store, tower),
    plans: store === null ? null : createPlanMemo(store, frames, { oldSeed }),
  };
}
