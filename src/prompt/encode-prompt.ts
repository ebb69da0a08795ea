// A prompt's token ids: the chat text tokenized, each pad expanded to one token per merged patch.
import type { Checkpoint, VisionInput, VisionSpan } from '../model/index.ts';
import type { ChatTemplate } from './chat.ts';
import type { TextTokenizer } from './tokenizer.ts';

export type { VisionInput, VisionSpan } from '../model/index.ts';

/** A prompt ready for the model, up to where the answer begins. */
export interface EncodedPrompt {
  /** [P] token ids, pads expanded. */
  tokenIds: Int32Array;
  /** The images and videos in it, in order. */
  visions: VisionSpan[];
  /** The text behind the last special token (`assistant\n`): an answer is tokenized as its continuation. */
  tail: string;
}

/** What {@link encodePrompt} needs. */
export interface EncodePromptInput {
  /** The model's tokenizer. */
  tokenizer: TextTokenizer;
  /** The model's chat template. */
  chat: ChatTemplate;
  /** The question as plain text. */
  question: string;
  /** The clip's images or videos, in order. */
  visions: readonly VisionInput[];
  /** Whether they stand behind the question; default: before it. */
  framesLast?: boolean;
  /** The model that is asked: its family expands the pads. */
  model: Pick<Checkpoint, 'family' | 'tokens' | 'vision'>;
}

/**
 * Tokenizes a prompt and expands each pad to one token per merged patch.
 * @param input - tokenizer, template, question, grids and model
 * @returns token ids and where the images and videos lie
 * @throws UserError `bad-checkpoint` when the template does not give one pad per image or video, in order
 */
export function encodePrompt(input: EncodePromptInput): EncodedPrompt {
  const { tokenizer, chat, question, visions, framesLast, model } = input;
  const segments = chat.render(
    question,
    visions.map((vision) => vision.kind),
    framesLast,
  );
  const { ids, tail } = tokenizer.encodeSegments(segments);
  const expanded = model.family.prompt.expandPads(ids, visions, model);
  return { tokenIds: Int32Array.from(expanded.tokenIds), visions: expanded.visions, tail };
}
