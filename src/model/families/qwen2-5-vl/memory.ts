// What a forecast of memory and time must know of Qwen2.5-VL.
import type { FamilyMemory, KeptValues } from '../types.ts';
import type { QwenTextConfig, QwenVisionConfig } from './config.ts';
import { visionSizes } from './feeds.ts';

/**
 * A layer of queries, keys and values of one width (those that are shared are repeated), and a gated MLP. Norms keep their input in float32;
 * attention keeps queries, keys, values and its output; the MLP the gate, its activation and what it is multiplied with. Where the weights
 * train, each keeps its input, too.
 */
function keptOfLayer(layers: number, width: number, attention: number, mlp: number, trains: boolean): KeptValues {
  const computed = 4 * attention + 3 * mlp;
  if (!trains) return { layers, width, float32: 2 * width, computed };
  return { layers, width, float32: 4 * width, computed: computed + 2 * width + 3 * attention + mlp };
}

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
  keptOfText: ({ numLayers, hiddenSize, numHeads, headDim, intermediateSize }, trains) =>
    keptOfLayer(numLayers, hiddenSize, numHeads * headDim, intermediateSize, trains),
  keptOfTower: ({ depth, hiddenSize, intermediateSize }, trains) =>
    keptOfLayer(depth, hiddenSize, hiddenSize, intermediateSize, trains),
};
