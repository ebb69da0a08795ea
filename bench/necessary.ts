// The arithmetic that a LoRA step of a Qwen2.5-VL model cannot do without: products of the layers, attention and LoRA that the objective needs, each once.
import type { QwenTextConfig } from '../src/model/families/qwen2-5-vl/config.ts';

/** Sizes of a step over one clip. */
export interface StepSize {
  /** Rows up to the last target, T. */
  tokens: number;
  /** Target rows, Q. */
  targets: number;
  /** Rank of the adapter, R, on all seven linear layers of every decoder layer. */
  rank: number;
}

/**
 * Floating point operations (2 for a multiplication with its addition) of one step over one clip.
 *
 * A linear layer of in·out weights over n rows takes 2·n·in·out forward, and as many for the gradient of its input. Its LoRA takes
 * 2·n·R·(in + out) forward, as many for the gradients of the factors, and as many for that of the rows. Attention sees T·(T+1)/2 pairs:
 * 2 products forward, 4 backward, 2·H·D each a pair. The last layer has queries, attention output and MLP at the Q target rows alone,
 * and the head 2·Q·V·C forward and again backward. The first layer's q, k and v need no gradient of their input. Norms, softmax,
 * rotary embedding, dropout, loss and optimizer count nothing, nor does anything that is computed twice.
 */
export function necessaryFlops(text: QwenTextConfig, { tokens: T, targets: Q, rank: R }: StepSize): number {
  const { hiddenSize: C, numLayers, numHeads, numKvHeads, headDim, intermediateSize: M, vocabSize: V } = text;
  const [q, kv] = [numHeads * headDim, numKvHeads * headDim];
  let flops = 0;
  for (let i = 0; i < numLayers; i++) {
    const last = i === numLayers - 1;
    const rows = last ? Q : T;
    const pairs = last ? Q * T : (T * (T + 1)) / 2;
    const linear = (n: number, from: number, to: number, inputGradient: boolean): void => {
      flops += 2 * n * from * to * (inputGradient ? 2 : 1);
      // Forward: low = x Aᵀ, low Bᵀ. Backward: dB and dlow, dA, and what goes on to x.
      flops += 2 * n * R * (from + to) + 4 * n * R * to + 2 * n * R * from * (inputGradient ? 2 : 1);
    };
    const above = i > 0;
    linear(rows, C, q, above);
    linear(T, C, kv, above);
    linear(T, C, kv, above);
    linear(rows, q, C, true);
    linear(rows, C, M, true);
    linear(rows, C, M, true);
    linear(rows, M, C, true);
    flops += (2 + 4) * 2 * pairs * q;
  }
  return flops + 2 * 2 * Q * V * C;
}
