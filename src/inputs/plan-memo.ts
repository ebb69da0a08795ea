// Which pixels a file gave when it was read: as long as it is the same file, its features are found without decoding it again.
import type { CacheStore, VisionInput } from '../model/index.ts';
import { cacheKey, identifyFile, isSameFile, machine } from '../model/index.ts';
import { decoderVersions } from './decoders.ts';
import type { ClipInput, FrameOptions, FramePlan } from '../video/index.ts';

/**
 * Version of all code between a file and its resized frames. Raise it whenever the pixels or the plan of any clip change;
 * `npx vitest run test/inputs/clip-cache.test.ts` sees that the golden pixels have changed.
 */
export const PIXELS_VERSION = 2;

/** What reading a clip gave, without the pixels. */
export interface KnownClip {
  /** Which frames were taken; `sha256` names the pixels. */
  plan: FramePlan;
  /** Images and videos: grid and timing. */
  visions: readonly VisionInput[];
}

/** A look at a clip's file. */
export interface FileLook {
  /** What reading the file gave; null when it was not read before, or has changed since. */
  known: KnownClip | null;
  /**
   * Keeps what reading the file has given now, unless it changed meanwhile or has just been written.
   * @param clip - what reading gave
   */
  keep: (clip: KnownClip) => Promise<void>;
}

/** Remembers what files gave. */
export interface PlanMemo {
  /**
   * Looks at a clip's file, not into it.
   * @param clip - the clip
   */
  look: (clip: ClipInput) => Promise<FileLook>;
}

/** Options of `createPlanMemo`. */
export interface PlanMemoOptions {
  /** A seed that frames were kept under as well, although none of them were drawn: that of a card of version 0.1.0. */
  oldSeed?: number;
  /** The time, in milliseconds since 1970; for tests. */
  now?: () => number;
}

/**
 * Makes a memo.
 * @param store - where it is kept
 * @param frames - how frames are taken
 * @param options - other keys
 */
export function createPlanMemo(store: CacheStore, frames: FrameOptions, options: PlanMemoOptions = {}): PlanMemo {
  const { oldSeed = frames.seed, now = Date.now } = options;
  const { mean: _mean, std: _std, ...taken } = frames;
  const seeds = [...new Set([frames.seed, oldSeed])];
  const code = decoderVersions([frames.decoder ?? 'node-av']).then((decoders) => ({
    version: PIXELS_VERSION,
    decoders: [...decoders.values()],
  }));
  code.catch(() => {}); // `look` reports the error
  const identify = ({ path }: ClipInput) => identifyFile(path, now()).catch(() => null);
  return {
    look: async (clip) => {
      const before = await identify(clip);
      // A file that is not there: whoever reads it will say so.
      if (before === null) return { known: null, keep: async () => {} };
      const made = [await code, await machine()];
      const keyOf = (seed: number): string =>
        cacheKey('plan', [clip.kind, before.id, sorted({ ...taken, seed }), ...made]);
      let known: KnownClip | null = null;
      for (const seed of seeds) {
        const bytes = known === null ? await store.read(keyOf(seed), 'json') : null;
        if (bytes !== null) known = JSON.parse(Buffer.from(bytes).toString()) as KnownClip;
      }
      if (known !== null) known.plan.path = clip.path;
      return {
        known,
        keep: async ({ plan, visions }) => {
          const after = await identify(clip);
          if (after === null || !after.settled || !isSameFile(before, after)) return;
          await store.write(
            keyOf(frames.seed),
            'json',
            Buffer.from(JSON.stringify({ plan, visions } satisfies KnownClip)),
          );
        },
      };
    },
  };
}

function sorted(options: object): [string, unknown][] {
  return Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1));
}
