// The forms of objectives as graphs over the logits of the wanted rows. Each is a weighted sum over the rows or clips of a micro-batch,
// so that micro-batches add up: whoever feeds the weights divides them by the size of the whole batch.
import type { Value } from '../../graph/index.ts';
import {
  add,
  dimProduct,
  gather,
  input,
  logSoftmax,
  mul,
  neg,
  reshape,
  scalar,
  softmax,
  sub,
  sum,
} from '../../graph/index.ts';
import type { AnswerTerm, ObjectiveForm } from '../../objectives/index.ts';
import { answerLogProbs } from './answer-graph.ts';
import { fidelityLoss } from './fidelity.ts';

type AnswerForm = Extract<ObjectiveForm, { over: 'answers' }>;

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
function crossEntropy(logits_RV: Value): Value {
  const [R, V] = logits_RV.shape as [string, number];
  const flat = reshape(logSoftmax(logits_RV), [dimProduct(R, V)]);
  const picked = gather(flat, input('targets', 'int64', [R]));
  return neg(total(mul(picked, input('targetWeights', 'float32', [R]))));
}

/**
 * A weighted sum over clips of terms over the legal answers, as `AnswerTerm` defines them. Inputs: `clipWeights` float32 [B]; with
 * `squared-error`, `answerValues` float32 [A] and `scoreTargets` float32 [B]; with `cross-entropy`, `labelTargets` float32 [B, A]; with
 * `fidelity`, `answerValues` and what {@link fidelityLoss} takes.
 * @param logProbs_BA - float32 [B, A]: logarithms of p
 * @param form - its terms and their weights
 * @returns float32 []
 */
function answerLoss(logProbs_BA: Value, { terms, weights = {} }: AnswerForm): Value {
  const probabilities = terms.includes('cross-entropy') && terms.length === 1 ? null : softmax(logProbs_BA);
  const values = (): Value => input('answerValues', 'float32', ['A']);
  const ofClips = (term: Exclude<AnswerTerm, 'fidelity'>): Value => {
    switch (term) {
      case 'squared-error': {
        const expected = sum(mul(probabilities!, values()), [-1], false);
        const error = sub(expected, input('scoreTargets', 'float32', ['B']));
        return mul(error, error);
      }
      case 'log-mass':
        // The logarithm of the sum is the same difference for each answer; any mean of them has it.
        return neg(sum(mul(probabilities!, sub(logProbs_BA, logSoftmax(logProbs_BA))), [-1], false));
      case 'cross-entropy':
        return neg(sum(mul(logSoftmax(logProbs_BA), input('labelTargets', 'float32', ['B', 'A'])), [-1], false));
    }
  };
  const weighted = (term: AnswerTerm, x: Value): Value => {
    const { [term]: weight = 1 } = weights;
    return weight === 1 ? x : mul(scalar(weight), x);
  };
  const perClip = terms
    .filter((term) => term !== 'fidelity')
    .map((term) => weighted(term, ofClips(term)))
    .reduce<Value | null>((sum, term) => (sum === null ? term : add(sum, term)), null);
  const parts = perClip === null ? [] : [total(mul(perClip, input('clipWeights', 'float32', ['B'])))];
  if (terms.includes('fidelity')) parts.push(weighted('fidelity', fidelityLoss(probabilities!, values())));
  return parts.reduce((sum, part) => add(sum, part));
}

/**
 * The graph of a form.
 * @param form - which
 * @param logits_RV - float32 [B·Q, V]
 * @param numColumns - tokens on edges of the tree of answers; used by the losses over answers
 * @returns float32 []
 */
export function lossGraph(form: ObjectiveForm, logits_RV: Value, numColumns: number): Value {
  return form.over === 'tokens' ? crossEntropy(logits_RV) : answerLoss(answerLogProbs(logits_RV, numColumns), form);
}
