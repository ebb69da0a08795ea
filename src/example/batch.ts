// Examples of several clips as the text graph's feeds: filled up to the longest, wanted rows side by side.
import { invariant } from '../core/index.ts';
import type { TensorData } from '../graph/index.ts';
import type { TextConfig } from '../model/index.ts';
import { textAngles } from '../model/index.ts';
import { attentionBias } from './attention-bias.ts';
import type { TokenRows } from './example.ts';

/** An example and the rows whose hidden states are wanted. */
export interface BatchItem {
  /** The example's rows. */
  example: TokenRows;
  /** Wanted rows of it, Q of them; as many in every item of a batch. */
  rows: ArrayLike<number>;
}

/**
 * What is fed to the text graph (the vision features aside) for a batch.
 * Features of the clips stand one after the other in the order of the items.
 * @param items - B examples
 * @param config - the text model's sizes
 * @param past - rows before those of the examples, which all of them see: cut off by `rowsAfter`. Default 0
 * @returns feeds by input name: tokens, visionIndex, isVision, cos, sin, bias, rows
 */
export function textFeeds(items: readonly BatchItem[], config: TextConfig, past = 0): Record<string, TensorData> {
  const B = items.length;
  const T = Math.max(...items.map(({ example }) => example.tokenIds.length));
  const Q = items[0]!.rows.length;
  const D = config.headDim;
  const tokens = new BigInt64Array(B * T);
  const visionIndex = new BigInt64Array(B * T);
  const isVision = new Uint8Array(B * T);
  const cos = new Float32Array(B * T * D).fill(1);
  const sin = new Float32Array(B * T * D);
  const rows = new BigInt64Array(B * Q);
  let feature = 0;
  items.forEach(({ example, rows: wanted }, b) => {
    invariant(wanted.length === Q, `a batch wants ${Q} rows of each clip, got ${wanted.length}`);
    const length = example.tokenIds.length;
    const first = b * T;
    let features = 0;
    for (let t = 0; t < length; t++) {
      tokens[first + t] = BigInt(example.tokenIds[t]!);
      const slot = example.visionSlots[t]!;
      if (slot < 0) continue;
      visionIndex[first + t] = BigInt(feature + slot);
      isVision[first + t] = 1;
      features++;
    }
    feature += features;
    const angles = textAngles(example.positions, length, config);
    cos.set(angles.cos, first * D);
    sin.set(angles.sin, first * D);
    for (let q = 0; q < Q; q++) rows[b * Q + q] = BigInt(first + wanted[q]!);
  });
  const bias = attentionBias(
    items.map((item) => item.example),
    T,
    past,
  );
  return {
    tokens: { data: tokens, shape: [B, T] },
    visionIndex: { data: visionIndex, shape: [B, T] },
    isVision: { data: isVision, shape: [B, T, 1] },
    cos: { data: cos, shape: [B, T, D] },
    sin: { data: sin, shape: [B, T, D] },
    bias: { data: bias, shape: [B, T, past + T] },
    rows: { data: rows, shape: [B, Q] },
  };
}
