// What is fed to a training step for a micro-batch: tokens, vision, targets and their weights, keys of the dropout.
import { hashKey, invariant } from '../core/index.ts';
import type { ClipVision, Example, HiddenRows, ScoringExample, TokenRows } from '../example/index.ts';
import { clipFeeds, textFeeds } from '../example/index.ts';
import type { TensorData } from '../graph/index.ts';
import type { TextConfig, VisionConfig } from '../model/index.ts';
import type { Loss } from './objective.ts';

/** A clip of a micro-batch, for the losses over tokens. */
export interface TokenItem {
  /** Rows and targets. */
  example: Example;
  /** What the model sees, or what its lower layers make of the example. */
  vision: ClipVision | HiddenRows;
  /** Key of the clip's dropout: a hash of seed, epoch and sample. */
  dropoutKey: number;
}

/** A clip of a micro-batch, for the losses over the legal answers. */
export interface AnswerItem {
  /** The rows that give the distribution. */
  example: ScoringExample;
  /** What the model sees, or what its lower layers make of the example. */
  vision: ClipVision | HiddenRows;
  /** Key of the clip's dropout: a hash of seed, epoch and sample. */
  dropoutKey: number;
  /** The opinion score, 1–5: what `softmax-regression` and `expected-score` aim at. */
  score: number;
  /** A distribution over the legal answers: what `soft-label` aims at. */
  label: Float32Array;
}

/** Sizes of the model. */
export interface ModelSizes {
  /** Of the text model. */
  text: TextConfig;
  /** Of the vision tower. */
  vision: VisionConfig;
}

/**
 * The weight of a clip in its loss: the whole batch's loss is divided by the sum of these.
 * @param targets - the clip's targets
 * @returns with `integer-only` 1; with `response` the number of tokens
 */
export function totalWeight(targets: Example['targets']): number {
  return targets.reduce((total, target) => total + target.weight, 0);
}

/**
 * Feeds for the losses over tokens (`integer-only`, `response`).
 * @param items - the clips of the micro-batch
 * @param batchWeight - {@link totalWeight} summed over all clips of the update, not of the micro-batch alone
 * @param model - its sizes
 * @param dropout - whether the graph drops
 */
export function tokenFeeds(
  items: readonly TokenItem[],
  batchWeight: number,
  model: ModelSizes,
  dropout: boolean,
): Record<string, TensorData> {
  // Answers may differ in tokens: shorter ones repeat their last row with weight 0.
  const Q = Math.max(...items.map(({ example }) => example.targets.length));
  const V = model.text.vocabSize;
  const targets = new BigInt64Array(items.length * Q);
  const weights = new Float32Array(items.length * Q);
  const batch = items.map(({ example }, b) => {
    const rows = Array.from({ length: Q }, (_, q) => {
      const target = example.targets[Math.min(q, example.targets.length - 1)];
      invariant(target !== undefined, 'an example without targets cannot be trained on');
      const row = b * Q + q;
      targets[row] = BigInt(row * V + target.token);
      weights[row] = q < example.targets.length ? target.weight / batchWeight : 0;
      return target.row;
    });
    return { example, rows };
  });
  return {
    ...sharedFeeds(items, batch, model, dropout),
    targets: { data: targets, shape: [items.length * Q] },
    targetWeights: { data: weights, shape: [items.length * Q] },
  };
}

/**
 * Feeds for the losses over the legal answers (`softmax-regression`, `expected-score`, `soft-label`).
 * @param items - the clips of the micro-batch, scored with one trie
 * @param batchWeight - clips of the whole update
 * @param model - its sizes
 * @param dropout - whether the graph drops
 * @param loss - which of them
 */
export function answerFeeds(
  items: readonly AnswerItem[],
  batchWeight: number,
  model: ModelSizes,
  dropout: boolean,
  loss: Exclude<Loss, 'integer-only' | 'response'>,
): Record<string, TensorData> {
  const B = items.length;
  const { columns, answers, nodeRows } = items[0]!.example;
  const [A, K, Q] = [answers.length, columns.length, nodeRows.length];
  const paths = new Float32Array(A * Q * K);
  answers.forEach(({ path }, a) => {
    for (const { node, column } of path) paths[a * Q * K + node * K + column] = 1;
  });
  const batch = items.map(({ example }) => ({ example, rows: example.nodeRows }));
  const shared = {
    ...sharedFeeds(items, batch, model, dropout),
    columns: { data: BigInt64Array.from(columns, BigInt), shape: [K] },
    paths: { data: paths, shape: [A, Q * K] },
    clipWeights: { data: new Float32Array(B).fill(1 / batchWeight), shape: [B] },
  };
  if (loss !== 'soft-label') {
    return {
      ...shared,
      answerValues: { data: Float32Array.from(answers, ({ value }) => value), shape: [A] },
      scoreTargets: { data: Float32Array.from(items, ({ score }) => score), shape: [B] },
    };
  }
  const labels = new Float32Array(B * A);
  items.forEach(({ label }, b) => labels.set(label, b * A));
  return { ...shared, labelTargets: { data: labels, shape: [B, A] } };
}

function sharedFeeds(
  items: readonly { vision: ClipVision | HiddenRows; dropoutKey: number }[],
  batch: readonly { example: TokenRows; rows: ArrayLike<number> }[],
  model: ModelSizes,
  dropout: boolean,
): Record<string, TensorData> {
  const { tokens, visionIndex, isVision, ...layers } = textFeeds(batch, model.text);
  const [B, T] = tokens!.shape as [number, number];
  const seen: ClipVision[] = [];
  const hidden: Float32Array[] = [];
  for (const { vision } of items) {
    if (vision.kind === 'hidden') hidden.push(vision.hidden);
    else seen.push(vision);
  }
  invariant(seen.length === 0 || hidden.length === 0, 'a batch holds clips of two kinds');
  const below: Record<string, TensorData> =
    hidden.length > 0
      ? { hidden: hiddenFeed(hidden, T, model.text.hiddenSize) }
      : {
          tokens: tokens!,
          visionIndex: visionIndex!,
          isVision: isVision!,
          ...clipFeeds(seen, model.text, model.vision),
        };
  if (!dropout) return { ...layers, ...below };
  const keys = new Uint32Array(B * T);
  items.forEach(({ dropoutKey }, b) => {
    for (let t = 0; t < T; t++) keys[b * T + t] = hashKey(dropoutKey, t);
  });
  return { ...layers, ...below, dropoutKeys: { data: keys, shape: [B * T, 1] } };
}

/** Rows of every clip, filled up with zeros to the longest. */
function hiddenFeed(clips: readonly Float32Array[], T: number, C: number): TensorData {
  const data = new Float32Array(clips.length * T * C);
  clips.forEach((rows, b) => data.set(rows, b * T * C));
  return { data, shape: [clips.length * T, C] };
}
