// The term `fidelity`: pairs of clips of a group, as a graph over all pairs of a micro-batch.
import type { Value } from '../../graph/index.ts';
import { add, div, erf, input, mul, reshape, scalar, sqrt, sub, sum } from '../../graph/index.ts';

/**
 * Added to the variances of two predictions. A model that is sure of two answers would make their difference infinitely many deviations:
 * 0.1² is as if each clip had been rated to a step of integer answers.
 */
const LEAST_VARIANCE = 0.01;

/**
 * How near p̂ comes to 0 and 1. The slope of a root has no bound at 0, and in float32 Φ is 0 from −5.5 on, where 0/0 would be no number.
 * The term changes by no more than 0.001.
 */
const MARGIN = 1e-6;

/**
 * Σ over pairs of weight · (1 − √(p·p̂) − √((1 − p)(1 − p̂))). Inputs: `pairWeights` float32 [B, B], 0 where two clips are no pair;
 * `pairRoots` and `pairCoRoots` float32 [B, B], √p and √(1 − p) of the first being better, which need no gradient.
 * @param q_BA - float32 [B, A]: the distribution over the legal answers
 * @param values_A - float32 [A]: scores that these stand for
 * @returns float32 []
 */
export function fidelityLoss(q_BA: Value, values_A: Value): Value {
  const mean_B1 = sum(mul(q_BA, values_A), [-1]);
  const off_BA = sub(values_A, mean_B1);
  const variance_B1 = sum(mul(q_BA, mul(off_BA, off_BA)), [-1]);
  const asRow = (x: Value): Value => reshape(x, [1, 'B']);
  const difference_BB = sub(mean_B1, asRow(mean_B1));
  const variance_BB = add(add(variance_B1, asRow(variance_B1)), scalar(LEAST_VARIANCE));
  const z_BB = div(difference_BB, sqrt(variance_BB));
  // 1 − p̂ is not computed as such, which would round away all of it where p̂ is nearly 1.
  const half_BB = mul(erf(mul(z_BB, scalar(Math.SQRT1_2))), scalar(0.5 - MARGIN));
  const root = (x: Value, given: string): Value => mul(sqrt(x), input(given, 'float32', ['B', 'B']));
  const better_BB = root(add(scalar(0.5), half_BB), 'pairRoots');
  const worse_BB = root(sub(scalar(0.5), half_BB), 'pairCoRoots');
  const loss_BB = sub(sub(scalar(1), better_BB), worse_BB);
  return sum(mul(loss_BB, input('pairWeights', 'float32', ['B', 'B'])), [0, 1], false);
}
