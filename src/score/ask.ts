// The question about a clip, tokenized; and the clip's name on errors about it.
import { UserError, oneLine } from '../core/index.ts';
import type { Checkpoint } from '../model/index.ts';
import type { EncodedPrompt } from '../prompt/index.ts';
import { encodePrompt } from '../prompt/index.ts';
import { requireFewTokens, requireShort } from './clip-limits.ts';
import type { Clip, ViewedPicture } from './clip-viewer.ts';
import type { Questioner } from './settings.ts';

/**
 * A picture of one merged patch, to ask about where no clip is needed.
 * @param checkpoint - the model
 */
export function smallestPicture({
  vision: { spatialMergeSize },
}: Pick<Checkpoint, 'vision'>): Pick<ViewedPicture, 'as' | 'shapes'> {
  return { as: 'image', shapes: [{ kind: 'image', grid: { t: 1, h: spatialMergeSize, w: spatialMergeSize } }] };
}

/**
 * The question about a clip that was looked at.
 * @param viewed - what the model sees
 * @param checkpoint - the model
 * @param questioner - the question
 * @param clip - the clip
 * @throws UserError as {@link askAbout}, with the clip's path
 */
export function askAboutClip(
  viewed: Pick<ViewedPicture, 'as' | 'shapes'>,
  checkpoint: Pick<Checkpoint, 'tokens' | 'vision'>,
  questioner: Questioner,
  clip: Clip,
): EncodedPrompt {
  try {
    return askAbout(viewed, checkpoint, questioner, clip.prompt);
  } catch (error) {
    throw error instanceof UserError ? ofClip(clip, error) : error;
  }
}

/**
 * An error of the model's or the question's with the clip that it came up for.
 * @param clip - the clip
 * @param error - the error
 */
export function ofClip({ path }: Pick<Clip, 'path'>, { code, message, hint, cause }: UserError): UserError {
  return new UserError(code, `${oneLine(path)}: ${message}`, { cause, ...(hint === undefined ? {} : { hint }) });
}

/**
 * The question about something that was looked at.
 * @param viewed - what the model sees
 * @param checkpoint - the model
 * @param questioner - the question
 * @param prompt - the text that the clip was generated from
 * @throws UserError `bad-input` when the template needs a text prompt and there is none, and for a text of too many tokens
 */
export function askAbout(
  { as, shapes }: Pick<ViewedPicture, 'as' | 'shapes'>,
  checkpoint: Pick<Checkpoint, 'tokens' | 'vision'>,
  questioner: Questioner,
  prompt: string | undefined,
): EncodedPrompt {
  const { tokenizer, chat, template, codec, maxTextTokens } = questioner;
  const question = template.render({ kind: as === 'video' ? 'video' : 'image', prompt, codec });
  requireShort(question, maxTextTokens);
  const encoded = encodePrompt({
    tokenizer,
    chat,
    question,
    visions: shapes,
    framesLast: template.framesLast,
    padTokens: checkpoint.tokens,
    mergeSize: checkpoint.vision.spatialMergeSize,
  });
  requireFewTokens(encoded, maxTextTokens);
  return encoded;
}
