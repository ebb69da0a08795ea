// From a clip's row to what the model's graph takes: frames, vision features, prompt.
import { createHash } from 'node:crypto';
import { UserError } from '../core/index.ts';
import type { RunOptions } from '../graph/index.ts';
import type { ClipVision } from '../example/index.ts';
import type { Checkpoint, VisionEncoder } from '../model/index.ts';
import { blameWeights, compileVisionEncoder } from '../model/index.ts';
import type { EncodedPrompt } from '../prompt/index.ts';
import { encodePrompt } from '../prompt/index.ts';
import type { FrameOptions, FramePlan, FrameReader, RgbFrame, VisionPixels } from '../video/index.ts';
import { cutPatches } from '../video/index.ts';
import type { ClipCache } from './clip-cache.ts';
import type { Questioner } from './settings.ts';

/** A clip to look at. */
export interface Clip {
  /** Its file. */
  path: string;
  /** Video or still picture. */
  kind: 'video' | 'image';
  /** The text that it was generated from. */
  prompt?: string | undefined;
}

/** A clip, ready for the model. */
export interface EncodedClip {
  /** The question's tokens. */
  prompt: EncodedPrompt;
  /** What the model sees. */
  vision: ClipVision;
  /** Which frames were taken. */
  plan: FramePlan;
  /** Whether its features were there before. */
  cached: boolean;
}

/** What a {@link ClipEncoder} needs. */
export interface ClipEncoderOptions {
  /** The model. */
  checkpoint: Checkpoint;
  /** The question. */
  questioner: Questioner;
  /** Which frames. */
  frames: FrameOptions;
  /** Reads the frames; stays the caller's to dispose of. */
  reader: FrameReader;
  /** What is kept of clips; null when the tower trains, and clips go in as patches. */
  cache: ClipCache | null;
  /** How the tower is run. */
  run?: RunOptions;
}

/** Encodes clips. Dispose of it to free the tower. */
export interface ClipEncoder {
  /**
   * Reads a clip's frames, runs the frozen tower over them unless their features are cached, and tokenizes the question. A file
   * that has not changed since its features were kept is not decoded.
   * @param clip - the clip
   * @param signal - stops the reading
   * @throws UserError `unreadable-media` when it cannot be decoded; `bad-input` when the template needs a text prompt it lacks
   */
  encode: (clip: Clip, signal?: AbortSignal) => Promise<EncodedClip>;
  /**
   * The same for a picture that is in memory, of the size that the model sees.
   * @param picture - sides are multiples of a merged patch
   * @param prompt - the text that it is taken to be generated from
   */
  encodePicture: (picture: RgbFrame, prompt: string) => Promise<Omit<EncodedClip, 'plan'>>;
  /** Frees the tower's memory; the next clip that needs it opens it again. */
  rest: () => Promise<void>;
  /** Frees the tower. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * Makes an encoder. The tower is compiled at the first clip that needs it.
 * @param options - model, question, frames
 */
export function createClipEncoder(options: ClipEncoderOptions): ClipEncoder {
  const { checkpoint, questioner, frames, reader, cache } = options;
  let tower: Promise<VisionEncoder> | undefined;

  const openTower = (): Promise<VisionEncoder> =>
    (tower ??= compileVisionEncoder(checkpoint.vision, checkpoint.stored, options.run));
  const features = async (visions: readonly VisionPixels[]): Promise<Float32Array> => {
    const values = await (await openTower()).encode(visions);
    const bad = values.find((value) => !Number.isFinite(value));
    if (bad === undefined) return values;
    // Before they are cached: the fault is the model's, not the clip's.
    const error = new UserError('non-finite', `expected finite vision features, got ${bad}`);
    throw await blameWeights(checkpoint, error);
  };
  const cut = (as: FramePlan['as'], rgb: readonly RgbFrame[]): VisionPixels[] =>
    as === 'video' ? [cutPatches('video', rgb, frames)] : rgb.map((frame) => cutPatches('image', [frame], frames));
  const ask = (as: FramePlan['as'], visions: readonly Shape[], prompt: string | undefined): EncodedPrompt => {
    const { tokenizer, chat, template, codec } = questioner;
    return encodePrompt({
      tokenizer,
      chat,
      question: template.render({ kind: as === 'video' ? 'video' : 'image', prompt, codec }),
      visions,
      padTokens: checkpoint.tokens,
      mergeSize: checkpoint.vision.spatialMergeSize,
    });
  };

  /** Names what goes into the tower: pixels, how they are cut, and what they are normalised with. */
  const inputKey = ({ as, width, height, sha256 }: Pick<FramePlan, 'as' | 'width' | 'height' | 'sha256'>): string => {
    const { patchSize, mergeSize, temporalPatchSize, mean, std } = frames;
    return JSON.stringify([as, width, height, sha256, patchSize, mergeSize, temporalPatchSize, mean, std]);
  };
  const keep = async (
    cache: ClipCache,
    key: string,
    visions: readonly VisionPixels[],
  ): Promise<Pick<EncodedClip, 'vision' | 'cached'>> => {
    const { values, cached } = await cache.features.get(key, () => features(visions));
    return { vision: { kind: 'features', features: values }, cached };
  };

  return {
    encode: async (clip, signal) => {
      if (cache === null) {
        const { plan, visions, rgb } = await reader.read(clip, frames, signal);
        const prompt = ask(plan.as, visions.map(shapeOf), clip.prompt);
        return { prompt, plan, vision: { kind: 'patches', cut: () => cut(plan.as, rgb) }, cached: false };
      }
      const look = await cache.plans?.look(clip);
      signal?.throwIfAborted();
      const known = look?.known ?? null;
      const found = known === null ? null : await cache.features.find(inputKey(known.plan));
      if (known !== null && found !== null) {
        const prompt = ask(known.plan.as, known.visions, clip.prompt);
        return { prompt, plan: known.plan, vision: { kind: 'features', features: found }, cached: true };
      }
      const reading = reader.read(clip, frames, signal);
      openTower().catch(() => {}); // it is compiled while the child decodes; what goes wrong is met when it runs
      const { plan, visions } = await reading;
      const shapes = visions.map(shapeOf);
      const prompt = ask(plan.as, shapes, clip.prompt);
      const kept = await keep(cache, inputKey(plan), visions);
      if (known === null) await look?.keep({ plan, visions: shapes });
      return { prompt, plan, ...kept };
    },
    encodePicture: async (picture, prompt) => {
      const visions = cut('image', [picture]);
      const asked = ask('image', visions.map(shapeOf), prompt);
      if (cache === null) return { prompt: asked, vision: { kind: 'patches', cut: () => visions }, cached: false };
      const { width, height, data } = picture;
      const key = inputKey({ as: 'image', width, height, sha256: createHash('sha256').update(data).digest('hex') });
      const kept = await keep(cache, key, visions);
      return { prompt: asked, ...kept };
    },
    rest: async () => {
      await (await tower)?.rest();
    },
    [Symbol.asyncDispose]: async () => {
      await (await tower)?.[Symbol.asyncDispose]();
    },
  };
}

/** Grid and timing of an image or video: what the question depends on. */
type Shape = Omit<VisionPixels, 'pixels'>;

const shapeOf = ({ pixels: _pixels, ...shape }: VisionPixels): Shape => shape;
