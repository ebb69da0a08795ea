// Several questions about one clip as one example: the clip's rows are computed once, and no question sees another.
import { invariant } from '../core/index.ts';
import type { EncodedPrompt } from '../prompt/index.ts';
import type { Example, Target } from './token-rows.ts';

/**
 * Rows that all questions about a clip share: up to behind what it shows.
 * @param prompt - a prompt with the clip before the question
 */
export function sharedRows({ visions }: Pick<EncodedPrompt, 'visions'>): number {
  const last = visions.at(-1)!;
  return last.start + last.length + 1; // and the marker of its end
}

/**
 * Joins examples that begin alike: the same tokens up to behind the clip, then a question and its answer each. The rows of every
 * further example hang as a branch on the beginning, at the positions that they have alone, so that its logits are those of a pass
 * of its own.
 * @param examples - at least one; the first `count` rows of all are the same, ordinary rows
 * @param count - rows that they share, the clip's among them
 * @returns one example, whose targets are those of all; each of the Q examples weighs 1/Q, however many tokens its answer has
 */
export function joinQuestions(examples: readonly Example[], count: number): Example {
  const [first] = examples;
  invariant(first !== undefined, 'there are no examples to join');
  const length = examples.reduce((total, { tokenIds }) => total + tokenIds.length - count, count);
  const tokenIds = new Int32Array(length);
  const positions = new Int32Array(3 * length);
  const visionSlots = new Int32Array(length).fill(-1);
  const branchParent = new Int32Array(length).fill(-1);
  const targets: Target[] = [];
  tokenIds.set(first.tokenIds.subarray(0, count));
  visionSlots.set(first.visionSlots.subarray(0, count));
  let row = count;
  examples.forEach((example, i) => {
    const own = example.tokenIds.length;
    const same = [0, 1, 2].every((axis) =>
      example.positions
        .subarray(axis * own, axis * own + count)
        .every((position, at) => position === first.positions[axis * first.tokenIds.length + at]),
    );
    const alike = (a: Int32Array, b: Int32Array): boolean => a.subarray(0, count).every((value, at) => value === b[at]);
    const begins = same && alike(example.tokenIds, first.tokenIds) && alike(example.visionSlots, first.visionSlots);
    const ordinary = example.visionSlots.subarray(count).every((slot) => slot < 0);
    invariant(begins && ordinary && own > count, `example ${i} does not begin with the ${count} rows of the first`);
    invariant(
      example.branchParent.every((parent) => parent < 0),
      `example ${i} has branches of its own`,
    );
    tokenIds.set(example.tokenIds.subarray(count), row);
    for (let axis = 0; axis < 3; axis++) {
      const from = axis * own;
      if (i === 0) positions.set(example.positions.subarray(from, from + count), axis * length);
      positions.set(example.positions.subarray(from + count, from + own), axis * length + row);
    }
    // The rows of the first one follow the beginning as text does.
    if (i > 0) for (let at = row; at < row + own - count; at++) branchParent[at] = at === row ? count - 1 : at - 1;
    const total = examples.length * example.targets.reduce((sum, { weight }) => sum + weight, 0);
    for (const target of example.targets) {
      invariant(target.row >= count - 1, `example ${i} has a target within the beginning`);
      // Only the first example may be asked what follows the last row that all share.
      invariant(target.row >= count || i === 0, `example ${i} has its first target on a shared row`);
      const at = target.row < count ? target.row : target.row - count + row;
      targets.push({ ...target, row: at, weight: target.weight / total });
    }
    row += own - count;
  });
  const answer = examples.map((example) => example.answer).join('\n');
  return { tokenIds, positions, visionSlots, branchParent, promptLength: first.promptLength, answer, targets };
}
