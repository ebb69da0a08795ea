// The Qwen2.5-VL family.
import type { ModelFamily } from '../types.ts';
import type { QwenTextConfig, QwenVisionConfig } from './config.ts';
import { joinedVisionFeeds } from './feeds.ts';
import { keysValuesGraph, prefixGraph, visionGraph, wholeGraph } from './graphs.ts';
import { qwenLora } from './lora.ts';
import { qwenMemory } from './memory.ts';
import { ropePositions } from './positions.ts';
import { endOfTurn, expandPads } from './prompt.ts';
import { qwenRandom } from './random.ts';
import { parseQwenConfig } from './read-config.ts';
import { readProcessorConfig } from './read-processor.ts';
import { featureFeeds, hiddenFeeds, noPast, textFeeds } from './text-feeds.ts';
import { canonicalName, fileName, placeOf, tiedWeights, weightShapes } from './weights.ts';

/** Qwen2.5-VL (Bai et al. 2025), as transformers computes it. */
export const qwen2_5_vl: ModelFamily<QwenTextConfig, QwenVisionConfig> = {
  name: 'Qwen2.5-VL',
  modelType: 'qwen2_5_vl',
  endOfTurn,
  parseConfig: parseQwenConfig,
  readProcessor: readProcessorConfig,
  weights: { shapes: weightShapes, canonicalName, fileName, placeOf, tied: tiedWeights },
  prompt: { positionRules: ['transformers', 'transformers-5.17'], expandPads, positions: ropePositions },
  graphs: { whole: wholeGraph, vision: visionGraph, prefix: prefixGraph, keysValues: keysValuesGraph },
  feeds: { text: textFeeds, patches: joinedVisionFeeds, features: featureFeeds, hidden: hiddenFeeds, noPast },
  lora: qwenLora,
  memory: qwenMemory,
  random: qwenRandom,
};
