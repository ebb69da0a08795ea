// The prepared clips of a run: read once, held in memory as far as it goes, read again where it does not.
import { machineMemory } from '../core/index.ts';
import type { ClipPreparer, PreparedClip } from '../inputs/index.ts';
import type { ClipRow } from '../dataset/index.ts';

/** Memory for prepared clips, in bytes: 6 GiB, or a quarter of the machine's where that is less. */
export const MAX_BYTES: number = Math.min(6 * 1024 ** 3, machineMemory() / 4);

/** Gives prepared clips by row. */
export interface ClipStore {
  /**
   * A row's clip, prepared now unless it is held.
   * @param row - the row
   * @param signal - stops the reading
   */
  get: (row: ClipRow, signal?: AbortSignal) => Promise<PreparedClip>;
}

/**
 * Makes a store.
 * @param preparer - prepares clips
 * @param maxBytes - memory for what the model sees of them; default {@link MAX_BYTES}
 */
export function createClipStore(preparer: ClipPreparer, maxBytes: number = MAX_BYTES): ClipStore {
  const held = new Map<string, Promise<PreparedClip>>();
  let bytes = 0;
  return {
    get: async (row, signal) => {
      const known = held.get(row.id);
      if (known !== undefined) return known;
      const clip = preparer.prepare(row, signal);
      if (bytes < maxBytes) {
        held.set(row.id, clip);
        clip.then(
          (prepared) => (bytes += sizeBytes(prepared)),
          () => held.delete(row.id),
        );
      }
      return clip;
    },
  };
}

/** Memory that the model's view of a clip takes, in bytes. */
export function sizeBytes({ vision }: Pick<PreparedClip, 'vision'>): number {
  if (vision.kind === 'features') return vision.features.byteLength;
  return vision.pictures.flatMap(({ frames }) => frames).reduce((total, { data }) => total + data.byteLength, 0);
}
