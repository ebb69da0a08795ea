// From the examples of a micro-batch to what a training step is fed: tokens, vision, targets and their weights, keys of the dropout.
import { hashKey, invariant } from '../../core/index.ts';
import type { TensorData } from '../../graph/index.ts';
import type { AnswerTree, PreparedExample, PreparedVision } from '../../inputs/index.ts';
import type { Feeds, TextItem } from '../../model/index.ts';
import type { ObjectiveForm } from '../../objectives/index.ts';
import { countPairs, pairTargets } from '../pairs.ts';
import type { EngineModel } from './model.ts';
import { visionFeeds } from './model.ts';

/** What the frozen layers below an adapter make of an example: what the step takes in place of tokens and vision. */
export interface HiddenRows {
  /** The rows are computed already. */
  kind: 'hidden';
  /** float32 [T, C] for the T rows of the example. */
  hidden: Float32Array;
}

/** An example as a step takes it. */
export interface StepExample extends Omit<PreparedExample, 'vision'> {
  /** What the model sees, or what its frozen prefix makes of the example. */
  vision: PreparedVision | HiddenRows;
}

/** What a step is fed for, besides the examples. */
export interface CollateOptions {
  /** Which form of loss. */
  form: ObjectiveForm;
  /** `weightOf` summed over all examples of the update, not of the micro-batch alone. */
  batchWeight: number;
  /** Pairs of the update, of which a form may have a term; default: those of the examples. */
  numPairs?: number;
  /** The model. */
  model: EngineModel;
  /** Whether the graph drops. */
  dropout: boolean;
}

/**
 * Feeds of a step.
 * @param examples - the micro-batch: whole groups of the form, but the last of an epoch, which comes last
 * @param options - form of the loss, weight of the whole update
 */
export function collate(examples: readonly StepExample[], options: CollateOptions): Feeds {
  return options.form.over === 'tokens' ? tokenFeeds(examples, options) : answerFeeds(examples, options, options.form);
}

function tokenFeeds(examples: readonly StepExample[], { batchWeight, model, dropout }: CollateOptions): Feeds {
  const targetsOf = ({ wanted }: StepExample) => {
    invariant(wanted.kind === 'tokens' && wanted.targets.length > 0, 'an example without targets cannot be trained on');
    return wanted.targets;
  };
  // Answers may differ in tokens: shorter ones repeat their last row with weight 0.
  const Q = Math.max(...examples.map((example) => targetsOf(example).length));
  const V = model.text.vocabSize;
  const targets = new BigInt64Array(examples.length * Q);
  const weights = new Float32Array(examples.length * Q);
  const batch = examples.map((example, b): TextItem => {
    const own = targetsOf(example);
    const wanted = Array.from({ length: Q }, (_, q) => {
      const target = own[Math.min(q, own.length - 1)]!;
      const row = b * Q + q;
      targets[row] = BigInt(row * V + target.token);
      weights[row] = q < own.length ? target.weight / batchWeight : 0;
      return target.row;
    });
    return { example: example.rows, rows: wanted };
  });
  return {
    ...sharedFeeds(examples, batch, model, dropout),
    targets: { data: targets, shape: [examples.length * Q] },
    targetWeights: { data: weights, shape: [examples.length * Q] },
  };
}

function answerFeeds(
  examples: readonly StepExample[],
  { batchWeight, numPairs, model, dropout }: CollateOptions,
  { terms, groupSize }: Extract<ObjectiveForm, { over: 'answers' }>,
): Feeds {
  const wantedOf = ({ wanted }: StepExample) => {
    invariant(wanted.kind === 'answers' && wanted.target !== null, 'an example without a target cannot be trained on');
    return { tree: wanted.tree, target: wanted.target };
  };
  const B = examples.length;
  const { tree } = wantedOf(examples[0]!);
  const [A, K] = [tree.answers.length, tree.columns.length];
  const batch = examples.map((example): TextItem => {
    return { example: example.rows, rows: wantedOf(example).tree.nodeRows };
  });
  const feeds: Feeds = {
    ...sharedFeeds(examples, batch, model, dropout),
    columns: { data: BigInt64Array.from(tree.columns, BigInt), shape: [K] },
    paths: pathsFeed(tree),
    clipWeights: { data: new Float32Array(B).fill(1 / batchWeight), shape: [B] },
  };
  if (terms.includes('squared-error') || terms.includes('fidelity')) {
    feeds['answerValues'] = { data: Float32Array.from(tree.answers, ({ value }) => value), shape: [A] };
  }
  if (terms.includes('squared-error')) {
    feeds['scoreTargets'] = {
      data: Float32Array.from(examples, (example) => wantedOf(example).target.score),
      shape: [B],
    };
  }
  if (terms.includes('cross-entropy')) {
    const labels = new Float32Array(B * A);
    examples.forEach((example, b) => labels.set(wantedOf(example).target.label!, b * A));
    feeds['labelTargets'] = { data: labels, shape: [B, A] };
  }
  if (terms.includes('fidelity')) {
    const targets = examples.map((example) => wantedOf(example).target);
    const pairs = pairTargets(targets, groupSize, numPairs ?? countPairs(B, groupSize));
    for (const [name, data] of Object.entries(pairs)) feeds[name] = { data: data as Float32Array, shape: [B, B] };
  }
  return feeds;
}

/** float32 [A, Q·K]: 1 where an answer passes (node, column). */
function pathsFeed({ answers, nodeRows, columns }: AnswerTree): TensorData {
  const [A, Q, K] = [answers.length, nodeRows.length, columns.length];
  const paths = new Float32Array(A * Q * K);
  answers.forEach(({ path }, a) => {
    for (const { node, column } of path) paths[a * Q * K + node * K + column] = 1;
  });
  return { data: paths, shape: [A, Q * K] };
}

function sharedFeeds(
  examples: readonly StepExample[],
  batch: readonly TextItem[],
  model: EngineModel,
  dropout: boolean,
): Feeds {
  const { family, text } = model;
  const T = Math.max(...batch.map(({ example }) => example.tokenIds.length));
  const seen: PreparedVision[] = [];
  const hidden: Float32Array[] = [];
  for (const { vision } of examples) {
    if (vision.kind === 'hidden') hidden.push(vision.hidden);
    else seen.push(vision);
  }
  invariant(seen.length === 0 || hidden.length === 0, 'a batch holds clips of two kinds');
  const feeds: Feeds = {
    ...family.feeds.text(batch, text, 0),
    ...(hidden.length > 0 ? family.feeds.hidden(hidden, T, text) : visionFeeds(seen, model)),
  };
  if (!dropout) return feeds;
  const B = examples.length;
  const keys = new Uint32Array(B * T);
  examples.forEach(({ dropoutKey }, b) => {
    for (let t = 0; t < T; t++) keys[b * T + t] = hashKey(dropoutKey, t);
  });
  return { ...feeds, dropoutKeys: { data: keys, shape: [B * T, 1] } };
}
