// The losses as graphs over the logits of the wanted rows. Each is a weighted sum over the rows or clips of a micro-batch, so that
// micro-batches add up: whoever feeds the weights divides them by the size of the whole batch.
import type { Value } from '../graph/index.ts';
import { dimProduct, gather, input, logSoftmax, mul, neg, reshape, softmax, sub, sum } from '../graph/index.ts';
import { answerLogProbs } from '../score/index.ts';

/** Losses by the name they have in a recipe. */
export const losses = ['integer-only', 'response', 'softmax-regression', 'soft-label', 'expected-score'] as const;
/** One of {@link losses}. */
export type Loss = (typeof losses)[number];

const total = (x: Value): Value =>
  sum(
    x,
    x.shape.map((_, i) => i),
    false,
  );

/**
 * Cross-entropy over the full vocabulary: − Σ weight · log softmax(logits)[target].
 * Inputs: `targets` int64 [R], row · V + token; `targetWeights` float32 [R].
 * @param logits_RV - float32 [R, V]
 * @returns float32 []
 */
export function crossEntropy(logits_RV: Value): Value {
  const [R, V] = logits_RV.shape as [string, number];
  const flat = reshape(logSoftmax(logits_RV), [dimProduct(R, V)]);
  const picked = gather(flat, input('targets', 'int64', [R]));
  return neg(total(mul(picked, input('targetWeights', 'float32', [R]))));
}

/**
 * Squared error of the expected score: Σ weight · (Σ p(a) · value(a) − target)², p normalised over the legal answers.
 * Inputs: `answerValues` float32 [A]; `scoreTargets` and `clipWeights` float32 [B].
 * @param logProbs_BA - float32 [B, A]
 * @returns float32 []
 */
export function softmaxRegression(logProbs_BA: Value): Value {
  const expected = sum(mul(softmax(logProbs_BA), input('answerValues', 'float32', ['A'])), [-1], false);
  const error = sub(expected, input('scoreTargets', 'float32', ['B']));
  return total(mul(mul(error, error), input('clipWeights', 'float32', ['B'])));
}

/**
 * As {@link softmaxRegression}, and − Σ weight · log Σ p(a), p over the full vocabulary: normalised over the legal answers alone, nothing
 * would keep the model from saying something else.
 * @param logProbs_BA - float32 [B, A]
 * @returns float32 []
 */
export function expectedScore(logProbs_BA: Value): Value {
  const probabilities = softmax(logProbs_BA);
  const expected = sum(mul(probabilities, input('answerValues', 'float32', ['A'])), [-1], false);
  const error = sub(expected, input('scoreTargets', 'float32', ['B']));
  // The logarithm of the sum is the same difference for each answer; any mean of them has it.
  const logMass = sum(mul(probabilities, sub(logProbs_BA, logSoftmax(logProbs_BA))), [-1], false);
  return total(mul(sub(mul(error, error), logMass), input('clipWeights', 'float32', ['B'])));
}

/**
 * Cross-entropy against a distribution over the legal answers: − Σ weight · Σ target(a) · log p(a).
 * Inputs: `labelTargets` float32 [B, A], each row adding up to 1; `clipWeights` float32 [B].
 * @param logProbs_BA - float32 [B, A]
 * @returns float32 []
 */
export function softLabel(logProbs_BA: Value): Value {
  const perClip = sum(mul(logSoftmax(logProbs_BA), input('labelTargets', 'float32', ['B', 'A'])), [-1], false);
  return neg(total(mul(perClip, input('clipWeights', 'float32', ['B']))));
}

/**
 * The graph of a loss.
 * @param loss - which
 * @param logits_RV - float32 [B·Q, V]
 * @param numColumns - tokens on edges of the trie; used by the losses over answers
 * @returns float32 []
 */
export function lossGraph(loss: Loss, logits_RV: Value, numColumns: number): Value {
  switch (loss) {
    case 'integer-only':
    case 'response':
      return crossEntropy(logits_RV);
    case 'softmax-regression':
      return softmaxRegression(answerLogProbs(logits_RV, numColumns));
    case 'expected-score':
      return expectedScore(answerLogProbs(logits_RV, numColumns));
    case 'soft-label':
      return softLabel(answerLogProbs(logits_RV, numColumns));
  }
}

/**
 * Whether a loss is over the legal answers, for which training runs the rows of scoring; else it is over tokens of one answer.
 * @param loss - which
 */
export function isOverAnswers(loss: Loss): loss is Exclude<Loss, 'integer-only' | 'response'> {
  return loss !== 'integer-only' && loss !== 'response';
}
