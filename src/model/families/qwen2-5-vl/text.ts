// The text model as a graph: embeddings with vision features in place, decoder layers, logits at the wanted rows only.
// Legend: B clips, T tokens of the longest clip, P tokens before them that all clips share, N = B·T, M merged vision tokens, C width, D head width, R = B·Q wanted rows, V vocabulary.
import type { Dim, Value } from '../../../graph/index.ts';
import {
  add,
  concat,
  dimProduct,
  dimSum,
  expand,
  gather,
  input,
  mul,
  reshape,
  rmsNorm,
  checkpointBoundary,
  silu,
  where,
} from '../../../graph/index.ts';
import type { LoraGraph, WeightSource } from '../shared/layers.ts';
import { attention, linear, rotate } from '../shared/layers.ts';
import type { QwenTextConfig } from './config.ts';

/** Inputs of the decoder layers. */
export interface LayerInputs {
  /** float32 [B, T, D]: cosines of the rotary embedding. */
  cos: Value;
  /** float32 [B, T, D]: sines of the rotary embedding. */
  sin: Value;
  /** float32 [B, T, P+T], or [B, T, T] without a past: 0 where a row sees a column, very negative elsewhere. */
  bias: Value;
  /** Keys and values of a layer at P tokens before the clips' own, which all clips share; null where there are none. */
  past: ((layer: number) => KeysValues) | null;
}

/** What rows look at in a layer. */
export interface KeysValues {
  /** float32 [B, T, Hkv, D], turned; of a past [1, P, Hkv, D]. */
  keys: Value;
  /** float32, as the keys. */
  values: Value;
}

/**
 * Declares the inputs of the decoder layers.
 * @param config - the text model's sizes
 * @param options - whether P tokens that all clips share are fed as keys and values, under the names of {@link pastNames}
 */
export function layerInputs(config: QwenTextConfig, options: { past: boolean } = { past: false }): LayerInputs {
  const { headDim, numKvHeads } = config;
  const part = (name: string): Value => input(name, 'float32', [1, 'P', numKvHeads, headDim]);
  return {
    cos: input('cos', 'float32', ['B', 'T', headDim]),
    sin: input('sin', 'float32', ['B', 'T', headDim]),
    bias: input('bias', 'float32', ['B', 'T', options.past ? dimSum('P', 'T') : 'T']),
    past: options.past
      ? (layer): KeysValues => ({ keys: part(pastNames(layer).keys), values: part(pastNames(layer).values) })
      : null,
  };
}

/** Names of inputs. */
export interface PastNames {
  /** Of the keys. */
  keys: string;
  /** Of the values. */
  values: string;
}

/**
 * Names of what a layer's shared tokens are fed as.
 * @param layer - the layer, from 0
 */
export function pastNames(layer: number): PastNames {
  return { keys: `past.${layer}.keys`, values: `past.${layer}.values` };
}

/**
 * What goes into the first decoder layer: embeddings, with vision features in their places. Inputs: `tokens` int64 [B, T], token ids;
 * `visionIndex` int64 [B, T], row of the features for vision tokens, 0 elsewhere; `isVision` bool [B, T, 1].
 * @param features_MC - float32 [M, C]: vision features of all clips, one after the other
 * @param weights - where the embeddings come from
 * @returns float32 [B·T, C]
 */
export function embedTokens(features_MC: Value, weights: WeightSource): Value {
  const N = 'B*T';
  const flat = (name: string): Value => reshape(input(name, 'int64', ['B', 'T']), [N]);
  const seen = gather(features_MC, flat('visionIndex'));
  const read = weights.rows('embed_tokens.weight', flat('tokens'));
  return where(reshape(input('isVision', 'bool', ['B', 'T', 1]), [N, 1]), seen, read);
}

/**
 * Decoder layers from the first one on, all rows of each.
 * @param x_NC - float32 [B·T, C]: what goes into layer 0
 * @param count - how many layers
 * @param inputs - angles and bias
 * @param config - the text model's sizes
 * @param weights - where its weights come from
 * @returns float32 [B·T, C]: what goes into the layer above them
 */
export function frozenPrefix(
  x_NC: Value,
  count: number,
  inputs: LayerInputs,
  config: QwenTextConfig,
  weights: WeightSource,
): Value {
  for (let i = 0; i < count; i++) x_NC = decoderLayer(x_NC, i, inputs, null, config, weights, null).out;
  return x_NC;
}

/**
 * Keys and values of text at every decoder layer: what is fed as the past of clips that begin with it.
 * Input: `tokens` int64 [B, T].
 * @param inputs - angles and bias
 * @param config - the text model's sizes
 * @param weights - where its weights come from
 * @param lora - the adapter, or null
 */
export function textKeysValues(
  inputs: LayerInputs,
  config: QwenTextConfig,
  weights: WeightSource,
  lora: LoraGraph | null,
): KeysValues[] {
  let x_NC = weights.rows('embed_tokens.weight', reshape(input('tokens', 'int64', ['B', 'T']), ['B*T']));
  return Array.from({ length: config.numLayers }, (_, i) => {
    const { out, keys, values } = decoderLayer(x_NC, i, inputs, null, config, weights, lora);
    x_NC = out;
    return { keys, values };
  });
}

