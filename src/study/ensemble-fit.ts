// Weights of an ensemble that are fitted to opinion scores: not negative, together 1.
import { UserError, invariant } from '../core/index.ts';
import type { Numbers } from '../metrics/index.ts';

/** Of the largest mean square of errors: what a member must promise to gain before it is taken in. */
const LEAST_GAIN = 1e-10;

/**
 * The weights, none negative and together 1, whose weighted mean of scores has the least mean squared error (Breiman 1996). Because they
 * add up to 1, no constant is added and no score is stretched: the mean of scores stays on their scale.
 *
 * An active-set method for the quadratic program: it begins with the best member and takes in, one by one, the member that promises
 * most; those whose weight falls to 0 drop out. It ends at the minimum after finitely many steps. Of members that are all the same, the
 * first has all of their weight.
 * @param scores - for each member its scores of some clips
 * @param mos - opinion scores of these clips, on the scale of the scores
 * @returns a weight for each member; 0 for one that does not help
 * @throws UserError `bad-input` for fewer clips than two, and numbers that are not finite
 */
export function fitWeights(scores: readonly Numbers[], mos: Numbers): number[] {
  invariant(scores.length > 0, 'a member');
  invariant(
    scores.every(({ length }) => length === mos.length),
    'as many scores of each member as opinion scores',
  );
  if (mos.length < 2)
    throw new UserError('bad-input', `weights: expected at least two clips to fit to, got ${mos.length}`);
  const products = errorProducts(scores, mos);
  if (!products.flat().every(Number.isFinite)) {
    throw new UserError('bad-input', 'weights: expected finite scores to fit to, got others');
  }
  const diagonal = products.map((row, i) => row[i]!);
  const tolerance = LEAST_GAIN * Math.max(...diagonal);
  const inUse = [diagonal.indexOf(Math.min(...diagonal))];
  let weights = scores.map((_, i) => Number(i === inUse[0]));
  // Each round lowers the error, so no set of members comes twice; the bound is for rounding.
  for (let round = 0; round < 20 * scores.length; round++) {
    const slopes = products.map((row) => row.reduce((sum, product, i) => sum + product * weights[i]!, 0));
    const error = slopes.reduce((sum, slope, i) => sum + slope * weights[i]!, 0);
    const next = slopes.reduce((best, slope, i) => (slope < slopes[best]! ? i : best), 0);
    if (slopes[next]! >= error - tolerance || inUse.includes(next)) break;
    inUse.push(next);
    weights = descend(products, inUse, weights);
  }
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** Mean products of the members' errors. Weights add up to 1, so the error of the mean is the mean of the errors. */
function errorProducts(scores: readonly Numbers[], mos: Numbers): number[][] {
  const errors = scores.map((own) => Float64Array.from(own, (score, i) => score - mos[i]!));
  return errors.map((one) =>
    errors.map((other) => one.reduce((sum, error, i) => sum + error * other[i]!, 0) / mos.length),
  );
}

/** Goes to the minimum over the members in use, and drops those that reach 0 on the way. */
function descend(products: readonly (readonly number[])[], inUse: number[], from: readonly number[]): number[] {
  let weights = [...from];
  while (inUse.length > 1) {
    const best = bestOf(products, inUse);
    if (best === null) {
      inUse.pop(); // within rounding a mix of the others, which has nothing to add
      return weights;
    }
    const target = weights.map(() => 0);
    for (const [k, i] of inUse.entries()) target[i] = best[k]!;
    if (best.every((weight) => weight > 0)) return target;
    const steps = inUse.map((i) => (target[i]! > 0 ? 1 : weights[i]! / (weights[i]! - target[i]!)));
    const step = Math.min(...steps);
    weights = weights.map((weight, i) => weight + step * (target[i]! - weight));
    for (const [k, i] of [...inUse.entries()].toReversed()) {
      if (target[i]! > 0 || steps[k]! > step) continue;
      weights[i] = 0;
      inUse.splice(k, 1);
    }
  }
  return weights.map((_, i) => Number(i === inUse[0]));
}

/**
 * The weights of members that add up to 1 and have the least error, some of them perhaps negative: products · w is the same for all.
 * @returns null where the members' scores depend on each other
 */
function bestOf(products: readonly (readonly number[])[], members: readonly number[]): number[] | null {
  const K = members.length;
  const rows = members.map((i) => [...members.map((j) => products[i]![j]!), -1, 0]);
  const scale = Math.max(...members.map((i) => products[i]![i]!));
  rows.push([...members.map(() => 1), 0, 1]);
  for (let k = 0; k <= K; k++) {
    let pivot = k;
    for (let r = k + 1; r <= K; r++) if (Math.abs(rows[r]![k]!) > Math.abs(rows[pivot]![k]!)) pivot = r;
    if (Math.abs(rows[pivot]![k]!) <= 1e-13 * Math.min(1, scale)) return null;
    [rows[k], rows[pivot]] = [rows[pivot]!, rows[k]!];
    for (let r = 0; r <= K; r++) {
      if (r === k) continue;
      const factor = rows[r]![k]! / rows[k]![k]!;
      for (let c = k; c <= K + 1; c++) rows[r]![c] = rows[r]![c]! - factor * rows[k]![c]!;
    }
  }
  return members.map((_, k) => rows[k]![K + 1]! / rows[k]![k]!);
}
