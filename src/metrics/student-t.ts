// Quantiles and tails of Student's t distribution, for intervals and tests.
import { invariant } from '../core/index.ts';

/**
 * How many standard errors an interval of 95 % reaches to each side of a mean: the 0.975 quantile of Student's t.
 * @param df - degrees of freedom, at least 1; they need not be whole
 * @returns 12.706 for 1, 1.96 in the limit; right to 10 digits
 */
export function studentT975(df: number): number {
  return studentQuantile(0.05, df);
}

/**
 * The t beyond which, on both sides together, lies a given probability.
 * @param p - that probability, above 0, at most 1
 * @param df - degrees of freedom, at least 1; they need not be whole
 * @returns at least 0
 */
export function studentQuantile(p: number, df: number): number {
  invariant(df >= 1 && p > 0 && p <= 1, `a t quantile of ${p} with ${df} degrees of freedom`);
  // The tail falls and is convex beyond the middle: Newton from the left end never overshoots.
  let t = 0;
  for (let step = 0; step < 300; step++) {
    const change = (studentTwoSided(t, df) - p) / (2 * density(t, df));
    t += change;
    if (Math.abs(change) < 1e-13 * t) break;
  }
  return t;
}

/**
 * How often a t of no difference lies as far from zero as this one, on either side: a two-sided p-value.
 * @param t - the statistic
 * @param df - degrees of freedom, at least 1; they need not be whole
 * @returns 0 to 1 (Abramowitz and Stegun 26.7.1)
 */
export function studentTwoSided(t: number, df: number): number {
  invariant(df >= 1, `a t tail of ${df} degrees of freedom`);
  return Math.min(1, incompleteBeta(df / (df + t * t), df / 2, 0.5));
}

function density(t: number, df: number): number {
  const log = logGamma((df + 1) / 2) - logGamma(df / 2) - 0.5 * Math.log(df * Math.PI);
  return Math.exp(log - ((df + 1) / 2) * Math.log1p((t * t) / df));
}

/** The regularised incomplete beta function by its continued fraction (DLMF 8.17.22), evaluated after Lentz. */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x) - Math.log(a),
  );
  let c = 1;
  let d = 1 / (1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m < 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / (1 + even * d);
    c = 1 + even / c;
    fraction *= c * d;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + odd * d);
    c = 1 + odd / c;
    fraction *= c * d;
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  return front * fraction;
}

/** Stirling's series for ln Γ (DLMF 5.11.1), after moving the argument above 10 with Γ(x + 1) = x Γ(x). */
function logGamma(x: number): number {
  let shift = 0;
  let y = x;
  while (y < 10) shift += Math.log(y++);
  const z = 1 / (y * y);
  const series = 1 / 12 - z * (1 / 360 - z * (1 / 1260 - z * (1 / 1680 - z * (1 / 1188 - (z * 691) / 360_360))));
  return (y - 0.5) * Math.log(y) - y + 0.5 * Math.log(2 * Math.PI) + series / y - shift;
}
