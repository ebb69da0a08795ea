// AdamW and the norm of gradients, on plain arrays.

import type { AdamWOptions } from '../types.ts';

/** Moments of every parameter. */
export interface AdamWState {
  /** Updates done. */
  step: number;
  /** First moments by parameter name. */
  m: Map<string, Float32Array>;
  /** Second moments by parameter name. */
  v: Map<string, Float32Array>;
}

/**
 * Moments of zero.
 * @param parameters - what will train
 */
export function initAdamW(parameters: ReadonlyMap<string, Float32Array>): AdamWState {
  const zeros = (): Map<string, Float32Array> =>
    new Map([...parameters].map(([n, p]) => [n, new Float32Array(p.length)]));
  return { step: 0, m: zeros(), v: zeros() };
}

/**
 * One update in place (Loshchilov & Hutter 2019, as `torch.optim.AdamW`): decay, moments, bias-corrected step.
 * @param parameters - values by name; changed
 * @param gradients - gradients by name
 * @param state - moments; changed
 * @param lr - learning rate of this step
 * @param options - decays and epsilon
 * @param scale - what gradients are multiplied with first; default 1
 */
export function adamWUpdate(
  parameters: ReadonlyMap<string, Float32Array>,
  gradients: ReadonlyMap<string, Float32Array>,
  state: AdamWState,
  lr: number,
  options: AdamWOptions,
  scale = 1,
): void {
  const { beta1, beta2, eps, weightDecay } = options;
  state.step++;
  const stepSize = lr / (1 - beta1 ** state.step);
  const rootCorrection = 1 / Math.sqrt(1 - beta2 ** state.step);
  const keep = 1 - lr * weightDecay;
  for (const [name, p] of parameters) {
    const [g, m, v] = [gradients.get(name)!, state.m.get(name)!, state.v.get(name)!];
    for (let i = 0; i < p.length; i++) {
      const gi = g[i]! * scale;
      const mi = beta1 * m[i]! + (1 - beta1) * gi;
      const vi = beta2 * v[i]! + (1 - beta2) * gi * gi;
      m[i] = mi;
      v[i] = vi;
      // The root in float32, as torch takes it and twice as fast.
      p[i] = p[i]! * keep - (stepSize * mi) / (Math.fround(Math.sqrt(Math.fround(vi))) * rootCorrection + eps);
    }
  }
}

/**
 * Euclidean norm of all gradients together, in float64.
 * @param gradients - gradients by name
 * @returns the norm; not finite when any gradient is not
 */
export function gradientNorm(gradients: ReadonlyMap<string, Float32Array>): number {
  // Two sums, because each waits for its last addition.
  let [even, odd] = [0, 0];
  for (const g of gradients.values()) {
    const last = g.length - (g.length % 2);
    for (let i = 0; i < last; i += 2) {
      even += g[i]! * g[i]!;
      odd += g[i + 1]! * g[i + 1]!;
    }
    if (last < g.length) even += g[last]! * g[last]!;
  }
  return Math.sqrt(even + odd);
}
