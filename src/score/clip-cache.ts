// What is kept of clips: the vision features of their pixels, and which pixels a file gave.
import type { RunOptions } from '../graph/index.ts';
import type { CacheStore, Checkpoint, FeatureCache } from '../model/index.ts';
import { createFeatureCache, visionPart } from '../model/index.ts';
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
 * @param checkpoint - the model, whose tower is frozen
 * @param frames - how frames are taken
 * @param run - how the tower is run
 */
export function createClipCache(
  store: CacheStore | null,
  checkpoint: Checkpoint,
  frames: FrameOptions,
  run: RunOptions | undefined,
): ClipCache {
  return {
    features: createFeatureCache(store, visionPart(checkpoint, run, store)),
    plans: store === null ? null : createPlanMemo(store, frames),
  };
}
