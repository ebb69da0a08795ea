// From log-probabilities of the trie's edges to a distribution over the answers.
import { UserError } from '../core/index.ts';
import type { TrieAnswer } from '../prompt/index.ts';

/** The distribution over the legal answers for one clip. Scores are on 1–5. */
export interface AnswerDistribution {
  /** [A] probability of each answer given that the answer is legal; adds up to 1. */
  probabilities: Float64Array;
  /** Full-vocabulary probability of all legal answers together, 0 to 1. Low means that the adapter or the prompt is wrong. */
  legalMass: number;
  /** Mean of the distribution, 1–5: the clip's score. */
  mean: number;
  /** Standard deviation of the distribution. */
  std: number;
  /** Index of the greedy answer: at each node the likeliest next token that some legal answer has there. */
  greedy: number;
}

/**
 * Reads a distribution out. An answer's probability is the product of the full-vocabulary probabilities along its path;
 * it is divided once by the sum over all answers, never at single nodes.
 * @param edges - float32 [Q, K] log-probabilities of token `columns[k]` at node q
 * @param numColumns - K
 * @param answers - the legal answers and their paths
 * @throws UserError `non-finite` when the model's numbers are infinite or undefined
 */
export function answerDistribution(
  edges: Float32Array,
  numColumns: number,
  answers: readonly TrieAnswer[],
): AnswerDistribution {
  const edge = (node: number, column: number): number => edges[node * numColumns + column]!;
  const logs = answers.map(({ path }) => path.reduce((total, { node, column }) => total + edge(node, column), 0));
  const top = logs.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!Number.isFinite(top)) {
    throw new UserError('non-finite', `expected finite logits from the model, got ${top}`, {
      hint: 'Its weights are damaged, or too large for these clips.',
    });
  }
  const weights = Float64Array.from(logs, (log) => Math.exp(log - top));
  const total = weights.reduce((a, b) => a + b, 0);
  const probabilities = weights.map((w) => w / total);
  const mean = answers.reduce((sum, { value }, a) => sum + probabilities[a]! * value, 0);
  const variance = answers.reduce((sum, { value }, a) => sum + probabilities[a]! * (value - mean) ** 2, 0);
  return {
    probabilities,
    legalMass: Math.exp(top) * total,
    mean,
    std: Math.sqrt(variance),
    greedy: greedyAnswer(answers, edge),
  };
}

/** Token by token, the lowest token id where two are equally likely, as an argmax over logits takes it. */
function greedyAnswer(answers: readonly TrieAnswer[], edge: (node: number, column: number) => number): number {
  let candidates = answers.map((_, index) => index);
  for (let depth = 0; candidates.length > 1; depth++) {
    let [best, bestColumn] = [-Infinity, Infinity];
    for (const index of candidates) {
      const { node, column } = answers[index]!.path[depth]!;
      const log = edge(node, column);
      if (log > best || (log === best && column < bestColumn)) [best, bestColumn] = [log, column];
    }
    candidates = candidates.filter((index) => answers[index]!.path[depth]!.column === bestColumn);
  }
  return candidates[0]!;
}
