// How the frozen vision tower is run. Part of its cache key, so that it stands below every engine.
import type { RunOptions } from '../graph/index.ts';

/**
 * How a tower is run: never with reordered copies of its weights. They make it 2 % faster at most (`bench-304m`, 448×448), take its
 * memory twice over, and move the last bits of its features, which trainer and scorer share.
 * @param run - how other graphs are run
 */
export function towerRun(run: RunOptions = {}): RunOptions {
  return { ...run, prepack: false };
}
