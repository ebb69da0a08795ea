// What of a scoring run depends on the engine where nothing is said: GPUs want larger batches, and more clips decoded a second.
import { availableParallelism } from 'node:os';
import type { RuntimeOptions } from '../engine/index.ts';
import { DEFAULT_BATCH } from '../engine/index.ts';

/** Clips of a batch on the PyTorch engine. */
const TORCH_BATCH = 16;
/** Processes that decode clips for an engine that computes on this machine's cores, too; and at least for any. */
const LEAST_WORKERS = 2;

/** How a scoring run is cut. */
export interface RunSizes {
  /** Most clips of a batch. */
  batchSize: number;
  /** Processes that decode clips. */
  workers: number;
}

/**
 * What was asked for, or what suits the engine.
 * @param options - as `loadScorer` takes them
 */
export function runSizes({
  batchSize,
  workers,
  runtime,
}: {
  batchSize?: number;
  workers?: number;
  runtime?: Pick<RuntimeOptions, 'engine'>;
}): RunSizes {
  const isTorch = runtime?.engine === 'torch';
  const half = Math.floor(availableParallelism() / 2);
  return {
    batchSize: batchSize ?? (isTorch ? TORCH_BATCH : DEFAULT_BATCH),
    workers: workers ?? (isTorch ? Math.max(LEAST_WORKERS, half) : LEAST_WORKERS),
  };
}
