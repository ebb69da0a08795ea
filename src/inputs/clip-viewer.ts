// From a clip's file to what the model sees of it: frames, and features of the frozen tower; the same for every prompt.
import { createHash } from 'node:crypto';
import type { FeatureArray, VisionInput } from '../model/index.ts';
import type { FrameOptions, FramePlan, FrameReader, RgbFrame } from '../video/index.ts';
import { patchGrid } from '../video/index.ts';
import type { Clip } from './clip.ts';
import type { ClipCache } from './clip-cache.ts';
import type { PreparedPicture, PreparedVision } from './prepared-example.ts';

/** What the model sees of a picture. */
export interface ViewedPicture {
  /** Whether it goes in as a picture, as several, or as a video. */
  as: FramePlan['as'];
  /** Its images and videos, in order. */
  shapes: readonly VisionInput[];
  /** What goes into the model. */
  vision: PreparedVision;
  /** Whether its features were there before. */
  cached: boolean;
}

/** What the model sees of a clip. */
export interface ViewedClip extends ViewedPicture {
  /** Which frames were taken. */
  plan: FramePlan;
}

/** The frozen tower of a model, as an engine runs it. */
export interface VisionEncoder {
  /**
   * Runs the tower.
   * @param pictures - the images and videos of one clip
   * @returns features in the layout of the model's family, all of them finite
   */
  encode: (pictures: readonly PreparedPicture[]) => Promise<FeatureArray>;
  /** Begins to open the tower, while a clip is still being decoded. Errors are reported when the tower runs. */
  warmUp: () => void;
}

/** What a {@link ClipViewer} needs. */
export interface ClipViewerOptions {
  /** Which frames. */
  frames: FrameOptions;
  /** Reads the frames; stays the caller's to dispose of. */
  reader: FrameReader;
  /** The frozen tower with what is kept of its features; null when it trains, and clips go in as pixels. */
  features: { encoder: VisionEncoder; cache: ClipCache } | null;
}

/** Looks at clips. */
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
}

/**
 * Makes a viewer.
 * @param options - frames, tower, cache
 */
export function createClipViewer({ frames, reader, features }: ClipViewerOptions): ClipViewer {
  const { patchSize, mergeSize, temporalPatchSize, mean, std } = frames;
  const patches = { patchSize, mergeSize, temporalPatchSize, mean, std };

  const pictureOf = (kind: PreparedPicture['kind'], rgb: readonly RgbFrame[]): PreparedPicture => ({
    kind,
    frames: rgb,
    grid: patchGrid(rgb, patches),
    patches,
  });
  const picturesOf = (as: FramePlan['as'], rgb: readonly RgbFrame[]): PreparedPicture[] =>
    as === 'video' ? [pictureOf('video', rgb)] : rgb.map((frame) => pictureOf('image', [frame]));

  /** Names what goes into the tower: pixels, how they are cut, and what they are normalised with. */
  const inputKey = ({ as, width, height, sha256 }: Pick<FramePlan, 'as' | 'width' | 'height' | 'sha256'>): string =>
    JSON.stringify([as, width, height, sha256, patchSize, mergeSize, temporalPatchSize, mean, std]);
  const see = async (
    key: string,
    pictures: readonly PreparedPicture[],
  ): Promise<Pick<ViewedClip, 'vision' | 'cached'>> => {
    if (features === null) return { vision: { kind: 'pictures', pictures }, cached: false };
    const { values, cached } = await features.cache.features.get(key, () => features.encoder.encode(pictures));
    return { vision: { kind: 'features', features: values }, cached };
  };

  return {
    view: async (clip, signal) => {
      const look = await features?.cache.plans?.look(clip);
      signal?.throwIfAborted();
      const known = look?.known ?? null;
      const found = known === null ? null : await features!.cache.features.find(inputKey(known.plan));
      if (known !== null && found !== null) {
        const vision: PreparedVision = { kind: 'features', features: found };
        return { as: known.plan.as, shapes: known.visions, plan: known.plan, vision, cached: true };
      }
      const reading = reader.read(clip, frames, signal);
      features?.encoder.warmUp();
      const { plan, visions: shapes, rgb } = await reading;
      const seen = await see(inputKey(plan), picturesOf(plan.as, rgb));
      if (known === null) await look?.keep({ plan, visions: shapes });
      return { as: plan.as, shapes, plan, ...seen };
    },
    viewPicture: async (picture) => {
      const pictures = picturesOf('image', [picture]);
      const { width, height, data } = picture;
      const key = inputKey({ as: 'image', width, height, sha256: createHash('sha256').update(data).digest('hex') });
      const shapes = pictures.map(({ kind, grid }): VisionInput => ({ kind, grid }));
      return { as: 'image', shapes, ...(await see(key, pictures)) };
    },
  };
}
