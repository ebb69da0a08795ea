// What every stream of scores has in common: rows without a score, and the groups that rows are predicted in.
import type { UserError } from '../core/index.ts';
import { DEFAULT_BATCH } from '../engine/index.ts';
import type { Clip } from '../inputs/index.ts';

/**
 * Rows that are predicted as one group: rows 1 to this, the next as many, and so on.
 * @param batchSize - most clips of a batch
 */
export function rowsOfGroup(batchSize: number = DEFAULT_BATCH): number {
  return 2 * batchSize;
}

/** A row of a list that is known to have no score before it is looked at. */
export interface RejectedClip {
  /** What is known of the clip. */
  clip: Clip;
  /** Why it cannot be scored. */
  error: UserError;
}

/** A clip that could not be scored. */
export interface FailedClip extends RejectedClip {
  /** Its row in the list, from 1. */
  row: number;
}

/** How a list of clips is scored. */
export interface ScoreListOptions {
  /**
   * Whether clips are read in groups of `2 · batchSize` rows, which is faster. Groups follow from the rows alone, so that scores have
   * the same bits however fast clips come; so a group waits for all of its clips. Default: for an array or another source that is
   * not async. One that is async may wait for the score of a clip before it gives the next: each is read by itself.
   */
  inGroups?: boolean | undefined;
}

/** Scores clips, as `Scorer` does, with any kind of result. */
export type ScoreStream<Score> = (
  clips: Iterable<Clip | RejectedClip> | AsyncIterable<Clip | RejectedClip>,
  signal?: AbortSignal,
  options?: ScoreListOptions,
) => AsyncGenerator<Score | FailedClip, void>;
