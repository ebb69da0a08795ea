// What a scorer must know besides the model: frames, question, answer code, scale. An adapter's card holds it.
import type { PositionRule } from '../example/index.ts';
import type { MosScale } from '../dataset/index.ts';
import type { Checkpoint } from '../model/index.ts';
import type {
  AnswerCodec,
  AnswerKind,
  AnswerStep,
  ChatTemplate,
  PromptTemplate,
  TextTokenizer,
} from '../prompt/index.ts';
import {
  buildAnswerTrie,
  createAnswerCodec,
  loadChatTemplate,
  loadTokenizer,
  parseTemplate,
  resolveTemplate,
} from '../prompt/index.ts';
import type { DecoderName, FrameOptions, FramePick, PixelOptions } from '../video/index.ts';
import { UserError } from '../core/index.ts';
import { askAbout, smallestPicture } from './ask.ts';
import type { ClipLimits } from './clip-limits.ts';
import { MAX_TEXT_TOKENS } from './clip-limits.ts';

/** Which frames of a clip the model sees, and how large; what is not said of pixels is as in `storedPixels`. */
export interface FrameSettings extends Partial<PixelOptions> {
  /** Which frames of a video. */
  pick: FramePick;
  /** How many of them. */
  count: number;
  /** How two or more go in: as one video or as an image each. */
  as: 'video' | 'images';
  /** Smallest width × height, in pixels. */
  minPixels: number;
  /** Largest width × height, in pixels. */
  maxPixels: number;
  /** Seed of `random`. */
  seed: number;
  /** Frames a second to assume for clips that carry no timing; 10 where not given. */
  assumedFps?: number | undefined;
  /** What decodes videos; node-av where not given, as before there was a choice. */
  decoder?: Exclude<DecoderName, 'node-av'>;
}

/**
 * Settings with another decoder.
 * @param frames - which frames
 * @param decoder - what decodes videos; undefined: as `frames` says
 */
export function withDecoder(frames: FrameSettings, decoder: DecoderName | undefined): FrameSettings {
  if (decoder === undefined) return frames;
  const { decoder: _, ...rest } = frames;
  return decoder === 'node-av' ? rest : { ...rest, decoder };
}

/** The question. */
export interface PromptSettings {
  /** A template's name, or the path of its file. */
  template: string;
  /** Its text where it is the user's own; null to look the name up. */
  source: string | null;
}

/** How answers are written. */
export interface AnswerSettings {
  /** Kind of the answer code. */
  kind: AnswerKind;
  /** Its step on 1–5; null for the kind's own. */
  step: AnswerStep | null;
}

/** What a scorer must know besides the model. */
export interface ScorerSettings {
  /** Which frames. */
  frames: FrameSettings;
  /** The question: a template's name, and its text where it is the user's own. */
  prompt: PromptSettings;
  /** How answers are written. */
  answer: AnswerSettings;
  /** Which positions videos get. */
  positions: PositionRule;
  /** The scale that scores are given on. */
  scale: MosScale;
}

/** The question and its answers, ready for use with one checkpoint. */
export interface Questioner {
  /** The model's tokenizer. */
  tokenizer: TextTokenizer;
  /** The model's chat template. */
  chat: ChatTemplate;
  /** The question. */
  template: PromptTemplate;
  /** How answers are written. */
  codec: AnswerCodec;
  /** Id of `<|im_end|>`. */
  endTokenId: number;
  /** Most tokens of a clip's text, frames aside. */
  maxTextTokens: number;
}

/** What is needed of a model to ask it. */
type QuestionedModel = Pick<Checkpoint, 'folder' | 'text' | 'tokens' | 'vision'>;

/**
 * Loads what turns a clip's row into a question.
 * @param checkpoint - the model
 * @param settings - template and answer code
 * @param limits - how long a clip's text may be
 * @throws UserError `bad-checkpoint` without tokenizer, chat template or `<|im_end|>`, or for ids that the model has no rows for; `bad-recipe` for an unknown template or one that is too long; `not-supported` for
 *   answers that its tokenizer does not keep apart
 */
export async function loadQuestioner(
  checkpoint: QuestionedModel,
  settings: Pick<ScorerSettings, 'prompt' | 'answer'>,
  { maxTextTokens = MAX_TEXT_TOKENS }: Pick<ClipLimits, 'maxTextTokens'> = {},
): Promise<Questioner> {
  const { template, source } = settings.prompt;
  const { kind, step } = settings.answer;
  const tokenizer = await loadTokenizer(checkpoint.folder);
  const { vocabSize } = checkpoint.text;
  if (tokenizer.numIds > vocabSize) {
    const got = `${tokenizer.numIds - 1} in its tokenizer.json`;
    throw new UserError(
      'bad-checkpoint',
      `${checkpoint.folder}: expected token ids below vocab_size ${vocabSize}, got ${got}`,
    );
  }
  const endTokenId = tokenizer.tokenId('<|im_end|>');
  if (endTokenId === undefined) {
    throw new UserError('bad-checkpoint', `${checkpoint.folder}: expected the token <|im_end|>, got none`);
  }
  const questioner: Questioner = {
    tokenizer,
    chat: await loadChatTemplate(checkpoint.folder),
    template: source === null ? await resolveTemplate(template) : parseTemplate(source, template),
    codec: createAnswerCodec(step === null ? { kind } : { kind, step }),
    endTokenId,
    maxTextTokens,
  };
  requireSoundQuestion(checkpoint, questioner);
  return questioner;
}

/**
 * Asks about a picture once, before there are clips: a broken chat template, a question that is too long and answers that cannot be
 * told apart are mistakes of the model or template, and not of each clip.
 */
function requireSoundQuestion(checkpoint: QuestionedModel, questioner: Questioner): void {
  const { tail } = (() => {
    try {
      return askAbout(smallestPicture(checkpoint), checkpoint, questioner, 'a');
    } catch (error) {
      if (!(error instanceof UserError) || error.code !== 'bad-input') throw error;
      const { hint } = error;
      const details = { cause: error, ...(hint === undefined ? {} : { hint }) };
      throw new UserError('bad-recipe', `template ${questioner.template.name}: ${error.message}`, details);
    }
  })();
  const legal = questioner.codec.legalAnswers();
  if (legal !== null) buildAnswerTrie(questioner.tokenizer, tail, legal);
}

/**
 * The frame reader's options for a checkpoint.
 * @param checkpoint - the model, whose processor gives patch size and pixel statistics
 * @param frames - which frames
 */
export function frameOptions(checkpoint: Pick<Checkpoint, 'processor'>, frames: FrameSettings): FrameOptions {
  const { assumedFps, ...rest } = frames;
  const { patchSize, mergeSize, temporalPatchSize, mean, std } = checkpoint.processor;
  return {
    ...rest,
    ...(assumedFps === undefined ? {} : { assumedFps }),
    patchSize,
    mergeSize,
    temporalPatchSize,
    mean,
    std,
  };
}
