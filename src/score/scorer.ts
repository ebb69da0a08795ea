// A scorer: a model or adapter from disk with the card that says how it is to be asked, and a stream of scores for clips.
import type { Disposer } from '../core/index.ts';
import { UserError, createDisposer, oneLine } from '../core/index.ts';
import type { RunOptions } from '../graph/index.ts';
import type { CacheStore, Checkpoint } from '../model/index.ts';
import { openCacheStore } from '../model/index.ts';
import type { FramePlan } from '../video/index.ts';
import { openFrameReader } from '../video/index.ts';
import { settingsOf } from './card.ts';
import { createClipCache } from './clip-cache.ts';
import type { EncodedClip } from './clip-encoder.ts';
import { createClipEncoder } from './clip-encoder.ts';
import type { Clip } from './clip-viewer.ts';
import { checkGoldenScores, goldenScores } from './golden.ts';
import { openModel } from './open-model.ts';
import { DEFAULT_BATCH, readGroup } from './read-group.ts';
import type { Reading } from './readout.ts';
import { createReadout } from './readout.ts';
import type { ScorerSettings } from './settings.ts';
import { frameOptions, loadQuestioner } from './settings.ts';
import { prepareAhead } from './stream.ts';

/** How a scorer is opened. */
export interface ScorerOptions {
  /** The base model's folder, where an adapter does not find it at the place that it names. */
  model?: string;
  /** What to ask a model that has no card (one that was not trained for this); each part has its default. */
  settings?: Partial<ScorerSettings>;
  /** How graphs are run; default without `prepack`, which takes the memory of the weights again and is no faster with batches. */
  run?: RunOptions;
  /** Processes that decode clips; default 2. */
  workers?: number;
  /** Most clips scored by one run of the graph; default 4, fewer where they are long. The scores do not depend on it. */
  batchSize?: number;
  /**
   * Where vision features are kept, for this and other runs: a folder of the cache; false: nowhere. Default: the environment's
   * (`IOVQA_CACHE`, else `~/.cache/iovqa`). The scores do not depend on it.
   */
  cache?: string | false;
  /** Is told what a user should know that turns up while clips are scored, such as a cache that cannot be written. */
  onNote?: (text: string) => void;
}

/** The score of a clip. */
export interface ClipScore extends Reading {
  /** The clip, as it was given. */
  clip: Clip;
  /** Which frames were looked at. */
  plan: FramePlan;
  /** Whether its vision features came from the cache. */
  cached: boolean;
}

/** A clip that could not be scored. */
export interface FailedClip {
  /** The clip, as it was given. */
  clip: Clip;
  /** Why. */
  error: UserError;
}

/** Scores clips. Dispose of it to free its memory and processes. */
export interface Scorer {
  /** How clips are asked about. */
  readonly settings: ScorerSettings;
  /** What a user should know, such as that the model was never trained for this. */
  readonly notes: readonly string[];
  /**
   * Scores clips in order. One that cannot be read gives its error, and the next ones go on. However many there are, only a few are
   * held: two batches, the next two, and two clips for each decoding process.
   * @param clips - the clips; taken as they are needed, ahead of their results
   * @param signal - stops the stream with its reason
   * @returns one result a clip, in the order given
   */
  score: (
    clips: Iterable<Clip> | AsyncIterable<Clip>,
    signal?: AbortSignal,
  ) => AsyncGenerator<ClipScore | FailedClip, void>;
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
  try {
    return await openScorer(path, options, disposer);
  } catch (error) {
    await disposer[Symbol.asyncDispose]();
    throw error;
  }
}

