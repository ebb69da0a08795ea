// The family that pretraining is for: its stages look into the sizes and graphs of a Qwen2.5-VL model, which other folders do not.
import { invariant } from '../src/core/index.ts';
import type { QwenVisionConfig } from '../src/model/families/qwen2-5-vl/config.ts';
import { qwen2_5_vl } from '../src/model/families/qwen2-5-vl/index.ts';
import type { Checkpoint } from '../src/model/index.ts';

export type { QwenVisionConfig } from '../src/model/families/qwen2-5-vl/config.ts';
export { joinedVisionFeeds } from '../src/model/families/qwen2-5-vl/feeds.ts';
export { visionFeatures, visionInputs } from '../src/model/families/qwen2-5-vl/vision.ts';

/** Sizes of the tower of a model of the family. */
export function towerOf({ family, vision }: Pick<Checkpoint, 'family' | 'vision'>): QwenVisionConfig {
  invariant(family.modelType === qwen2_5_vl.modelType, `pretraining of ${family.name}`);
  return vision as QwenVisionConfig;
}
