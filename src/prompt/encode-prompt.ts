// A prompt's token ids: the chat text tokenized, each pad expanded to one token per merged patch.
import type { Checkpoint, VisionInput, VisionSpan } from '../model/index.ts';
import type { AnswerSentence } from './answer.ts';
import type { ChatTemplate } from './chat.ts';
import type { TextTokenizer } from './tokenizer.ts';
import { tokenizeAnswer } from './trie.ts';

export type { VisionInput, VisionSpan } from '../model/index.ts';

/** A sentence that a prompt ends with the beginning of. */
export interface BegunSentence extends AnswerSentence {
  /** Tokens of its beginning. */
  length: number;
}

/** A prompt ready for the model, up to where the answer begins. */
export interface EncodedPrompt {
  /** [P] token ids, pads expanded. */
  tokenIds: Int32Array;
  /** The images and videos in it, in order. */
  visions: VisionSpan[];
  /** The text behind the last special token (`assistant\n`): an answer is tokenized as its continuation. */
  tail: string;
  /** The sentence that the answer stands in: its beginning is a part of the prompt. Left out where the answer stands alone. */
  sentence?: BegunSentence;
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
  /** The sentence that the answer stands in, which the prompt begins. Default null: it stands alone. */
  sentence?: AnswerSentence | null;
  /** The model that is asked: its family expands the pads. */
  model: Pick<Checkpoint, 'family' | 'tokens' | 'vision'>;
}

/**
 * Tokenizes a prompt and expands each pad to one token per merged patch.
 * @param input - tokenizer, template, question, grids and model
 * @returns token ids and where the images and videos lie
 * @throws UserError `bad-checkpoint` when the template does not give one pad per image or video, in order; `not-supported` when the
 *   tokenizer joins the end of the chat text with a sentence
 */
export function encodePrompt(input: EncodePromptInput): EncodedPrompt {
  const { tokenizer, chat, question, visions, framesLast, sentence = null, model } = input;
  const segments = chat.render(
    question,
    visions.map((vision) => vision.kind),
    framesLast,
  );
  const { ids, tail } = tokenizer.encodeSegments(segments);
  const expanded = model.family.prompt.expandPads(ids, visions, model);
  const prompt = { tokenIds: Int32Array.from(expanded.tokenIds), visions: expanded.visions, tail };
  return sentence === null ? prompt : beginSentence(prompt, sentence, tokenizer);
}

function beginSentence(prompt: EncodedPrompt, sentence: AnswerSentence, tokenizer: TextTokenizer): EncodedPrompt {
  const { tokenIds, visions, tail } = prompt;
  const begun = tokenizeAnswer(tokenizer, tail, sentence.before);
  return {
    tokenIds: Int32Array.from([...tokenIds, ...begun]),
    visions,
    tail: tail + sentence.before,
    sentence: { ...sentence, length: begun.length },
  };
}

/**
 * A prompt without the beginning of a sentence: what a model is asked that is to say all of it.
 * @param prompt - returned as it is where the answer stands alone
 */
export function beforeSentence(prompt: EncodedPrompt): EncodedPrompt {
  const { tokenIds, visions, tail, sentence } = prompt;
  if (sentence === undefined) return prompt;
  const { before, length } = sentence;
  return { tokenIds: tokenIds.slice(0, -length), visions, tail: tail.slice(0, -before.length) };
}
