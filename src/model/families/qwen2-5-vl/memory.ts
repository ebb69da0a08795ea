// What a forecast of memory and time must know of Qwen2.5-VL.
import type { FamilyMemory } from '../types.ts';
import type { QwenTextConfig, QwenVisionConfig } from './config.ts';
import { visionSizes } from './feeds.ts';

/** Forecasts. */
export const qwenMemory: FamilyMemory<QwenTextConfig, QwenVisionConfig> = {
  roughBytes: ({ numHeads, hiddenSize, intermediateSize }, { clips, rows, past = 0, layers = 1 }) => {
    const square = 5 * numHeads * rows * (past + rows);
    const linear = rows * (6 * intermediateSize + 20 * hiddenSize) + past * 4 * hiddenSize;
    return 8 * clips * layers * (square + linear);
  },
  // Of an embedding that is not the head, only the rows of a prompt's tokens are read.
  readsWhole: (name, text) => text.tieWordEmbeddings || name !== 'embed_tokens.weight',
  visionSizes: (visions, vision, clips) =>
    visionSizes(
      visions.map(({ grid }) => grid),
      vision,
      clips,
    ),
};
