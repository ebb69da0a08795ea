// Examples as a message to a worker: rows and features as tensors, what is wanted of them in the header.
import { invariant } from '../../core/index.ts';
import type { AnswerTree, PreparedExample, PreparedPicture } from '../../inputs/index.ts';
import { asBfloat16, asFloat32 } from '../../model/index.ts';
import { pairTargets } from '../pairs.ts';
import type { LinkTensor } from './frames.ts';

/** An example, and how much of it counts. */
export interface SharedExample {
  /** The example. */
  example: PreparedExample;
  /** What its weights are multiplied with: 1 over the weight of the update; 0 for one that fills up. */
  share: number;
}

/** Element type of features on the link. */
export type FeatureType = 'f32' | 'bf16';

/** Examples as a message has them. */
export interface EncodedExamples {
  /** For the header; numbers in it are indices of tensors. */
  examples: Record<string, unknown>[];
  /** The tensors. */
  tensors: LinkTensor[];
}

/**
 * Puts examples into a message.
 * @param some - the examples
 * @param features - element type of their features
 */
export function encodeExamples(some: readonly SharedExample[], features: FeatureType): EncodedExamples {
  const tensors: LinkTensor[] = [];
  const put = (tensor: LinkTensor): number => tensors.push(tensor) - 1;
  const examples = some.map(({ example: { rows, vision, wanted, dropoutKey }, share }) => {
    const shared = { rows: put(rowsTensor(rows)), dropoutKey, share, ...encodeVision(vision, features, put) };
    if (wanted.kind === 'tokens') {
      return { ...shared, targets: wanted.targets.map(({ row, token, weight }) => [row, token, weight]) };
    }
    if (wanted.kind === 'text') return shared;
    const { tree, target } = wanted;
    return {
      ...shared,
      nodeRows: put({ dtype: 'i32', shape: [tree.nodeRows.length], data: tree.nodeRows }),
      ...(target === null ? {} : { score: target.score }),
      ...(target?.label ? { label: put({ dtype: 'f32', shape: [target.label.length], data: target.label }) } : {}),
    };
  });
  return { examples, tensors };
}

/** [6, T]: token ids, three positions, slots of vision, parents of branches. */
function rowsTensor({ tokenIds, positions, visionSlots, branchParent }: PreparedExample['rows']): LinkTensor {
  const T = tokenIds.length;
  const data = new Int32Array(6 * T);
  data.set(tokenIds);
  data.set(positions, T);
  data.set(visionSlots, 4 * T);
  data.set(branchParent, 5 * T);
  return { dtype: 'i32', shape: [6, T], data };
}

function encodeVision(
  vision: PreparedExample['vision'],
  type: FeatureType,
  put: (tensor: LinkTensor) => number,
): Record<string, unknown> {
  if (vision.kind === 'pictures') return { pictures: encodePictures(vision.pictures, put) };
  const { features } = vision;
  return {
    features: put({
      dtype: type,
      shape: [features.length],
      data: type === 'f32' ? asFloat32(features) : asBfloat16(features),
    }),
  };
}

/**
 * Pictures as a worker takes them.
 * @param pictures - of one clip
 * @param put - adds a tensor to the message
 * @returns for the header; `frames` is the index of a tensor, uint8 [frames, height, width, 3]
 */
export function encodePictures(
  pictures: readonly PreparedPicture[],
  put: (tensor: LinkTensor) => number,
): Record<string, unknown>[] {
  return pictures.map(({ kind, frames, patches }) => {
    const { width, height } = frames[0]!;
    const data = new Uint8Array(frames.length * width * height * 3);
    frames.forEach((frame, i) => data.set(frame.data, i * width * height * 3));
    return { kind, ...patches, frames: put({ dtype: 'u8', shape: [frames.length, height, width, 3], data }) };
  });
}

/**
 * What a loss on pairs is told of the clips of a micro-batch.
 * @param some - whole groups, a smaller one last
 * @param groupSize - of a group
 * @param numPairs - of the update
 * @param tensors - of the message; pairs are added
 * @returns for the header: indices of tensors by name
 */
export function encodePairs(
  some: readonly SharedExample[],
  groupSize: number,
  numPairs: number,
  tensors: LinkTensor[],
): Record<string, number> {
  const targets = some.map(({ example: { wanted } }) => {
    invariant(wanted.kind === 'answers' && wanted.target !== null, 'an example without a target cannot be trained on');
    return wanted.target;
  });
  const made = pairTargets(targets, groupSize, numPairs);
  const shape = [some.length, some.length];
  return Object.fromEntries(
    Object.entries(made).map(([name, data]) => [
      name,
      tensors.push({ dtype: 'f32', shape, data: data as Float32Array }) - 1,
    ]),
  );
}

/**
 * The tree of legal answers as a worker takes it.
 * @param tree - of any example
 */
export function encodeTree({ columns, answers, nodeRows }: AnswerTree): Record<string, unknown> {
  return {
    nodes: nodeRows.length,
    columns: [...columns],
    values: answers.map(({ value }) => value),
    paths: answers.map(({ path }) => path.map(({ node, column }) => [node, column])),
  };
}
