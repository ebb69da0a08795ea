// What the frozen layers below an adapter on the last layers make of each training example: computed once, kept in memory and on disk.
import { createHash } from 'node:crypto';
import { invariant } from '../../core/index.ts';
import type { PreparedExample } from '../../inputs/index.ts';
import type { FeatureCache } from '../../model/index.ts';
import { asFloat32 } from '../../model/index.ts';
import type { HiddenRows } from './collate.ts';
import type { Lazy, Unloadable } from './lazy.ts';
import type { EngineModel } from './model.ts';
import { visionFeeds } from './model.ts';
import type { PrefixSession } from './prefix-session.ts';

/** Memory for the outputs, in bytes; the others are read from disk. */
const MAX_BYTES = 2 * 1024 ** 3;

/** Gives the outputs of the frozen prefix. */
export interface FrozenPrefix extends Unloadable {
  /**
   * The output for an example.
   * @param example - its rows and features
   */
  get: (example: Pick<PreparedExample, 'rows' | 'vision'>) => Promise<HiddenRows>;
}

/** What {@link createFrozenPrefix} needs. */
export interface FrozenPrefixOptions {
  /** The layers. */
  layers: Lazy<PrefixSession>;
  /** The model. */
  model: EngineModel;
  /** Where outputs are kept, for these layers. */
  cache: FeatureCache;
  /** Memory for outputs; default 2 GiB. */
  maxBytes?: number;
}

/**
 * Makes a store of outputs.
 * @param options - layers, cache
 */
export function createFrozenPrefix(options: FrozenPrefixOptions): FrozenPrefix {
  const { layers, model, cache, maxBytes = MAX_BYTES } = options;
  const held = new Map<string, Float32Array>();
  let bytes = 0;
  return {
    get: async ({ rows, vision }) => {
      invariant(vision.kind === 'features', 'a frozen prefix takes features of a frozen tower');
      const key = keyOf(rows, asFloat32(vision.features));
      let hidden = held.get(key);
      if (hidden === undefined) {
        const { values } = await cache.get(key, async () =>
          (await layers.get()).run({
            ...model.family.feeds.text([{ example: rows, rows: [0] }], model.text, 0),
            ...visionFeeds([vision], model),
          }),
        );
        hidden = asFloat32(values);
        if (bytes + hidden.byteLength <= maxBytes) {
          held.set(key, hidden);
          bytes += hidden.byteLength;
        }
      }
      return { kind: 'hidden', hidden };
    },
    unload: () => layers.unload(),
    [Symbol.asyncDispose]: async () => {
      held.clear();
      await layers[Symbol.asyncDispose]();
    },
  };
}

/** A hash of all that goes into the layers. */
function keyOf(rows: PreparedExample['rows'], features: Float32Array): string {
  const hash = createHash('sha256');
  for (const { buffer, byteOffset, byteLength } of [
    rows.tokenIds,
    rows.positions,
    rows.visionSlots,
    rows.branchParent,
    features,
  ]) {
    hash.update(`${byteLength} `).update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}
