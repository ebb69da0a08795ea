// Nonlinear least squares in a few parameters: Levenberg–Marquardt from the best of several starts.
import { invariant } from '../core/index.ts';

/** A curve with parameters. */
export interface Curve {
  /** How many parameters. */
  numParameters: number;
  /** Which of them the curve is linear in; a start gives the others, and these are solved for. */
  linear: readonly number[];
  /** The curve at x. */
  value(p: Float64Array, x: number): number;
  /** Writes the derivatives by the parameters at x into `out` (numParameters). */
  gradient(p: Float64Array, x: number, out: Float64Array): void;
}

/** Where a search ended. */
interface End {
  p: Float64Array;
  /** Sum of squared errors. */
  error: number;
}

/** So many of the starts, the best ones, are followed to their end. */
const FOLLOWED = 3;
const MAX_ITERATIONS = 200;
/** A step that lowers the error by a smaller share is the last. */
const TOLERANCE = 1e-10;
const MAX_DAMPING = 1e10;

/**
 * Fits a curve to points (Levenberg 1944, Marquardt 1963), where both coordinates are of the order of 1.
 * @param curve - the family
 * @param starts - parameters to start from; the linear ones among them are ignored
 * @param x - abscissae (N)
 * @param y - ordinates (N)
 * @returns the parameters with the least squared error that was found; null when no start led anywhere
 */
export function leastSquares(
  curve: Curve,
  starts: readonly (readonly number[])[],
  x: Float64Array,
  y: Float64Array,
): Float64Array | null {
  const begun = starts
    .map((start) => solveLinear(curve, Float64Array.from(start), x, y))
    .filter(({ error }) => Number.isFinite(error))
    .sort((a, b) => a.error - b.error);
  let best: End | null = null;
  for (const start of begun.slice(0, FOLLOWED)) {
    const end = descend(curve, start, x, y);
    if (best === null || end.error < best.error) best = end;
  }
  return best?.p ?? null;
}

function squaredError(curve: Curve, p: Float64Array, x: Float64Array, y: Float64Array): number {
  let total = 0;
  for (let i = 0; i < x.length; i++) {
    const residual = y[i]! - curve.value(p, x[i]!);
    total += residual * residual;
  }
  return total;
}

/** A start: in the linear parameters, one step from zero is the exact minimum. */
function solveLinear(curve: Curve, p: Float64Array, x: Float64Array, y: Float64Array): End {
  for (const k of curve.linear) p[k] = 0;
  const normal = normalEquations(curve, p, x, y);
  // As good as no damping, but a curve that is flat at the points still has a solution.
  const rows = curve.linear.map((a) => [
    ...curve.linear.map((b) => normal[a]![b]! * (a === b ? 1 + 1e-10 : 1)),
    normal[a]![curve.numParameters]!,
  ]);
  const solution = solve(rows);
  curve.linear.forEach((k, at) => (p[k] = solution[at]!));
  return { p, error: squaredError(curve, p, x, y) };
}

function descend(curve: Curve, start: End, x: Float64Array, y: Float64Array): End {
  let { p, error } = start;
  let damping = 1e-3;
  for (let iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
    const normal = normalEquations(curve, p, x, y);
    let gain = 0;
    while (gain === 0 && damping < MAX_DAMPING) {
      const step = solve(normal.map((row, a) => row.map((v, b) => (a === b ? v * (1 + damping) + 1e-12 : v))));
      const next = p.map((v, k) => v + step[k]!);
      const nextError = squaredError(curve, next, x, y);
      // Not for NaN or infinity, where a step leaves what numbers can hold.
      if (nextError < error) {
        gain = (error - nextError) / error;
        [p, error] = [next, nextError];
        damping = Math.max(damping / 10, 1e-12);
      } else damping *= 10;
    }
    if (gain <= TOLERANCE) break;
  }
  return { p, error };
}

/** JᵀJ and, as a last column, Jᵀ(y − f): one row a parameter. */
function normalEquations(curve: Curve, p: Float64Array, x: Float64Array, y: Float64Array): number[][] {
  const k = curve.numParameters;
  const gradient = new Float64Array(k);
  const sums = new Float64Array(k * (k + 1));
  for (let i = 0; i < x.length; i++) {
    curve.gradient(p, x[i]!, gradient);
    const residual = y[i]! - curve.value(p, x[i]!);
    for (let a = 0; a < k; a++) {
      const g = gradient[a]!;
      for (let b = 0; b <= a; b++) sums[a * (k + 1) + b]! += g * gradient[b]!;
      sums[a * (k + 1) + k]! += g * residual;
    }
  }
  return Array.from({ length: k }, (_, a) =>
    Array.from({ length: k + 1 }, (__, b) => (b === k || b <= a ? sums[a * (k + 1) + b]! : sums[b * (k + 1) + a]!)),
  );
}

/** Gauss elimination with pivots of an augmented matrix (n × n+1); numbers that are not finite where it is singular. */
function solve(rows: number[][]): number[] {
  const n = rows.length;
  invariant(
    rows.every((row) => row.length === n + 1),
    'a matrix of n rows and n + 1 columns',
  );
  for (let c = 0; c < n; c++) {
    let pivot = c;
    for (let r = c + 1; r < n; r++) if (Math.abs(rows[r]![c]!) > Math.abs(rows[pivot]![c]!)) pivot = r;
    [rows[c], rows[pivot]] = [rows[pivot]!, rows[c]!];
    for (let r = c + 1; r < n; r++) {
      const factor = rows[r]![c]! / rows[c]![c]!;
      for (let k = c; k <= n; k++) rows[r]![k]! -= factor * rows[c]![k]!;
    }
  }
  const out = Array.from({ length: n }, () => 0);
  for (let r = n - 1; r >= 0; r--) {
    let value = rows[r]![n]!;
    for (let k = r + 1; k < n; k++) value -= rows[r]![k]! * out[k]!;
    out[r] = value / rows[r]![r]!;
  }
  return out;
}
