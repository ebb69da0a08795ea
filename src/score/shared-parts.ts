// What models that score together share: decoding processes, the cache, checkpoints with their engines, and looks at clips.
import { realpath } from 'node:fs/promises';
import type { Disposer } from '../core/index.ts';
import type { Engine, InputWait, MemoryLimits, OpenEngine, RuntimeOptions } from '../engine/index.ts';
import { openEngine as openDefaultEngine } from '../engine/index.ts';
import type { ClipViewer, FrameSettings } from '../inputs/index.ts';
import { createClipCache, createClipViewer, frameOptions } from '../inputs/index.ts';
import type { CacheStore, Checkpoint } from '../model/index.ts';
import { findModelFolder, openCacheStore, openCheckpoint } from '../model/index.ts';
import type { DecoderName } from '../video/index.ts';
import { openFrameReader } from '../video/index.ts';
import { openTrustedEngine } from './trusted-engine.ts';
import { runSizes } from './run-defaults.ts';

/** How what is shared is set up. */
export interface SharedPartsOptions extends MemoryLimits {
  /** How models are run; default without `prepack`, which takes the memory of the weights again and is no faster with batches. */
  runtime?: RuntimeOptions;
  /** Processes that decode clips; default 2, with PyTorch half of the cores where that is more. */
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
  /** Opens base models; default: the engine of the project. */
  openEngine?: OpenEngine;
}

/** What models that score together share; every function is memoised. */
export interface SharedParts {
  /**
   * Opens a checkpoint.
   * @param source - its folder or name
   */
  checkpoint: (source: string) => Promise<Checkpoint>;
  /**
   * The engine of a checkpoint: one for all adapters on it.
   * @param checkpoint - the model
   */
  engine: (checkpoint: Checkpoint) => Promise<Engine>;
  /**
   * Looks at clips: each clip once for each way of taking frames.
   * @param checkpoint - the model
   * @param frames - which frames
   */
  viewer: (checkpoint: Checkpoint, frames: FrameSettings) => Promise<ClipViewer>;
  /** How long worker processes waited for input so far; null where engines compute in this process. */
  inputWait: () => InputWait | null;
}

/**
 * Makes what is shared. Decoding processes are started, the rest when it is first needed.
 * @param options - machine, cache
 * @param disposer - frees it
 */
export function createSharedParts(options: SharedPartsOptions, disposer: Disposer): SharedParts {
  const runtime: RuntimeOptions = { prepack: false, ...options.runtime };
  const { openEngine = openDefaultEngine, maxMemory } = options;
  const reader = disposer.own(openFrameReader({ workers: runSizes(options).workers }));
  reader.start(options.decoder); // while the models are opened
  const store = openStore(options);
  const checkpoints = new Map<string, Promise<Checkpoint>>();
  const engines = new Map<string, Promise<Engine>>();
  const waits: (() => InputWait)[] = [];
  const viewers = new Map<string, Promise<ClipViewer>>();
  const engine: SharedParts['engine'] = (checkpoint) =>
    once(engines, checkpoint.folder, async () => {
      const machine = { runtime, store, ...(maxMemory !== undefined && { maxMemory }) };
      const made = disposer.own(await openTrustedEngine(openEngine, checkpoint, machine));
      for (const note of made.notes ?? []) options.onNote?.(note);
      if (made.inputWait !== undefined) waits.push(made.inputWait);
      return made;
    });
  return {
    checkpoint: async (source) => {
      const folder = await findModelFolder(source);
      const place = await realpath(folder).catch(() => folder);
      return once(checkpoints, place, () => openCheckpoint(source));
    },
    engine,
    inputWait: () => {
      if (waits.length === 0) return null;
      const read = waits.map((wait) => wait());
      const sum = (of: keyof InputWait): number => read.reduce((total, one) => total + one[of], 0);
      return { waited: sum('waited'), elapsed: sum('elapsed') };
    },
    viewer: (checkpoint, settings) => {
      const frames = frameOptions(checkpoint, settings);
      return once(viewers, JSON.stringify([checkpoint.folder, frames]), async () => {
        const encoder = await engine(checkpoint);
        return createClipViewer({
          frames,
          reader,
          features: { encoder, cache: createClipCache(store, encoder.tower, frames, settings.seed) },
        });
      });
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
