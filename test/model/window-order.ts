// The order in which the reference's tower works on merged tokens, window by window, read from what the vision graph is fed.
import type { QwenVisionConfig } from '../../src/model/families/qwen2-5-vl/config.ts';
import { visionFeeds } from '../../src/model/families/qwen2-5-vl/feeds.ts';
import type { PatchGrid } from '../../src/model/index.ts';

/** Numbers of merged tokens. */
export function windowOrder(grids: readonly PatchGrid[], config: QwenVisionConfig): number[] {
  const merged = config.spatialMergeSize ** 2;
  const windowed = { ...config, fullAttentionLayers: [] }; // a tower without windows is fed none
  const { windowSlots, windowBias } = visionFeeds(new Float32Array(0), grids, windowed);
  return Array.from(windowSlots!.data, Number)
    .filter((patch, slot) => windowBias!.data[slot] === 0 && patch % merged === 0)
    .map((patch) => patch / merged);
}
