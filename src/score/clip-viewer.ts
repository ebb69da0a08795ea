// From a clip's file to what the model sees of it: frames, and features of the frozen tower; the same for every question.
import { createHash } from 'node:crypto';
import { UserError } from '../core/index.ts';
import type { RunOptions } from '../graph/index.ts';
import type { ClipVision } from '../example/index.ts';
import type { Checkpoint, VisionEncoder } from '../model/index.ts';
import { blameWeights, compileVisionEncoder } from '../model/index.ts';
import type { FrameOptions, FramePlan, FrameReader, RgbFrame, VisionPixels } from '../video/index.ts';
import { cutPatches } from '../video/index.ts';
import type { ClipCache } from './clip-cache.ts';
import type { ClipData } from './clip-data.ts';

/** A clip to look at. */
export interface Clip {
  /** Its file; with `data`, the name that messages tell it by. */
  path: string;
  /** Its content, where it is not in a file. A stream is read once, in its turn. */
  data?: ClipData | undefined;
  /** Video or still picture. */
  kind: 'video' | 'image';
  /** The text that it was generated from. */
  prompt?: string | undefined;
  /** Its row in the list that is scored, from 1; rows rise. Default: one more than the clip's before it. */
  row?: number | undefined;
}

/** Grid and timing of an image or video: what the question's tokens depend on. */
export type VisionShape = Omit<VisionPixels, 'pixels'>;

/** What the model sees of a picture. */
export interface ViewedPicture {
  /** Whether it goes in as a picture, as several, or as a video. */
  as: FramePlan['as'];
  /** Its images and videos, in order. */
  shapes: readonly VisionShape[];
  /** What goes into the text model. */
  vision: ClipVision;
  /** Whether its features were there before. */
  cached: boolean;
}

/** What the model sees of a clip. */
export interface ViewedClip extends ViewedPicture {
  /** Which frames were taken. */
  plan: FramePlan;
}

/** What a {@link ClipViewer} needs. */
export interface ClipViewerOptions {
  /** The model. */
  checkpoint: Checkpoint;
  /** Which frames. */
  frames: FrameOptions;
  /** Reads the frames; stays the caller's to dispose of. */
  reader: FrameReader;
  /** What is kept of clips; null when the tower trains, and clips go in as patches. */
  cache: ClipCache | null;
  /** How the tower is run. */
  run?: RunOptions;
  /** The tower; default: the checkpoint's, compiled at the first clip that needs it and the viewer's own. */
  tower?: SharedTower;
}

