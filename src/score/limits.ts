// How large one clip may be.
import type { MemoryLimits } from '../engine/index.ts';
import type { TextLimits } from '../inputs/index.ts';

/** Limits of one clip; the same in `score`, `train`, ensembles and the library. */
export interface ClipLimits extends TextLimits, MemoryLimits {}
