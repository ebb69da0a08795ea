// What is fed to the text model: a batch of rows filled up to the longest, features, rows of a frozen prefix, keys and values.
import { invariant } from '../../../core/index.ts';
import type { TensorData } from '../../../graph/index.ts';
import { attentionBias } from '../shared/attention-bias.ts';
import type { Feeds, TextItem } from '../types.ts';
import type { QwenTextConfig } from './config.ts';
import { textAngles } from './feeds.ts';
import { pastNames } from './text.ts';

/**
 * What is fed to the text graph (the vision features aside) for a batch.
 * Features of the clips stand one after the other in the order of the items.
 * @param items - B examples
 * @param config - the text model's sizes
 * @param past - rows before those of the examples, which all of them see
 * @returns feeds by input name: tokens, visionIndex, isVision, cos, sin, bias, rows
 */
export function textFeeds(items: readonly TextItem[], config: QwenTextConfig, past: number): Feeds {
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

/**
 * Vision features of a batch.
 * @param clips - those of each clip, [M, C] as numbers
 * @param config - the text model's sizes
 */
export function featureFeeds(clips: readonly Float32Array[], { hiddenSize: C }: QwenTextConfig): Feeds {
  const size = clips.reduce((total, part) => total + part.length, 0);
  invariant(size > 0 && size % C === 0, `features of ${size} numbers are no rows of ${C}`);
  const features = clips.length === 1 ? clips[0]! : new Float32Array(size);
  let offset = 0;
  for (const part of clips.length === 1 ? [] : clips) {
    features.set(part, offset);
    offset += part.length;
  }
  return { features: { data: features, shape: [size / C, C] } };
}

/**
 * What a frozen prefix gave for the clips of a batch, filled up with zeros to the longest.
 * @param clips - [T, C] of each clip, as numbers
 * @param length - rows of the batch
 * @param config - the text model's sizes
 */
export function hiddenFeeds(clips: readonly Float32Array[], length: number, { hiddenSize: C }: QwenTextConfig): Feeds {
  const data = new Float32Array(clips.length * length * C);
  clips.forEach((rows, b) => data.set(rows, b * length * C));
  return { hidden: { data, shape: [clips.length * length, C] } };
}

/**
 * What is fed where no text is shared.
 * @param config - the text model's sizes
 */
export function noPast({ numLayers, numKvHeads, headDim }: QwenTextConfig): Feeds {
  const none: TensorData = { data: new Float32Array(0), shape: [1, 0, numKvHeads, headDim] };
  const names = Array.from({ length: numLayers }, (_, layer) => pastNames(layer));
  return Object.fromEntries(names.flatMap(({ keys, values }) => [[keys, none] as const, [values, none] as const]));
}
