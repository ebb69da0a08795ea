// The prompt about a clip, tokenized; and the clip's name on errors about it.
import { UserError, oneLine } from '../core/index.ts';
import type { Checkpoint } from '../model/index.ts';
import type { AnswerCodec, ChatTemplate, EncodedPrompt, PromptTemplate, TextTokenizer } from '../prompt/index.ts';
import { encodePrompt } from '../prompt/index.ts';
import type { Clip } from './clip.ts';
import type { ViewedPicture } from './clip-viewer.ts';
import { requireFewTokens, requireShort } from './text-limit.ts';

/** Makes prompts of clips and answers of scores, with one checkpoint. */
export interface PromptProcessor {
  /** The model's tokenizer. */
  tokenizer: TextTokenizer;
  /** The model's chat template. */
  chat: ChatTemplate;
  /** The question. */
  template: PromptTemplate;
  /** How answers are written. */
  codec: AnswerCodec;
  /** Id of the token that ends a turn. */
  endTokenId: number;
  /** Most tokens of a clip's text, frames aside. */
  maxTextTokens: number;
}

/** Grids and kind of what the model sees: all of a clip that its prompt depends on besides the text. */
export type SeenShapes = Pick<ViewedPicture, 'as' | 'shapes'>;

/** A picture of one merged patch, to make a prompt about where no clip is needed. */
export function smallestPicture({
  vision: { spatialMergeSize },
}: {
  vision: Pick<Checkpoint['vision'], 'spatialMergeSize'>;
}): SeenShapes {
  return { as: 'image', shapes: [{ kind: 'image', grid: { t: 1, h: spatialMergeSize, w: spatialMergeSize } }] };
}

/**
 * The prompt about a clip that was looked at.
 * @param seen - what the model sees
 * @param processor - makes prompts
 * @throws UserError as {@link promptAbout}, with the clip's path
 */
export function promptAboutClip(
  seen: SeenShapes,
  checkpoint: Pick<Checkpoint, 'family' | 'tokens' | 'vision'>,
  processor: PromptProcessor,
  clip: Pick<Clip, 'path' | 'prompt'>,
): EncodedPrompt {
  try {
    return promptAbout(seen, checkpoint, processor, clip.prompt);
  } catch (error) {
    throw error instanceof UserError ? withClipName(clip, error) : error;
  }
}

/** An error of the model or of a prompt with the clip that it came up for. */
export function withClipName({ path }: Pick<Clip, 'path'>, { code, message, hint, cause }: UserError): UserError {
  return new UserError(code, `${oneLine(path)}: ${message}`, { cause, ...(hint === undefined ? {} : { hint }) });
}

/**
 * The prompt about something that was looked at.
 * @param seen - what the model sees
 * @param processor - makes prompts
 * @param text - the text that the clip was generated from
 * @throws UserError `bad-input` when the template needs a text prompt and there is none, and for a text of too many tokens
 */
export function promptAbout(
  { as, shapes }: SeenShapes,
  checkpoint: Pick<Checkpoint, 'family' | 'tokens' | 'vision'>,
  processor: PromptProcessor,
  text: string | undefined,
): EncodedPrompt {
  const { tokenizer, chat, template, codec, maxTextTokens } = processor;
  const kind = as === 'video' ? 'video' : 'image';
  const question = template.render({ kind, prompt: text, codec });
  requireShort(question, maxTextTokens);
  const encoded = encodePrompt({
    tokenizer,
    chat,
    question,
    visions: shapes,
    framesLast: template.framesLast,
    sentence: codec.sentence(kind),
    model: checkpoint,
  });
  requireFewTokens(encoded, maxTextTokens);
  return encoded;
}
