// AdamW and the norm of gradients, on plain arrays.

/** Settings of AdamW. */
export interface AdamWOptions {
  /** Decay of the first moment; default of recipes 0.9. */
  beta1: number;
  /** Decay of the second moment; default of recipes 0.999. */
  beta2: number;
  /** Added to the root of the second moment; default of recipes 1e-8. */
  eps: number;
  /** Decoupled weight decay: parameters shrink by lr · weightDecay a step; default of recipes 0. */
  weightDecay: number;
}

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
  const rootCorrection = Math.sqrt(1 - beta2 ** state.step);
  const keep = 1 - lr * weightDecay;
  for (const [name, p] of parameters) {
    const [g, m, v] = [gradients.get(name)!, state.m.get(name)!, state.v.get(name)!];
    for (let i = 0; i < p.length; i++) {
      const gi = g[i]! * scale;
      const mi = (m[i] = beta1 * m[i]! + (1 - beta1) * gi);
      const vi = (v[i] = beta2 * v[i]! + (1 - beta2) * gi * gi);
      p[i] = p[i]! * keep - (stepSize * mi) / (Math.sqrt(vi) / rootCorrection + eps);
    }
  }
}

/**
 * Euclidean norm of all gradients together, in float64.
 * @param gradients - gradients by name
 * @returns the norm; not finite when any gradient is not
 */
export function gradientNorm(gradients: ReadonlyMap<string, Float32Array>): number {
  let total = 0;
  for (const g of gradients.values()) for (let i = 0; i < g.length; i++) total += g[i]! * g[i]!;
  return Math.sqrt(total);
}
