// From a clip to all that an example is built from: what the model sees of it, and its prompt.
import type { Checkpoint } from '../model/index.ts';
import type { EncodedPrompt } from '../prompt/index.ts';
import type { FramePlan, RgbFrame } from '../video/index.ts';
import type { Clip } from './clip.ts';
import type { PromptProcessor } from './clip-prompt.ts';
import { promptAbout, promptAboutClip } from './clip-prompt.ts';
import type { ClipViewer } from './clip-viewer.ts';
import type { PreparedVision } from './prepared-example.ts';

/** A picture with its prompt. */
export interface PreparedClipPicture {
  /** The prompt's tokens. */
  prompt: EncodedPrompt;
  /** What the model sees. */
  vision: PreparedVision;
  /** Whether its features were there before. */
  cached: boolean;
}

/** A clip with its prompt. */
export interface PreparedClip extends PreparedClipPicture {
  /** Which frames were taken. */
  plan: FramePlan;
  /** The prompts of further questions about it, in their order. */
  further: readonly EncodedPrompt[];
}

/** Prepares clips. */
export interface ClipPreparer {
  /**
   * Looks at a clip (see `ClipViewer`), and tokenizes its prompt.
   * @param clip - the clip
   * @param signal - stops the reading
   * @throws UserError `unreadable-media` when it cannot be decoded; `bad-input` when the template needs a text prompt it lacks
   */
  prepare: (clip: Clip, signal?: AbortSignal) => Promise<PreparedClip>;
  /**
   * The same for a picture that is in memory, of the size that the model sees.
   * @param picture - sides are multiples of a merged patch
   * @param text - the text that it is taken to be generated from
   */
  preparePicture: (picture: RgbFrame, text: string) => Promise<PreparedClipPicture>;
}

/**
 * Makes a preparer.
 * @param viewer - looks at clips
 * @param processor - makes prompts
 * @param further - make those of further questions. Default none
 */
export function createClipPreparer(
  viewer: ClipViewer,
  checkpoint: Pick<Checkpoint, 'family' | 'tokens' | 'vision'>,
  processor: PromptProcessor,
  further: readonly PromptProcessor[] = [],
): ClipPreparer {
  return {
    prepare: async (clip, signal) => {
      const viewed = await viewer.view(clip, signal);
      const { plan, vision, cached } = viewed;
      const [prompt, ...others] = [processor, ...further].map((of) => promptAboutClip(viewed, checkpoint, of, clip));
      return { prompt: prompt!, further: others, plan, vision, cached };
    },
    preparePicture: async (picture, text) => {
      const viewed = await viewer.viewPicture(picture);
      const { vision, cached } = viewed;
      return { prompt: promptAbout(viewed, checkpoint, processor, text), vision, cached };
    },
  };
}
