// The normal distribution.

/** Where its series takes too many terms, and the continued fraction of its tail few. */
const TAIL = 3;

/**
 * The distribution function of the standard normal distribution, with a small relative error in the lower tail, too.
 * @param x - any number
 * @returns the probability of a value below x, 0–1
 */
export function normalCdf(x: number): number {
  if (x > 0) return 1 - normalCdf(-x);
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  if (x > -TAIL) {
    // ½ + φ(x) · (x + x³/3 + x⁵/(3·5) + …): Marsaglia, Evaluating the normal distribution, 2004.
    let [term, total] = [x, x];
    for (let n = 3; Math.abs(term) > 1e-18 * Math.abs(total); n += 2) total += term *= (x * x) / n;
    return 0.5 + density * total;
  }
  // Laplace's continued fraction φ(t) / (t + 1/(t + 2/(t + …))).
  let below = -x;
  for (let n = 60; n > 0; n--) below = -x + n / below;
  return density / below;
}
