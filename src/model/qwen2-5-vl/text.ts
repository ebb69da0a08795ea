// The text model as a graph: embeddings with vision features in place, decoder layers, logits at the wanted rows only.
// Legend: B clips, T tokens of the longest clip, N = B·T, M merged vision tokens, C width, D head width, R = B·Q wanted rows, V vocabulary.
import type { Dim, Value } from '../../graph/index.ts';
import { add, dimProduct, gather, input, mul, reshape, rmsNorm, seam, silu, where } from '../../graph/index.ts';
import type { LoraGraph, WeightSource } from './layers.ts';
import { attention, linear, rotate } from './layers.ts';
import type { TextConfig } from './config.ts';

/** Inputs of the decoder layers. */
export interface LayerInputs {
  /** float32 [B, T, D]: cosines of the rotary embedding. */
  cos: Value;
  /** float32 [B, T, D]: sines of the rotary embedding. */
  sin: Value;
  /** float32 [B, T, T]: 0 where a row sees a column, very negative elsewhere. */
  bias: Value;
}

/**
 * Declares the inputs of the decoder layers.
 * @param headDim - width of a head
 */
export function layerInputs(headDim: number): LayerInputs {
  return {
    cos: input('cos', 'float32', ['B', 'T', headDim]),
    sin: input('sin', 'float32', ['B', 'T', headDim]),
    bias: input('bias', 'float32', ['B', 'T', 'T']),
  };
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
export function lowerLayers(
  x_NC: Value,
  count: number,
  inputs: LayerInputs,
  config: TextConfig,
  weights: WeightSource,
): Value {
  for (let i = 0; i < count; i++) x_NC = decoderLayer(x_NC, `layers.${i}`, inputs, null, config, weights, null);
  return x_NC;
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
  config: TextConfig,
  weights: WeightSource,
  lora: LoraGraph | null,
): Value {
  const rows = reshape(input('rows', 'int64', ['B', 'Q']), ['B*Q']);
  for (let i = first; i < config.numLayers; i++) {
    const wanted = i === config.numLayers - 1 ? rows : null;
    x_NC = decoderLayer(seam(x_NC), `layers.${i}`, inputs, wanted, config, weights, lora);
  }
  return rmsNorm(seam(x_NC), weights.get('norm.weight'), config.rmsNormEps);
}

/** One decoder layer; with `rows`, its output is those rows only. */
function decoderLayer(
  x_NC: Value,
  name: string,
  inputs: LayerInputs,
  rows: Value | null,
  config: TextConfig,
  weights: WeightSource,
  lora: LoraGraph | null,
): Value {
  const { numHeads, numKvHeads, headDim, rmsNormEps } = config;
  const pick = (x: Value): Value => (rows === null ? x : gather(x, rows));
  const Q: Dim = rows === null ? 'T' : 'Q';
  const NQ = dimProduct('B', Q);
  const at = (x: Value): Value => pick(reshape(x, ['B*T', x.shape.at(-1)!])); // [B,T,·] at the query rows
  const keys = lora?.dropout ? { keys: pick(lora.dropout.keys) } : {};

  const h_NC = rmsNorm(x_NC, weights.get(`${name}.input_layernorm.weight`), rmsNormEps);
  const attn = `${name}.self_attn`;
  const q = reshape(linear(pick(h_NC), `${attn}.q_proj`, weights, { bias: true, lora, ...keys }), [
    'B',
    Q,
    numKvHeads,
    numHeads / numKvHeads,
    headDim,
  ]);
  const heads = (x: Value): Value => reshape(x, ['B', 'T', numKvHeads, headDim]);
  const k = heads(linear(h_NC, `${attn}.k_proj`, weights, { bias: true, lora }));
  const v = heads(linear(h_NC, `${attn}.v_proj`, weights, { bias: true, lora }));
  const angle = (x: Value): Value => reshape(at(x), ['B', Q, 1, 1, headDim]);
  const keyAngle = (x: Value): Value => reshape(x, ['B', 'T', 1, headDim]);
  const mixed = attention(
    rotate(q, angle(inputs.cos), angle(inputs.sin)),
    rotate(k, keyAngle(inputs.cos), keyAngle(inputs.sin)),
    v,
    reshape(at(inputs.bias), ['B', 1, 1, Q, 'T']),
  );
  const after = add(
    pick(x_NC),
    linear(reshape(mixed, [NQ, numHeads * headDim]), `${attn}.o_proj`, weights, { bias: false, lora, ...keys }),
  );
  const normed = rmsNorm(after, weights.get(`${name}.post_attention_layernorm.weight`), rmsNormEps);
  const mlp = (part: string, x: Value): Value =>
    linear(x, `${name}.mlp.${part}`, weights, { bias: false, lora, ...keys });
  return add(after, mlp('down_proj', mul(silu(mlp('gate_proj', normed)), mlp('up_proj', normed))));
}

/**
 * Logits of the wanted rows over the whole vocabulary.
 * @param hidden_RC - float32 [R, C]
 * @param config - the text model's sizes
 * @param weights - where the head comes from; a head that is not float32 is cast in pieces
 * @returns float32 [R, V]
 */
export function headLogits(hidden_RC: Value, config: TextConfig, weights: WeightSource): Value {
  return weights.rowProducts(config.tieWordEmbeddings ? 'embed_tokens.weight' : 'lm_head.weight', hidden_RC);
}
