// Reads a group of clips with one adapter: in batches of like length, and clip by clip where a batch fails.
import { UserError } from '../core/index.ts';
import type { BatchLimits } from './batches.ts';
import { batchByLength } from './batches.ts';
import type { EncodedClip } from './clip-encoder.ts';
import type { Reading, Readout } from './readout.ts';

/**
 * Most tokens of a batch. A clip of 400 gains a twentieth from company (the head's weights are read once for all); one that has more
 * of its own gains nothing, and takes memory by the square.
 */
const BATCH_TOKENS = 2048;

/** Clips of a batch where nothing else is asked for. */
export const DEFAULT_BATCH = 4;

/**
 * Reads clips. What a clip gets does not depend on the others, but for the rounding of float32.
 * @param readout - the model
 * @param parameters - of the adapter or model
 * @param clips - any number
 * @param batchSize - most clips of a batch
 * @returns for each clip a reading, or why there is none
 */
export async function readGroup(
  readout: Readout,
  parameters: ReadonlyMap<string, Float32Array>,
  clips: readonly Omit<EncodedClip, 'plan'>[],
  batchSize: number,
): Promise<(Reading | UserError)[]> {
  const results: (Reading | UserError)[] = [];
  const limits: BatchLimits = { clips: batchSize, tokens: BATCH_TOKENS };
  const lengths = clips.map(({ prompt }) => prompt.tokenIds.length);
  for (const batch of batchByLength(lengths, limits)) await readBatch(batch);
  return results;

  async function readBatch(batch: readonly number[]): Promise<void> {
    try {
      const readings = await readout.read(
        parameters,
        batch.map((index) => clips[index]!),
      );
      batch.forEach((index, i) => (results[index] = readings[i]!));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      // An error is its own clip's alone.
      if (batch.length > 1) for (const index of batch) await readBatch([index]);
      else results[batch[0]!] = error;
    }
  }
}
