// A prompt's pads: each becomes one token per merged patch.
import { UserError, invariant, show } from '../../../core/index.ts';
import type { PatchGrid, VisionConfig, VisionInput, VisionSpan, VisionTokens } from '../sizes.ts';
import type { ExpandedTokens } from '../types.ts';

/** The token that ends a turn. */
export const endOfTurn = '<|im_end|>';

/**
 * Expands each pad of a tokenized chat to one token per merged patch.
 * @param ids - tokens, with one pad for each image or video
 * @param visions - the images and videos, in order
 * @param model - ids of the pads, and how patches are merged
 * @throws UserError `bad-checkpoint` when the pads are not those of `visions`
 */
export function expandPads(
  ids: readonly number[],
  visions: readonly VisionInput[],
  model: { tokens: Pick<VisionTokens, 'image' | 'video'>; vision: Pick<VisionConfig, 'spatialMergeSize'> },
): ExpandedTokens {
  const { image, video } = model.tokens;
  const pads = ids.filter((id) => id === image || id === video);
  const wanted = visions.map((vision) => model.tokens[vision.kind]);
  if (pads.length !== wanted.length || pads.some((pad, i) => pad !== wanted[i])) {
    const count = (list: number[]): string =>
      `${list.filter((id) => id === image).length} image and ${list.filter((id) => id === video).length} video pads`;
    throw new UserError('bad-checkpoint', `chat template: expected ${count(wanted)}, got ${count(pads)}`, {
      hint: 'Is this the chat template of a vision-language model?',
    });
  }
  const spans: VisionSpan[] = [];
  const tokenIds: number[] = [];
  for (const id of ids) {
    const vision = id === image || id === video ? visions[spans.length] : undefined;
    if (vision === undefined) {
      tokenIds.push(id);
      continue;
    }
    const length = mergedTokens(vision.grid, model.vision.spatialMergeSize);
    spans.push({ ...vision, start: tokenIds.length, length });
    for (let i = 0; i < length; i++) tokenIds.push(id);
  }
  return { tokenIds, visions: spans };
}

/**
 * How many tokens an image or video takes.
 * @param grid - size in patches
 * @param mergeSize - patches merged along each side
 * @returns t·h·w / mergeSize²
 */
export function mergedTokens(grid: PatchGrid, mergeSize: number): number {
  const { t, h, w } = grid;
  const whole = [t, h / mergeSize, w / mergeSize].every((side) => Number.isInteger(side) && side > 0);
  invariant(whole, `patch grid: expected positive sides divisible by ${mergeSize}, got ${show(grid)}`);
  return (t * h * w) / mergeSize ** 2;
}
