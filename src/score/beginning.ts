// What questions begin with whatever a clip's own prompt says: text that is computed once for many clips.
import { UserError } from '../core/index.ts';
import type { EncodedPrompt } from '../prompt/index.ts';
import type { ViewedPicture } from './clip-viewer.ts';

/** Asks about something of a kind, with a text prompt. */
type Ask = (viewed: Pick<ViewedPicture, 'as' | 'shapes'>, prompt: string) => EncodedPrompt;

/** Two prompts that begin differently. */
const prompts = ['a', '7'] as const;

/**
 * What questions begin with. It follows from how a model is asked alone, and never from the clips of a list: a clip's score has the
 * same bits wherever in the list the work goes on.
 * @param ask - how the model is asked
 * @returns for what a clip shows (a picture, a video, so many pictures) the tokens that all such questions begin with
 */
export function commonBeginnings(ask: Ask): (viewed: Pick<ViewedPicture, 'as' | 'shapes'>) => Int32Array {
  const known = new Map<string, Int32Array>();
  return (viewed) => {
    const key = [viewed.as, ...viewed.shapes.map(({ kind }) => kind)].join(' ');
    const before = known.get(key);
    if (before !== undefined) return before;
    const common = commonText(prompts.map((prompt) => () => textBefore(ask(viewed, prompt))));
    known.set(key, common);
    return common;
  };
}

/** What two texts begin with; nothing where one of them is too long to be asked. */
function commonText(texts: readonly (() => Int32Array)[]): Int32Array {
  try {
    const [one, other] = texts.map((text) => text());
    const differs = one!.findIndex((token, i) => token !== other![i]);
    return (differs < 0 ? one! : one!.subarray(0, differs)).slice();
  } catch (error) {
    if (error instanceof UserError) return new Int32Array();
    throw error;
  }
}

/**
 * Whether a question begins with some tokens, all of them text.
 * @param prompt - the question
 * @param tokens - the tokens
 */
export function beginsWith(prompt: EncodedPrompt, tokens: Int32Array): boolean {
  const text = textBefore(prompt);
  return text.length >= tokens.length && tokens.every((token, i) => token === text[i]);
}

/** Tokens before the first that stands for vision, and at most all but one. */
function textBefore({ tokenIds, visions }: EncodedPrompt): Int32Array {
  return tokenIds.subarray(0, Math.min(tokenIds.length - 1, ...visions.map(({ start }) => start)));
}
