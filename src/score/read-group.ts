// Reads groups of clips with one adapter: in batches of like length, clip by clip where a batch fails, and with the text that all
// clips begin with computed once.
import { UserError } from '../core/index.ts';
import type { SharedBeginning } from './answer-graph.ts';
import { batchByLength } from './batches.ts';
import { beginsWith } from './beginning.ts';
import type { EncodedClip } from './clip-encoder.ts';
import type { Reading, Readout } from './readout.ts';

/**
 * Most tokens of a batch. A clip of 400 gains a twentieth from company (the head's weights are read once for all); one that has more
 * of its own gains nothing, and takes memory by the square.
 */
const BATCH_TOKENS = 2048;

/** Clips of a batch where nothing else is asked for. */
export const DEFAULT_BATCH = 4;

/** Row after which what clips begin with is computed apart: it takes a session of its own, which a short list would wait for. */
const SHARE_AFTER = 8;

/** Fewest tokens that are worth it. */
const SHARE_TOKENS = 8;

/** A clip of a group. */
export interface GroupClip extends Omit<EncodedClip, 'plan'> {
  /** Its row in the list, from 1. */
  row: number;
  /** What all questions about such clips begin with. */
  beginning: Int32Array;
}

/** Reads groups of clips. */
export interface GroupReader {
  /**
   * Reads clips. What a clip gets does not depend on the others, but for the rounding of float32; and that is the same whenever the
   * group holds the same rows.
   * @param clips - any number
   * @param batchSize - most clips of a batch
   * @returns for each clip a reading, or why there is none
   */
  read: (clips: readonly GroupClip[], batchSize: number) => Promise<(Reading | UserError)[]>;
}

/**
 * Rows that are read as one group: rows 1 to this, the next as many, and so on.
 * @param batchSize - most clips of a batch
 */
export function rowsOfGroup(batchSize: number = DEFAULT_BATCH): number {
  return 2 * batchSize;
}

/**
 * Makes a reader.
 * @param readout - the model
 * @param parameters - of the adapter or model; they must stay as they are
 */
export function createGroupReader(readout: Readout, parameters: ReadonlyMap<string, Float32Array>): GroupReader {
  const shared = new Map<string, Promise<SharedBeginning | null>>();

  const share = async (tokens: Int32Array): Promise<SharedBeginning | null> => {
    try {
      return await readout.share(parameters, tokens);
    } catch (error) {
      if (error instanceof UserError) return null; // each clip meets it by itself, and says so
      throw error;
    }
  };
  /** What a clip begins with, where that is computed apart. */
  const beginningOf = async ({ row, beginning, prompt }: GroupClip): Promise<SharedBeginning | null> => {
    if (row <= SHARE_AFTER || beginning.length < SHARE_TOKENS || !beginsWith(prompt, beginning)) return null;
    const key = beginning.join();
    if (!shared.has(key)) shared.set(key, share(beginning));
    return shared.get(key)!;
  };

  return {
    read: async (clips, batchSize) => {
      const results: (Reading | UserError)[] = [];
      const readBatch = async (batch: readonly number[], beginning: SharedBeginning | null): Promise<void> => {
        try {
          const some = batch.map((index) => clips[index]!);
          const readings = await readout.read(parameters, some, beginning);
          batch.forEach((index, i) => (results[index] = readings[i]!));
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          // An error is its own clip's alone.
          if (batch.length > 1) for (const index of batch) await readBatch([index], beginning);
          else results[batch[0]!] = error;
        }
      };
      const beginnings: (SharedBeginning | null)[] = [];
      for (const clip of clips) beginnings.push(await beginningOf(clip));
      for (const beginning of new Set(beginnings)) {
        const indices = [...clips.keys()].filter((index) => beginnings[index] === beginning);
        const past = beginning?.tokens.length ?? 0;
        const own = indices.map((i) => clips[i]!.prompt.tokenIds.length - past);
        for (const batch of batchByLength(own, { clips: batchSize, tokens: BATCH_TOKENS, shared: past })) {
          await readBatch(
            batch.map((i) => indices[i]!),
            beginning,
          );
        }
      }
      return results;
    },
  };
}
