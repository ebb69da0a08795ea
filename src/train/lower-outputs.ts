// What the frozen layers below an adapter on the last layers make of each training example: computed once, kept in memory and on disk.
import { createHash } from 'node:crypto';
import { invariant } from '../core/index.ts';
import type { ClipVision, HiddenRows, TokenRows } from '../example/index.ts';
import { clipFeeds, textFeeds } from '../example/index.ts';
import type { FeatureCache, LowerLayers } from '../model/index.ts';
import type { ModelSizes } from './feeds.ts';

/** Memory for the outputs, in bytes; the others are read from disk. */
const MAX_BYTES = 2 * 1024 ** 3;

/** Gives the outputs of the lower layers. */
export interface LowerOutputs {
  /**
   * The output for an example.
   * @param example - its rows
   * @param vision - what the model sees
   */
  get: (example: TokenRows, vision: ClipVision) => Promise<HiddenRows>;
  /** Frees the memory of the layers; the next example that is not kept opens them again. */
  rest: () => Promise<void>;
}

/** What {@link createLowerOutputs} needs. */
export interface LowerOutputsOptions {
  /** The layers; stay the caller's to dispose of. */
  lower: LowerLayers;
  /** The model's sizes. */
  model: ModelSizes;
  /** Where outputs are kept, for these layers. */
  cache: FeatureCache;
  /** Memory for outputs; default 2 GiB. */
  maxBytes?: number;
}

/**
 * Makes a store of outputs.
 * @param options - layers, cache
 */
export function createLowerOutputs(options: LowerOutputsOptions): LowerOutputs {
  const { lower, model, cache, maxBytes = MAX_BYTES } = options;
  const held = new Map<string, Float32Array>();
  let bytes = 0;
  return {
    get: async (example, vision) => {
      invariant(vision.kind === 'features', 'lower layers take features of a frozen tower');
      const key = keyOf(example, vision.features);
      let hidden = held.get(key);
      if (hidden === undefined) {
        const { values } = await cache.get(key, () =>
          lower.run({
            ...textFeeds([{ example, rows: [0] }], model.text),
            ...clipFeeds([vision], model.text, model.vision),
          }),
        );
        hidden = values;
        if (bytes + hidden.byteLength <= maxBytes) {
          held.set(key, hidden);
          bytes += hidden.byteLength;
        }
      }
      return { kind: 'hidden', hidden };
    },
    rest: () => lower.rest(),
  };
}

/** A hash of all that goes into the layers. */
function keyOf(example: TokenRows, features: Float32Array): string {
  const hash = createHash('sha256');
  for (const { buffer, byteOffset, byteLength } of [
    example.tokenIds,
    example.positions,
    example.visionSlots,
    example.branchParent,
    features,
  ]) {
    hash.update(`${byteLength} `).update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}
