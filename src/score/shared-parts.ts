// What models that score together share: decoding processes, the cache, checkpoints, towers, and sessions of like graphs.
import { realpath } from 'node:fs/promises';
import type { Disposer } from '../core/index.ts';
import type { RunOptions } from '../graph/index.ts';
import type { CacheStore, Checkpoint, LoraOptions } from '../model/index.ts';
import { findModelFolder, openCacheStore, openCheckpoint } from '../model/index.ts';
import type { DecoderName } from '../video/index.ts';
import { openFrameReader } from '../video/index.ts';
import { createClipCache } from './clip-cache.ts';
import type { ClipLimits } from './clip-limits.ts';
import type { ClipViewer, SharedTower } from './clip-viewer.ts';
import { createClipViewer, shareTower } from './clip-viewer.ts';
import type { Readout } from './readout.ts';
import { createReadout } from './readout.ts';
import type { FrameSettings, Questioner, ScorerSettings } from './settings.ts';
import { frameOptions } from './settings.ts';

/** How what is shared is set up. */
export interface SharedPartsOptions extends Pick<ClipLimits, 'maxMemory'> {
  /** How graphs are run; default without `prepack`, which takes the memory of the weights again and is no faster with batches. */
  run?: RunOptions;
  /** Processes that decode clips; default 2. */
  workers?: number;
  /** What will decode most of the videos; default node-av. */
  decoder?: DecoderName;
  /**
   * Where vision features are kept, for this and other runs: a folder of the cache; false: nowhere. Default: the environment's
   * (`IOVQA_CACHE`, else `~/.cache/iovqa`). The scores do not depend on it.
   */
  cache?: string | false;
  /** Is told what a user should know that turns up while clips are scored, such as a cache that cannot be written. */
  onNote?: (text: string) => void;
}

/** What models that score together share; each of these gives the same for the same. */
export interface SharedParts {
  /**
   * Opens a checkpoint.
   * @param source - its folder or name
   */
  checkpoint: (source: string) => Promise<Checkpoint>;
  /**
   * Looks at clips: one tower for each checkpoint, and each clip once for each way of taking frames.
   * @param checkpoint - the model
   * @param frames - which frames
   */
  viewer: (checkpoint: Checkpoint, frames: FrameSettings) => ClipViewer;
  /**
   * Reads scores: one session for all adapters of a checkpoint that have one shape.
   * @param checkpoint - the model
   * @param lora - the adapter's shape; null for none
   * @param questioner - the question
   * @param settings - answers, positions, scale
   */
  readout: (
    checkpoint: Checkpoint,
    lora: LoraOptions | null,
    questioner: Questioner,
    settings: ScorerSettings,
  ) => Readout;
}

/**
 * Makes what is shared. Decoding processes are started, the rest when it is first needed.
 * @param options - machine, cache
 * @param disposer - frees it
 */
export function createSharedParts(options: SharedPartsOptions, disposer: Disposer): SharedParts {
  const run: RunOptions = { prepack: false, ...options.run };
  const reader = disposer.own(openFrameReader({ workers: options.workers ?? 2 }));
  reader.start(options.decoder); // while the models are opened
  const store = openStore(options);
  const checkpoints = new Map<string, Promise<Checkpoint>>();
  const towers = new Map<string, SharedTower>();
  const viewers = new Map<string, ClipViewer>();
  const readouts = new Map<string, Readout>();
  return {
    checkpoint: async (source) => {
      const folder = await findModelFolder(source);
      const place = await realpath(folder).catch(() => folder);
      return once(checkpoints, place, () => openCheckpoint(source));
    },
    viewer: (checkpoint, settings) =>
      once(viewers, JSON.stringify([checkpoint.folder, settings]), () => {
        const frames = frameOptions(checkpoint, settings);
        const tower = once(towers, checkpoint.folder, () => disposer.own(shareTower(checkpoint, run)));
        const cache = createClipCache(store, checkpoint, frames, run);
        return disposer.own(createClipViewer({ checkpoint, frames, reader, cache, tower }));
      }),
    readout: (checkpoint, lora, questioner, settings) => {
      const { answer, positions, scale } = settings;
      return once(readouts, JSON.stringify([checkpoint.folder, lora, answer, positions, scale]), () =>
        disposer.own(
          createReadout({ checkpoint, lora, frozen: true, questioner, settings, run, maxMemory: options.maxMemory }),
        ),
      );
    },
  };
}

function once<T>(made: Map<string, T>, key: string, make: () => T): T {
  const before = made.get(key);
  if (before !== undefined) return before;
  const value = make();
  made.set(key, value);
  return value;
}

function openStore({ cache, onNote }: SharedPartsOptions): CacheStore | null {
  if (cache === false) return null;
  return openCacheStore({ ...(cache !== undefined && { folder: cache }), ...(onNote && { onNote }) });
}
