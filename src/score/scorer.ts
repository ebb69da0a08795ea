// A scorer: a model or adapter from disk with the card that says how it is to be asked, and a stream of scores for clips.
import { createDisposer } from '../core/index.ts';
import type { Clip } from './clip-viewer.ts';
import type { MemberOptions } from './member.ts';
import { notesOn, openMember } from './member.ts';
import type { ClipReading, FailedClip, ReadClipsOptions, RejectedClip } from './read-clips.ts';
import { readClips } from './read-clips.ts';
import type { ScoresMeta } from './scores-file/index.ts';
import { describeScores } from './scores-file/index.ts';
import type { ScorerSettings } from './settings.ts';
import type { SharedPartsOptions } from './shared-parts.ts';
import { createSharedParts } from './shared-parts.ts';

/** How a scorer is opened. */
export interface ScorerOptions extends MemberOptions, SharedPartsOptions {
  /** Most clips scored by one run of the graph; default 4, fewer where they are long. The scores do not depend on it. */
  batchSize?: number;
}

/** The score of a clip. */
export interface ClipScore extends ClipReading {
  /** The clip, as it was given. */
  clip: Clip;
  /** Its row in the list, from 1. */
  row: number;
}

/** How a list of clips is scored. */
export type ScoreListOptions = Pick<ReadClipsOptions, 'inGroups'>;

/** Scores clips, as {@link Scorer} does, with any kind of result. */
export type ScoreStream<Score> = (
  clips: Iterable<Clip | RejectedClip> | AsyncIterable<Clip | RejectedClip>,
  signal?: AbortSignal,
  options?: ScoreListOptions,
) => AsyncGenerator<Score | FailedClip, void>;

/** Scores clips. Dispose of it to free its memory and processes. */
export interface Scorer {
  /** How clips are asked about. */
  readonly settings: ScorerSettings;
  /** What the model was trained on and how far to trust it, as its card says; null where it says nothing. */
  readonly about: string | null;
  /** What a user should know, such as that the model was never trained for this. */
  readonly notes: readonly string[];
  /**
   * Refuses a text prompt that is too long for any clip.
   * @param prompt - the text that clips were generated from
   * @throws UserError `bad-input` as a clip with it would have
   */
  checkPrompt: (prompt: string) => void;
  /**
   * Scores clips in order. One that cannot be read gives its error, and the next ones go on. However many there are, only a few are
   * held: two batches, the next two, and two clips for each decoding process.
   * Same clips in the same rows, same machine, same thread count: the same bits, however fast they come, and also when a part of a
   * list is scored by itself, if that begins with the first row of a group (rows 1, 9, 17, … with the default batch size).
   * @param clips - the clips; taken as they are needed, ahead of their results. A rejected one comes out in its place
   * @param signal - stops the stream with its reason
   * @param options - whether clips are read in groups
   * @returns one result a clip, in the order given
   */
  score: ScoreStream<ClipScore>;
  /** What makes the scores, for `FILE.meta.json` beside them. */
  describe: () => Promise<ScoresMeta>;
  /** Ends the decoding processes and frees the sessions. */
  close: () => Promise<void>;
  /** `close`, for `await using` (TypeScript, or Node 24). */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * Opens a scorer.
 * @param path - the folder of a run (its best checkpoint), an adapter or a model
 * @param options - base model, machine
 * @throws UserError `bad-checkpoint` when it is none of these, does not fit its base model, or scores its golden pictures otherwise
 */
export async function loadScorer(path: string, options: ScorerOptions = {}): Promise<Scorer> {
  const disposer = createDisposer();
  const close = disposer[Symbol.asyncDispose];
  try {
    const member = await openMember(path, options, createSharedParts(options, disposer));
    return {
      settings: member.settings,
      about: member.about,
      notes: notesOn(member),
      checkPrompt: member.checkPrompt,
      score: async function* (clips, signal, { inGroups } = {}) {
        for await (const result of readClips([member], clips, { ...options, inGroups, signal })) {
          yield 'error' in result ? result : { clip: result.clip, row: result.row, ...result.readings[0]! };
        }
      },
      describe: async () => {
        const { about: basis, settings } = member;
        const models = [{ path, weight: 1, ...(await member.describe()) }];
        return describeScores({ models, isEnsemble: false, scale: settings.scale, basis }, options);
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
