// From settings to what makes prompts: tokenizer, chat template, question template and answer code of one model.
import { isDeepStrictEqual } from 'node:util';
import { UserError } from '../core/index.ts';
import type { Checkpoint } from '../model/index.ts';
import type { AnswerTrie } from '../prompt/index.ts';
import {
  buildAnswerTrie,
  createAnswerCodec,
  encodePrompt,
  loadChatTemplate,
  loadTokenizer,
  parseTemplate,
  resolveTemplate,
  tokenizeAnswer,
} from '../prompt/index.ts';
import type { PromptProcessor } from './clip-prompt.ts';
import { promptAbout, smallestPicture } from './clip-prompt.ts';
import type { ScorerSettings } from './settings.ts';
import type { TextLimits } from './text-limit.ts';
import { MAX_TEXT_TOKENS } from './text-limit.ts';

/** What is needed of a model. */
export type PromptedModel = Pick<Checkpoint, 'family' | 'folder' | 'text' | 'tokens' | 'vision'>;

/**
 * Loads what makes a clip's prompt.
 * @param settings - template and answer code
 * @param limits - how long a clip's text may be
 * @throws UserError `bad-checkpoint` without tokenizer, chat template or token that ends a turn, or for ids that the model has no rows
 *   for; `bad-recipe` for an unknown template or one that is too long; `not-supported` for answers that its tokenizer does not keep
 *   apart
 */
export async function loadPromptProcessor(
  checkpoint: PromptedModel,
  settings: Pick<ScorerSettings, 'prompt' | 'answer'>,
  { maxTextTokens = MAX_TEXT_TOKENS }: Pick<TextLimits, 'maxTextTokens'> = {},
): Promise<PromptProcessor> {
  const { template, source } = settings.prompt;
  const { kind, step, sentence = false } = settings.answer;
  const tokenizer = await loadTokenizer(checkpoint.folder);
  const { vocabSize } = checkpoint.text;
  if (tokenizer.numIds > vocabSize) {
    const got = `${tokenizer.numIds - 1} in its tokenizer.json`;
    throw new UserError(
      'bad-checkpoint',
      `${checkpoint.folder}: expected token ids below vocab_size ${vocabSize}, got ${got}`,
    );
  }
  const { endOfTurn } = checkpoint.family;
  const endTokenId = tokenizer.tokenId(endOfTurn);
  if (endTokenId === undefined) {
    throw new UserError('bad-checkpoint', `${checkpoint.folder}: expected the token ${endOfTurn}, got none`);
  }
  const processor: PromptProcessor = {
    tokenizer,
    chat: await loadChatTemplate(checkpoint.folder),
    template: source === null ? await resolveTemplate(template) : parseTemplate(source, template),
    codec: createAnswerCodec({ kind, sentence, ...(step === null ? {} : { step }) }),
    endTokenId,
    maxTextTokens,
  };
  requireSoundPrompt(checkpoint, processor);
  return processor;
}

/**
 * Asks about a picture once, before there are clips: a broken chat template, a question that is too long and answers that cannot be
 * told apart are mistakes of the model or template, and not of each clip.
 */
function requireSoundPrompt(checkpoint: PromptedModel, processor: PromptProcessor): void {
  const { tail, sentence } = (() => {
    try {
      return promptAbout(smallestPicture(checkpoint), checkpoint, processor, 'a');
    } catch (error) {
      if (!(error instanceof UserError) || error.code !== 'bad-input') throw error;
      const { hint } = error;
      const details = { cause: error, ...(hint === undefined ? {} : { hint }) };
      throw new UserError('bad-recipe', `template ${processor.template.name}: ${error.message}`, details);
    }
  })();
  const { tokenizer, codec } = processor;
  const legal = codec.legalAnswers();
  if (legal === null) return;
  buildAnswerTrie(tokenizer, tail, legal);
  if (sentence !== undefined) for (const { text } of legal) tokenizeAnswer(tokenizer, tail + text, sentence.after);
}

/**
 * The trie of a model's legal answers. All prompts about a picture end alike, as do all about a video, so any prompt gives it.
 * @param processor - makes prompts and answers
 * @returns null where the answers are no finite set (`raw`)
 * @throws UserError `not-supported` for a tokenizer that makes other tokens of answers about a picture than about a video
 */
export function answerTrie(
  checkpoint: Pick<Checkpoint, 'family' | 'tokens' | 'vision'>,
  { tokenizer, chat, codec }: PromptProcessor,
): AnswerTrie | null {
  const legal = codec.legalAnswers();
  if (legal === null) return null;
  const [image, video] = (['image', 'video'] as const).map((kind) => {
    const sentence = codec.sentence(kind);
    const { tail } = encodePrompt({ tokenizer, chat, question: '?', visions: [], sentence, model: checkpoint });
    return buildAnswerTrie(tokenizer, tail, legal);
  });
  const contexts = [...new Set([...image!.contexts, ...video!.contexts])];
  if (isDeepStrictEqual({ ...image, contexts }, { ...video, contexts })) return { ...video!, contexts };
  throw new UserError(
    'not-supported',
    'tokenizer: expected the same tokens of answers about pictures and videos, got others',
  );
}
