// From a clip's row to what the model's graph takes: what the model sees of it, and the question.
import type { ClipVision } from '../example/index.ts';
import type { Checkpoint } from '../model/index.ts';
import type { EncodedPrompt } from '../prompt/index.ts';
import type { FramePlan, RgbFrame } from '../video/index.ts';
import { askAbout, askAboutClip } from './ask.ts';
import type { Clip, ClipViewer, ClipViewerOptions } from './clip-viewer.ts';
import { createClipViewer } from './clip-viewer.ts';
import type { Questioner } from './settings.ts';

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
export interface ClipEncoderOptions extends ClipViewerOptions {
  /** The question. */
  questioner: Questioner;
}

/** Encodes clips. Dispose of it to free the tower. */
export interface ClipEncoder {
  /**
   * Looks at a clip (see `ClipViewer`), and tokenizes the question.
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
  /** Frees the tower, where it is the encoder's own. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * Makes an encoder. The tower is compiled at the first clip that needs it.
 * @param options - model, question, frames
 */
export function createClipEncoder(options: ClipEncoderOptions): ClipEncoder {
  return encoderOf(createClipViewer(options), options.checkpoint, options.questioner);
}

/**
 * An encoder on a viewer that may serve several.
 * @param viewer - looks at clips; disposed of with the encoder
 * @param checkpoint - the model
 * @param questioner - the question
 */
export function encoderOf(viewer: ClipViewer, checkpoint: Checkpoint, questioner: Questioner): ClipEncoder {
  return {
    encode: async (clip, signal) => {
      const viewed = await viewer.view(clip, signal);
      const { plan, vision, cached } = viewed;
      return { prompt: askAboutClip(viewed, checkpoint, questioner, clip), plan, vision, cached };
    },
    encodePicture: async (picture, prompt) => {
      const viewed = await viewer.viewPicture(picture);
      const { vision, cached } = viewed;
      return { prompt: askAbout(viewed, checkpoint, questioner, prompt), vision, cached };
    },
    rest: viewer.rest,
    [Symbol.asyncDispose]: viewer[Symbol.asyncDispose],
  };
}
