// The vision tower as a graph: patches of any number of frames in, one feature per merged token out.
// Legend: P patches, M = P/4 merged tokens, C width, D head width, W windows of L patches, S frames of F patches.
import type { Value } from '../../../graph/index.ts';
import {
  add,
  gather,
  gelu,
  input,
  matmul,
  mul,
  reshape,
  rmsNorm,
  checkpointBoundary,
  silu,
  slice,
} from '../../../graph/index.ts';
import type { QwenVisionConfig } from './config.ts';
import type { WeightSource } from '../shared/layers.ts';
import { attention, linear, rotate } from '../shared/layers.ts';

/** Epsilon of the tower's norms (fixed in the reference). */
const eps = 1e-6;

/** Which patches attend to each other: sequences of equal length, filled up with patch 0 that nobody sees. */
export interface AttentionLayout {
  /** int64 [sequences, length]: patch in each slot. */
  slots: Value;
  /** float32 [sequences, length]: 0 for real slots, very negative for filled ones. */
  bias: Value;
  /** int64 [M, merged²]: slot of each patch. */
  inverse: Value;
}

/** Inputs of the vision graph; {@link visionFeeds} makes what is fed to them. */
export interface VisionInputs {
  /** float32 [M, m²·pixels of a patch]: patches in the processor's order, those of one merged token side by side. */
  pixels: Value;
  /** float32 [P, D] cosines of the rotary embedding, as [M, m²·D]. */
  cos: Value;
  /** float32 [P, D] sines of the rotary embedding, as [M, m²·D]. */
  sin: Value;
  /** Windows. */
  windows: AttentionLayout;
  /** Whole frames. */
  frames: AttentionLayout;
}

/**
 * Declares the inputs of the vision graph.
 * @param config - the tower's sizes
 */
export function visionInputs(config: QwenVisionConfig): VisionInputs {
  const merged = config.spatialMergeSize ** 2;
  const patch = config.inChannels * config.temporalPatchSize * config.patchSize ** 2;
  const headDim = config.hiddenSize / config.numHeads;
  const layout = (name: string, sequences: string, length: string): AttentionLayout => ({
    slots: input(`${name}Slots`, 'int64', [sequences, length]),
    bias: input(`${name}Bias`, 'float32', [sequences, length]),
    inverse: input(`${name}Inverse`, 'int64', ['M', merged]),
  });
  return {
    pixels: input('pixels', 'float32', ['M', merged * patch]),
    cos: input('visionCos', 'float32', ['M', merged * headDim]),
    sin: input('visionSin', 'float32', ['M', merged * headDim]),
    windows: layout('window', 'W', 'L'),
    frames: layout('frame', 'S', 'F'),
  };
}

/**
 * The vision tower.
 * @param inputs - the graph's inputs
 * @param config - the tower's sizes
 * @param weights - where its weights come from
 * @returns float32 [M, out]: features in the order of the merged tokens
 */
export function visionFeatures(inputs: VisionInputs, config: QwenVisionConfig, weights: WeightSource): Value {
  const merged = config.spatialMergeSize ** 2;
  const P = `${merged}*M`;
  const { hiddenSize, numHeads, patchSize, temporalPatchSize, inChannels } = config;
  const headDim = hiddenSize / numHeads;
  const patch = inChannels * temporalPatchSize * patchSize ** 2;
  const kernel = reshape(weights.get('visual.patch_embed.proj.weight'), [hiddenSize, patch]);
  let x = matmul(reshape(inputs.pixels, [P, patch]), kernel, { transB: true });
  const cos = reshape(inputs.cos, [P, 1, headDim]);
  const sin = reshape(inputs.sin, [P, 1, headDim]);
  for (let i = 0; i < config.depth; i++) {
    x = checkpointBoundary(x);
    const name = `visual.blocks.${i}`;
    const layout = config.fullAttentionLayers.includes(i) ? inputs.frames : inputs.windows;
    const [sequences, length] = layout.slots.shape as [string, string];
    const qkv = reshape(linear(norm(x, `${name}.norm1.weight`), `${name}.attn.qkv`, weights, { bias: true }), [
      P,
      3,
      numHeads,
      headDim,
    ]);
    const part = (n: number): Value => reshape(slice(qkv, 1, n, n + 1), [P, numHeads, headDim]);
    const laid = (v: Value): Value => gather(v, layout.slots); // [sequences, length, H, D]
    const mixed = attention(
      reshape(laid(rotate(part(0), cos, sin)), [sequences, length, numHeads, 1, headDim]),
      laid(rotate(part(1), cos, sin)),
      laid(part(2)),
      reshape(layout.bias, [sequences, 1, 1, 1, length]),
    );
    const back = gather(mixed, reshape(layout.inverse, [P]));
    x = add(x, linear(back, `${name}.attn.proj`, weights, { bias: true }));
    const h = norm(x, `${name}.norm2.weight`);
    const mlp = (layer: string, v: Value): Value => linear(v, `${name}.mlp.${layer}`, weights, { bias: true });
    x = add(x, mlp('down_proj', mul(silu(mlp('gate_proj', h)), mlp('up_proj', h))));
  }
  const joined = reshape(norm(checkpointBoundary(x), 'visual.merger.ln_q.weight'), ['M', merged * hiddenSize]);
  const hidden = gelu(linear(joined, 'visual.merger.mlp.0', weights, { bias: true }));
  return linear(hidden, 'visual.merger.mlp.2', weights, { bias: true });

  function norm(v: Value, weight: string): Value {
    return rmsNorm(v, weights.get(weight), eps);
  }
}
