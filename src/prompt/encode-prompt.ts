// A prompt's token ids: the chat text tokenized, each pad expanded to one token per merged patch.
import type { Checkpoint, PatchGrid, VisionInput, VisionSpan } from '../model/index.ts';
import { assumedFamily, mergedTokens as tokensOf } from '../model/index.ts';
import type { ChatTemplate } from './chat.ts';
import type { TextTokenizer } from './tokenizer.ts';

export type { PatchGrid, VisionInput, VisionSpan } from '../model/index.ts';

/** Ids of the tokens that stand for patches, from the model's config. */
export interface PadTokenIds {
  /** `image_token_id`. */
  image: number;
  /** `video_token_id`. */
  video: number;
}

/** A prompt ready for the model, up to where the answer begins. */
export interface EncodedPrompt {
  /** [P] token ids, pads expanded. */
  tokenIds: Int32Array;
  /** The images and videos in it, in order. */
  visions: VisionSpan[];
  /** The text behind the last special token (`assistant\n`): an answer is tokenized as its continuation. */
  tail: string;
}

/** A question with what it goes in with. */
interface Question {
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
}

/** What {@link encodePrompt} needs. */
export type EncodePromptInput = Question &
  (
    | {
        /** The model that is asked: its family expands the pads. */
        model: Pick<Checkpoint, 'family' | 'tokens' | 'vision'>;
      }
    | {
        /** None: pads and merge size are said apart. */
        model?: never;
        /** Ids of the pad tokens, for callers that do not name a model. */
        padTokens: PadTokenIds;
        /** Patches merged to one token, along each side. Default 2. */
        mergeSize?: number;
      }
  );

/**
 * Tokenizes a prompt and expands each pad to one token per merged patch.
 * @param input - tokenizer, template, question and grids
 * @returns token ids and where the images and videos lie
 * @throws UserError `bad-checkpoint` when the template does not give one pad per image or video, in order
 */
export function encodePrompt(input: EncodePromptInput): EncodedPrompt {
  const { tokenizer, chat, question, visions, framesLast } = input;
  const segments = chat.render(
    question,
    visions.map((vision) => vision.kind),
    framesLast,
  );
  const { ids, tail } = tokenizer.encodeSegments(segments);
  const expanded =
    input.model === undefined
      ? assumedFamily.prompt.expandPads(ids, visions, assumedModel(input.padTokens, input.mergeSize))
      : input.model.family.prompt.expandPads(ids, visions, input.model);
  return { tokenIds: Int32Array.from(expanded.tokenIds), visions: expanded.visions, tail };
}

function assumedModel(
  { image, video }: PadTokenIds,
  spatialMergeSize = 2,
): Parameters<typeof assumedFamily.prompt.expandPads>[2] {
  return {
    tokens: { image, video, visionStart: -1, visionEnd: -1 },
    vision: { spatialMergeSize, patchSize: 14, temporalPatchSize: 2, inChannels: 3 },
  };
}

/**
 * How many tokens an image or video takes.
 * @param grid - size in patches
 * @param mergeSize - patches merged along each side. Default 2
 * @returns t·h·w / mergeSize²
 */
export function mergedTokens(grid: PatchGrid, mergeSize = 2): number {
  return tokensOf(grid, mergeSize);
}
