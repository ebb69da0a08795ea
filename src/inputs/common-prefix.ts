// The token prefix shared by all prompts of a model, whatever the clip's text.
import { UserError } from '../core/index.ts';
import type { EncodedPrompt } from '../prompt/index.ts';
import type { SeenShapes } from './clip-prompt.ts';

/** Makes the prompt about something of a kind, with a text. */
type MakePrompt = (seen: SeenShapes, text: string) => EncodedPrompt;

/** Two texts that begin differently. */
const texts = ['a', '7'] as const;

/**
 * What prompts begin with. It follows from how prompts are made alone, and never from the clips of a list: a clip's score has the
 * same bits wherever in the list the work goes on.
 * @param makePrompt - makes a prompt
 * @returns for what a clip shows (a picture, a video, so many pictures) the tokens that all such prompts begin with
 */
export function commonPrefixes(makePrompt: MakePrompt): (seen: SeenShapes) => Int32Array {
  const known = new Map<string, Int32Array>();
  return (seen) => {
    const key = [seen.as, ...seen.shapes.map(({ kind }) => kind)].join(' ');
    const before = known.get(key);
    if (before !== undefined) return before;
    const common = commonText(texts.map((text) => () => textBefore(makePrompt(seen, text))));
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

/** Tokens before the first that stands for vision, and at most all but one. */
function textBefore({ tokenIds, visions }: EncodedPrompt): Int32Array {
  return tokenIds.subarray(0, Math.min(tokenIds.length - 1, ...visions.map(({ start }) => start)));
}