async function openScorer(path: string, options: ScorerOptions, disposer: Disposer): Promise<Scorer> {
  const { batchSize = DEFAULT_BATCH, workers = 2 } = options;
  const run: RunOptions = { prepack: false, ...options.run };
  const reader = disposer.own(openFrameReader({ workers }));
  reader.start(); // while the model is opened
  const { folder, checkpoint, adapter, card } = await openModel(path, options.model);
  const settings = {
    ...defaultSettings(checkpoint),
    ...options.settings,
    ...(card === null ? {} : settingsOf(card, folder)),
  };
  const questioner = await loadQuestioner(checkpoint, settings);
  const shared = { checkpoint, questioner, run };
  const frames = frameOptions(checkpoint, settings.frames);
  const cache = createClipCache(openStore(options), checkpoint, frames, run);
  const encoder = disposer.own(createClipEncoder({ ...shared, frames, reader, cache }));
  const lora = adapter?.lora ?? null;
  const readout = disposer.own(createReadout({ ...shared, lora, frozen: true, settings }));
  const parameters = adapter?.tensors ?? new Map<string, Float32Array>();
  if (card !== null && card.goldenScores.length > 0) {
    const patch = checkpoint.vision.patchSize * checkpoint.vision.spatialMergeSize;
    const computed = await goldenScores(encoder, readout, parameters, patch);
    checkGoldenScores(folder, card.goldenScores, computed, settings.scale.max - settings.scale.min);
  }

  const encode = async (clip: Clip, signal?: AbortSignal): Promise<Encoded> => {
    try {
      return { clip, encoded: await encoder.encode(clip, signal) };
    } catch (error) {
      return { clip, error: errorOf(clip, error) };
    }
  };
  return {
    settings,
    notes: card === null ? [`${folder} has no card: it is asked as it is, and was never trained for it`] : [],
    score: async function* (clips, signal) {
      const ahead = { group: 2 * batchSize, ahead: 2 * workers, signal };
      for await (const group of prepareAhead(clips, (clip) => encode(clip, signal), ahead)) {
        signal?.throwIfAborted();
        const good = group.flatMap((item) => ('encoded' in item ? [item.encoded] : []));
        const readings = (await readGroup(readout, parameters, good, batchSize)).values();
        for (const item of group) {
          signal?.throwIfAborted();
          if ('error' in item) {
            yield item;
            continue;
          }
          const { clip, encoded } = item;
          const reading = readings.next().value!;
          if (reading instanceof UserError) yield { clip, error: ofClip(clip, reading) };
          else yield { clip, plan: encoded.plan, cached: encoded.cached, ...reading };
        }
      }
    },
    close: disposer[Symbol.asyncDispose],
    [Symbol.asyncDispose]: disposer[Symbol.asyncDispose],
  };
}

/**
 * What went wrong with a clip; anything that is no user's mistake is thrown on.
 * @param clip - the clip
 * @param error - what was thrown while it was looked at
 */
export function errorOf(clip: Clip, error: unknown): UserError {
  if (!(error instanceof UserError)) throw error;
  return error.code === 'non-finite' ? ofClip(clip, error) : error;
}

/**
 * An error of the model's with the clip that it came up for.
 * @param clip - the clip
 * @param error - the error
 */
export function ofClip({ path }: Clip, { code, message, hint, cause }: UserError): UserError {
  return new UserError(code, `${oneLine(path)}: ${message}`, { cause, ...(hint === undefined ? {} : { hint }) });
}

type Encoded = { clip: Clip; encoded: EncodedClip } | FailedClip;

/**
 * Where vision features are kept.
 * @param options - folder, or nowhere
 */
export function openStore({ cache, onNote }: ScorerOptions): CacheStore | null {
  if (cache === false) return null;
  return openCacheStore({ ...(cache !== undefined && { folder: cache }), ...(onNote && { onNote }) });
}

/** How a model is asked that was never trained for it. */
function defaultSettings(checkpoint: Checkpoint): ScorerSettings {
  const { minPixels, maxPixels } = checkpoint.processor;
  return {
    frames: {
      pick: 'middle',
      count: 1,
      as: 'video',
      minPixels,
      maxPixels: Math.max(minPixels, Math.min(maxPixels, 448 * 448)),
      seed: 0,
    },
    prompt: { template: 'four-dimensions', source: null },
    answer: { kind: 'integer', step: null },
    positions: 'transformers',
    scale: { min: 1, max: 5, higherIsBetter: true },
  };
}