/**
 * The text model from a layer up to its last hidden states at the wanted rows. The last layer computes queries, attention output
 * and MLP for those rows alone. Input: `rows` int64 [B, Q], wanted rows, counted over all clips (b·T + t).
 * @param x_NC - float32 [B·T, C]: what goes into the layer
 * @param first - the layer, from 0
 * @param inputs - angles and bias
 * @param config - the text model's sizes
 * @param weights - where its weights come from
 * @param lora - the adapter, or null
 * @returns float32 [B·Q, C], after the final norm
 */
export function textHidden(
  x_NC: Value,
  first: number,
  inputs: LayerInputs,
  config: QwenTextConfig,
  weights: WeightSource,
  lora: LoraGraph | null,
): Value {
  const rows = reshape(input('rows', 'int64', ['B', 'Q']), ['B*Q']);
  for (let i = first; i < config.numLayers; i++) {
    const wanted = i === config.numLayers - 1 ? rows : null;
    x_NC = decoderLayer(checkpointBoundary(x_NC), i, inputs, wanted, config, weights, lora).out;
  }
  return rmsNorm(checkpointBoundary(x_NC), weights.get('norm.weight'), config.rmsNormEps);
}

/** One decoder layer; with `rows`, its output is those rows only. Keys and values are those of its own rows. */
function decoderLayer(
  x_NC: Value,
  index: number,
  inputs: LayerInputs,
  rows: Value | null,
  config: QwenTextConfig,
  weights: WeightSource,
  lora: LoraGraph | null,
): KeysValues & { out: Value } {
  const name = `layers.${index}`;
  const { numHeads, numKvHeads, headDim, rmsNormEps } = config;
  const pick = (x: Value): Value => (rows === null ? x : gather(x, rows));
  const Q: Dim = rows === null ? 'T' : 'Q';
  const NQ = dimProduct('B', Q);
  const at = (x: Value): Value => pick(reshape(x, ['B*T', x.shape.at(-1)!])); // [B,T,·] at the query rows
  const drawn = lora?.dropout ? { keys: pick(lora.dropout.keys) } : {};

  const h_NC = rmsNorm(x_NC, weights.get(`${name}.input_layernorm.weight`), rmsNormEps);
  const attn = `${name}.self_attn`;
  const q = reshape(linear(pick(h_NC), `${attn}.q_proj`, weights, { bias: true, lora, ...drawn }), [
    'B',
    Q,
    numKvHeads,
    numHeads / numKvHeads,
    headDim,
  ]);
  const heads = (x: Value): Value => reshape(x, ['B', 'T', numKvHeads, headDim]);
  const k = heads(linear(h_NC, `${attn}.k_proj`, weights, { bias: true, lora }));
  const values = heads(linear(h_NC, `${attn}.v_proj`, weights, { bias: true, lora }));
  const angle = (x: Value): Value => reshape(at(x), ['B', Q, 1, 1, headDim]);
  const keyAngle = (x: Value): Value => reshape(x, ['B', 'T', 1, headDim]);
  const queries = rotate(q, angle(inputs.cos), angle(inputs.sin));
  const keys = rotate(k, keyAngle(inputs.cos), keyAngle(inputs.sin));
  const past = inputs.past?.(index);
  const behind = (own: Value, before: Value | undefined): Value =>
    before === undefined ? own : concat([expand(before, ['B', 'P', numKvHeads, headDim]), own], 1);
  const mixed = attention(
    queries,
    behind(keys, past?.keys),
    behind(values, past?.values),
    reshape(at(inputs.bias), ['B', 1, 1, Q, inputs.bias.shape[2]!]),
  );
  const after = add(
    pick(x_NC),
    linear(reshape(mixed, [NQ, numHeads * headDim]), `${attn}.o_proj`, weights, { bias: false, lora, ...drawn }),
  );
  const normed = rmsNorm(after, weights.get(`${name}.post_attention_layernorm.weight`), rmsNormEps);
  const mlp = (part: string, x: Value): Value =>
    linear(x, `${name}.mlp.${part}`, weights, { bias: false, lora, ...drawn });
  const out = add(after, mlp('down_proj', mul(silu(mlp('gate_proj', normed)), mlp('up_proj', normed))));
  return { out, keys, values };
}

/**
 * Logits of the wanted rows over the whole vocabulary.
 * @param hidden_RC - float32 [R, C]
 * @param config - the text model's sizes
 * @param weights - where the head comes from; a head that is not float32 is cast in pieces
 * @returns float32 [R, V]
 */
export function headLogits(hidden_RC: Value, config: QwenTextConfig, weights: WeightSource): Value {
  return weights.rowProducts(config.tieWordEmbeddings ? 'embed_tokens.weight' : 'lm_head.weight', hidden_RC);
}
