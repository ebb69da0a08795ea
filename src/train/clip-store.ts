// The encoded clips of a run: read once, held in memory as far as it goes, read again where it does not.
import { machineMemory } from '../core/index.ts';
import type { ClipEncoder, EncodedClip } from '../score/index.ts';
import type { ClipRow } from '../dataset/index.ts';

/** Memory for encoded clips, in bytes: 6 GiB, or a quarter of the machine's where that is less. */
export const MAX_BYTES: number = Math.min(6 * 1024 ** 3, machineMemory() / 4);

/** Gives encoded clips by row. */
export interface ClipStore {
  /**
   * A row's clip, encoded now unless it is held.
   * @param row - the row
   * @param signal - stops the reading
   */
  get: (row: ClipRow, signal?: AbortSignal) => Promise<EncodedClip>;
}

/**
 * Makes a store.
 * @param encoder - encodes clips
 * @param maxBytes - memory for what the model sees of them; default {@link MAX_BYTES}
 */
export function createClipStore(encoder: ClipEncoder, maxBytes: number = MAX_BYTES): ClipStore {
  const held = new Map<string, Promise<EncodedClip>>();
  let bytes = 0;
  return {
    get: async (row, signal) => {
      const known = held.get(row.id);
      if (known !== undefined) return known;
      const clip = encoder.encode(row, signal);
      if (bytes < maxBytes) {
        held.set(row.id, clip);
        clip.then(
          (encoded) => (bytes += sizeBytes(encoded)),
          () => held.delete(row.id),
        );
      }
      return clip;
    },
  };
}

/**
 * Memory that the model's view of a clip takes, in bytes.
 * @param clip - the clip
 */
export function sizeBytes({ vision, plan }: EncodedClip): number {
  if (vision.kind === 'features') return vision.features.byteLength;
  return plan.width * plan.height * 3 * plan.frames.length;
}
