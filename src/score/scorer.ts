// A scorer: a model or adapter from disk with the card that says how it is to be asked, and a stream of scores for clips.
import { createDisposer } from '../core/index.ts';
import type { InputWait } from '../engine/index.ts';
import type { Clip, ScorerSettings } from '../inputs/index.ts';
import type { ClipPrediction, SeenFrames } from './predict-clips.ts';
import { askClips, predictClips } from './predict-clips.ts';
import type { FreeAnswer } from './prediction.ts';
import type { PredictorOptions } from './predictor.ts';
import { notesOn, openPredictor } from './predictor.ts';
import { runSizes } from './run-defaults.ts';
import type { ScoreStream } from './score-stream.ts';
import type { ScoresMeta } from './scores-file/index.ts';
import { describeScores } from './scores-file/index.ts';
import type { SharedPartsOptions } from './shared-parts.ts';
import { createSharedParts } from './shared-parts.ts';

/** How a scorer is opened. */
export interface ScorerOptions extends PredictorOptions, SharedPartsOptions {
  /** Most clips scored by one run of the model; default 4, with PyTorch 16, fewer where they are long. The scores do not depend on it. */
  batchSize?: number;
}

/** The score of a clip. */
export interface ClipScore extends ClipPrediction {
  /** The clip, as it was given. */
  clip: Clip;
  /** Its row in the list, from 1. */
  row: number;
}

/** What a model says of a clip by itself. */
export interface ClipAnswer extends FreeAnswer, SeenFrames {
  /** The clip, as it was given. */
  clip: Clip;
  /** Its row in the list, from 1. */
  row: number;
}

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
   * held: two batches, the next two, and two clips for each decoding process; with PyTorch two batches more for each worker.
   * Same clips in the same rows, same machine, same thread count: the same bits, however fast they come, and also when a part of a
   * list is scored by itself, if that begins with the first row of a group (rows 1, 9, 17, … with the default batch size).
   * @param clips - the clips; taken as they are needed, ahead of their results. A rejected one comes out in its place
   * @param signal - stops the stream with its reason
   * @param options - whether clips are read in groups
   * @returns one result a clip, in the order given
   */
  score: ScoreStream<ClipScore>;
  /**
   * Lets the model answer by itself: the likeliest token again and again, up to the end of the turn, or up to 24 tokens and those of the
   * beginning of its sentence. `score` never needs this (but with `raw`): it tells how often a model keeps to the legal answers. Clips
   * are read, and their features kept, as in `score`; a clip takes a forward pass for each token.
   * @param clips - as in `score`
   * @param signal - stops the stream with its reason
   * @param options - whether clips are read in groups
   * @returns one result a clip, in the order given
   */
  generate: ScoreStream<ClipAnswer>;
  /** How long worker processes waited for input so far; null where the engine computes in this process. */
  inputWait: () => InputWait | null;
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
 * @param asked - base model, machine
 * @throws UserError `bad-checkpoint` when it is none of these, does not fit its base model, or scores its golden pictures otherwise
 */
export async function loadScorer(path: string, asked: ScorerOptions = {}): Promise<Scorer> {
  const options = { ...asked, ...runSizes(asked) };
  const disposer = createDisposer();
  const close = disposer[Symbol.asyncDispose];
  try {
    const parts = createSharedParts(options, disposer);
    const predictor = await openPredictor(path, options, parts);
    return {
      settings: predictor.settings,
      about: predictor.about,
      notes: notesOn(predictor),
      checkPrompt: predictor.checkPrompt,
      inputWait: parts.inputWait,
      score: async function* (clips, signal, { inGroups } = {}) {
        for await (const result of predictClips([predictor], clips, { ...options, inGroups, signal })) {
          yield 'error' in result ? result : { clip: result.clip, row: result.row, ...result.predictions[0]! };
        }
      },
      generate: async function* (clips, signal, { inGroups } = {}) {
        const how = { ...options, inGroups, signal };
        const asked = askClips<FreeAnswer>([predictor], clips, (one, some) => one.generate(some), how);
        for await (const result of asked) {
          yield 'error' in result ? result : { clip: result.clip, row: result.row, ...result.predictions[0]! };
        }
      },
      describe: async () => {
        const { about: basis, settings } = predictor;
        const models = [{ path, weight: 1, ...(await predictor.describe()) }];
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