/** A tower that is compiled when it is first needed. */
export interface SharedTower {
  /** Compiles it, unless that has been begun. */
  open: () => Promise<VisionEncoder>;
  /** Frees its memory; the next clip that needs it opens it again. */
  rest: () => Promise<void>;
  /** Frees it. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/** Looks at clips. Dispose of it to free its tower. */
export interface ClipViewer {
  /**
   * Reads a clip's frames and runs the frozen tower over them, unless their features are cached. A file that has not changed since
   * its features were kept is not decoded.
   * @param clip - the clip
   * @param signal - stops the reading
   * @throws UserError `unreadable-media` when it cannot be decoded
   */
  view: (clip: Clip, signal?: AbortSignal) => Promise<ViewedClip>;
  /**
   * The same for a picture that is in memory, of the size that the model sees.
   * @param picture - sides are multiples of a merged patch
   */
  viewPicture: (picture: RgbFrame) => Promise<ViewedPicture>;
  /** Frees the tower's memory; the next clip that needs it opens it again. */
  rest: () => Promise<void>;
  /** Frees the tower, where it is the viewer's own. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * A checkpoint's tower, for one viewer or several.
 * @param checkpoint - the model
 * @param run - how the tower is run
 */
export function shareTower(checkpoint: Checkpoint, run?: RunOptions): SharedTower {
  let tower: Promise<VisionEncoder> | undefined;
  return {
    open: () => (tower ??= compileVisionEncoder(checkpoint.vision, checkpoint.stored, run)),
    rest: async () => {
      await (await tower)?.rest();
    },
    [Symbol.asyncDispose]: async () => {
      await (await tower)?.[Symbol.asyncDispose]();
    },
  };
}

/**
 * Makes a viewer.
 * @param options - model, frames, cache
 */
export function createClipViewer(options: ClipViewerOptions): ClipViewer {
  const { checkpoint, frames, reader, cache } = options;
  const tower = options.tower ?? shareTower(checkpoint, options.run);

  const features = async (visions: readonly VisionPixels[]): Promise<Float32Array> => {
    const values = await (await tower.open()).encode(visions);
    const bad = values.find((value) => !Number.isFinite(value));
    if (bad === undefined) return values;
    // Before they are cached: the fault is the model's, not the clip's.
    const error = new UserError('non-finite', `expected finite vision features, got ${bad}`);
    throw await blameWeights(checkpoint, error);
  };
  const cut = (as: FramePlan['as'], rgb: readonly RgbFrame[]): VisionPixels[] =>
    as === 'video' ? [cutPatches('video', rgb, frames)] : rgb.map((frame) => cutPatches('image', [frame], frames));

  /** Names what goes into the tower: pixels, how they are cut, and what they are normalised with. */
  const inputKey = ({ as, width, height, sha256 }: Pick<FramePlan, 'as' | 'width' | 'height' | 'sha256'>): string => {
    const { patchSize, mergeSize, temporalPatchSize, mean, std } = frames;
    return JSON.stringify([as, width, height, sha256, patchSize, mergeSize, temporalPatchSize, mean, std]);
  };
  const keep = async (
    cache: ClipCache,
    key: string,
    visions: readonly VisionPixels[],
  ): Promise<Pick<ViewedClip, 'vision' | 'cached'>> => {
    const { values, cached } = await cache.features.get(key, () => features(visions));
    return { vision: { kind: 'features', features: values }, cached };
  };

  return {
    view: async (clip, signal) => {
      if (cache === null) {
        const { plan, visions, rgb } = await reader.read(clip, frames, signal);
        const vision: ClipVision = { kind: 'patches', cut: () => cut(plan.as, rgb) };
        return { as: plan.as, shapes: visions.map(shapeOf), plan, vision, cached: false };
      }
      const look = await cache.plans?.look(clip);
      signal?.throwIfAborted();
      const known = look?.known ?? null;
      const found = known === null ? null : await cache.features.find(inputKey(known.plan));
      if (known !== null && found !== null) {
        const vision: ClipVision = { kind: 'features', features: found };
        return { as: known.plan.as, shapes: known.visions, plan: known.plan, vision, cached: true };
      }
      const reading = reader.read(clip, frames, signal);
      tower.open().catch(() => {}); // it is compiled while the child decodes; what goes wrong is met when it runs
      const { plan, visions } = await reading;
      const shapes = visions.map(shapeOf);
      const kept = await keep(cache, inputKey(plan), visions);
      if (known === null) await look?.keep({ plan, visions: shapes });
      return { as: plan.as, shapes, plan, ...kept };
    },
    viewPicture: async (picture) => {
      const visions = cut('image', [picture]);
      const viewed = { as: 'image' as const, shapes: visions.map(shapeOf) };
      if (cache === null) return { ...viewed, vision: { kind: 'patches', cut: () => visions }, cached: false };
      const { width, height, data } = picture;
      const key = inputKey({ as: 'image', width, height, sha256: createHash('sha256').update(data).digest('hex') });
      return { ...viewed, ...(await keep(cache, key, visions)) };
    },
    rest: tower.rest,
    [Symbol.asyncDispose]: async () => {
      if (options.tower === undefined) await tower[Symbol.asyncDispose]();
    },
  };
}

const shapeOf = ({ pixels: _pixels, ...shape }: VisionPixels): VisionShape => shape;
