// Reads groups of clips with one adapter: in batches of like length, clip by clip where a batch fails, and with the text that all
// clips begin with computed once.
import { UserError } from '../core/index.ts';
import type { SharedBeginning } from './answer-graph.ts';
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

/** Clips after which what they begin with is computed apart: it takes a session of its own, which a short list would wait for. */
const SHARE_AFTER = 8;

/** Fewest tokens that are worth it. */
const SHARE_TOKENS = 8;

/** Reads groups of clips. */
export interface GroupReader {
  /**
   * Reads clips. What a clip gets does not depend on the others, but for the rounding of float32.
   * @param clips - any number
   * @param batchSize - most clips of a batch
   * @returns for each clip a reading, or why there is none
   */
  read: (clips: readonly Omit<EncodedClip, 'plan'>[], batchSize: number) => Promise<(Reading | UserError)[]>;
}

/**
 * Makes a reader.
 * @param readout - the model
 * @param parameters - of the adapter or model; they must stay as they are
 */
export function createGroupReader(readout: Readout, parameters: ReadonlyMap<string, Float32Array>): GroupReader {
  let numRead = 0;
  /** Undefined until enough clips were read; null where they have nothing in common. */
  let shared: SharedBeginning | null | undefined;

  const readAll = async (
    clips: readonly Omit<EncodedClip, 'plan'>[],
    batchSize: number,
  ): Promise<(Reading | UserError)[]> => {
    const results: (Reading | UserError)[] = [];
    const lengths = clips.map(({ prompt }) => prompt.tokenIds.length);
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
    const sharing = clips.map(({ prompt }) => shared != null && beginsWith(prompt, shared.tokens));
    for (const isSharing of [true, false]) {
      const indices = [...clips.keys()].filter((index) => sharing[index] === isSharing);
      const own = indices.map((index) => lengths[index]! - (isSharing ? shared!.tokens.length : 0));
      const limits = { clips: batchSize, tokens: BATCH_TOKENS, shared: isSharing ? (shared?.tokens.length ?? 0) : 0 };
      for (const batch of batchByLength(own, limits)) {
        await readBatch(
          batch.map((i) => indices[i]!),
          isSharing ? shared! : null,
        );
      }
    }
    return results;
  };

  return {
    read: async (clips, batchSize) => {
      if (shared === undefined && numRead >= SHARE_AFTER && clips.length > 0) {
        const tokens = commonBeginning(clips.map(({ prompt }) => prompt));
        shared = tokens.length < SHARE_TOKENS ? null : await readout.share(parameters, tokens);
      }
      numRead += clips.length;
      return readAll(clips, batchSize);
    },
  };
}

type Prompt = EncodedClip['prompt'];

/** Tokens before the first that stands for vision. */
const textBefore = ({ tokenIds, visions }: Prompt): Int32Array =>
  tokenIds.subarray(0, Math.min(tokenIds.length - 1, ...visions.map(({ start }) => start)));

const beginsWith = (prompt: Prompt, tokens: Int32Array): boolean => {
  const text = textBefore(prompt);
  return text.length >= tokens.length && tokens.every((token, i) => token === text[i]);
};

function commonBeginning(prompts: readonly Prompt[]): Int32Array {
  let common = textBefore(prompts[0]!);
  for (const prompt of prompts) {
    const text = textBefore(prompt);
    const differs = common.findIndex((token, i) => token !== text[i]);
    if (differs >= 0) common = common.subarray(0, differs);
  }
  return common.slice();
}
