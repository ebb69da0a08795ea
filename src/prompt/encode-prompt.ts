// A prompt's token ids: the chat text tokenized, each pad expanded to one token per merged patch.
import { invariant, show, UserError } from '../core/index.ts';
import type { ChatTemplate } from './chat.ts';
import type { VisionKind } from './templates.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** Size of an image or video in patches, before merging. */
export interface PatchGrid {
  /** Temporal patches; 1 for an image. */
  t: number;
  /** Rows of patches; a multiple of the merge size. */
  h: number;
  /** Columns of patches; a multiple of the merge size. */
  w: number;
}

/** One image or video of a prompt. */
export interface VisionInput {
  /** Image or video. */
  kind: VisionKind;
  /** Its size in patches. */
  grid: PatchGrid;
  /** Seconds from one temporal patch to the next: temporal patch size / sampled frames a second. Videos only; default 1. */
  secondsPerGrid?: number;
}

/** Where an image or video lies in a prompt. */
export interface VisionSpan extends VisionInput {
  /** Index of its first token. */
  start: number;
  /** How many tokens it takes: t·h·w / merge size². */
  length: number;
}

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
  /** Ids of the pad tokens. */
  padTokens: PadTokenIds;
  /** Patches merged to one token, along each side. Default 2. */
  mergeSize?: number;
}

/**
 * Tokenizes a prompt and expands each pad to one token per merged patch.
 * @param input - tokenizer, template, question and grids
 * @returns token ids and where the images and videos lie
 * @throws UserError `bad-checkpoint` when the template does not give one pad per image or video, in order
 */
export function encodePrompt(input: EncodePromptInput): EncodedPrompt {
  const { tokenizer, chat, question, visions, framesLast, padTokens, mergeSize = 2 } = input;
  const segments = chat.render(
    question,
    visions.map((vision) => vision.kind),
    framesLast,
  );
  const { ids, tail } = tokenizer.encodeSegments(segments);
  const pads = ids.filter((id) => id === padTokens.image || id === padTokens.video);
  const wanted = visions.map((vision) => padTokens[vision.kind]);
  if (pads.length !== wanted.length || pads.some((pad, i) => pad !== wanted[i])) {
    const count = (list: number[]): string =>
      `${list.filter((id) => id === padTokens.image).length} image and ${list.filter((id) => id === padTokens.video).length} video pads`;
    throw new UserError('bad-checkpoint', `chat template: expected ${count(wanted)}, got ${count(pads)}`, {
      hint: 'Is this the chat template of a vision-language model?',
    });
  }
  const spans: VisionSpan[] = [];
  const tokenIds: number[] = [];
  for (const id of ids) {
    const vision = id === padTokens.image || id === padTokens.video ? visions[spans.length] : undefined;
    if (vision === undefined) {
      tokenIds.push(id);
      continue;
    }
    const length = mergedTokens(vision.grid, mergeSize);
    spans.push({ ...vision, start: tokenIds.length, length });
    for (let i = 0; i < length; i++) tokenIds.push(id);
  }
  return { tokenIds: Int32Array.from(tokenIds), visions: spans, tail };
}

/**
 * How many tokens an image or video takes.
 * @param grid - size in patches
 * @param mergeSize - patches merged along each side. Default 2
 * @returns t·h·w / mergeSize²
 */
export function mergedTokens(grid: PatchGrid, mergeSize = 2): number {
  const { t, h, w } = grid;
  const whole = [t, h / mergeSize, w / mergeSize].every((side) => Number.isInteger(side) && side > 0);
  invariant(whole, `patch grid: expected positive sides divisible by ${mergeSize}, got ${show(grid)}`);
  return (t * h * w) / mergeSize ** 2;
}
