// Pieces that the text model and the vision tower share: linear layers with LoRA, rotary embedding, attention.
// Legend: N rows (tokens or patches), C width, D head width, H heads, S sequences, Q queries, K keys.
import type { Dim, Value } from '../../../graph/index.ts';
import {
  add,
  bitXor,
  concat,
  constant,
  dimProduct,
  cast,
  hardSigmoid,
  controlDependency,
  matmul,
  mul,
  neg,
  reshape,
  scalar,
  shiftRight,
  slice,
  softmax,
  transpose,
} from '../../../graph/index.ts';
import { hashKey, mix32 } from '../../../core/index.ts';

/** Where a graph takes a model's weights from, by canonical name. */
export interface WeightSource {
  /**
   * A weight as float32, of the checkpoint's shape. Matrices are asked for with `after`, the value that they are multiplied with: a
   * 16-bit one is only cast once that is there. The runtime would otherwise cast many at the start and hold them all in float32.
   */
  get(name: string, after?: Value): Value;
  /**
   * Some rows of a weight matrix as float32; the others are not cast.
   * @returns float32 [count, width]
   */
  rows(name: string, indices: Value): Value;
  /**
   * The product with the rows of a weight matrix, x Wᵀ, for matrices that are too large to be cast whole.
   * @returns float32 [N, rows of the matrix]
   */
  rowProducts(name: string, x_NC: Value): Value;
}

/** The factors of one module's LoRA update. */
export interface LoraFactors {
  /** float32 [R, in]. */
  a: Value;
  /** float32 [out, R]. */
  b: Value;
  /** What the product of the factors is multiplied with: alpha / R, or alpha / √R with rsLoRA. */
  scale: number;
}

/** Dropout of the inputs of LoRA. */
export interface LoraDropout {
  /** Probability of a zero. */
  rate: number;
  /** uint32 [N, 1]: key of each row. */
  keys: Value;
}

/** LoRA as the graph builders need it. */
export interface LoraGraph {
  /** The factors of a module, or null where the module has no adapter. */
  factors(module: string): LoraFactors | null;
  /** Dropout of the adapter's input; null in scoring. */
  dropout: LoraDropout | null;
}

/**
 * y = x Wᵀ + b, with the module's LoRA update where it has one: + scale · drop(x) Aᵀ Bᵀ (Hu et al. 2021, as PEFT applies it).
 * @param x_NC - float32 [N, C]
 * @param module - canonical name without `.weight`
 * @param weights - where the weight [out, C] and the bias [out] come from
 * @param options - whether there is a bias; LoRA; keys of the rows for dropout when they are not all rows
 * @returns float32 [N, out]
 */
export function linear(
  x_NC: Value,
  module: string,
  weights: WeightSource,
  options: { bias: boolean; lora?: LoraGraph | null; keys?: Value },
): Value {
  let y = matmul(x_NC, weights.get(`${module}.weight`, x_NC), { transB: true });
  if (options.bias) y = add(y, weights.get(`${module}.bias`));
  const factors = options.lora?.factors(module);
  if (!factors) return y;
  const dropout = options.lora!.dropout;
  const dropped = dropout === null ? x_NC : drop(x_NC, options.keys ?? dropout.keys, dropout.rate, module);
  const low = matmul(dropped, factors.a, { transB: true });
  // Dropout scales what it keeps: here, where rows are shortest, and together with the adapter's own scale.
  const scale = factors.scale / (1 - (dropout?.rate ?? 0));
  return add(y, matmul(scale === 1 ? low : mul(low, scalar(scale)), factors.b, { transB: true }));
}

/**
 * Dropout without its scale. The mask is a pure function of (row key, module, channel): with two numbers r and k of the row and
 * module, and one b of the channel, all well mixed, a value is kept where (k · b + r) mod 2³² > rate · 2³². This is the hash of
 * Carter and Wegman (1979): over random rows any two channels are dropped independently. It takes three passes over the values,
 * where mixing each of them would take nine.
 * @param x_NC - float32 [N, C]
 * @param keys_N1 - uint32 [N, 1]
 * @param rate - probability of a zero, 0 ≤ rate < 1
 * @param module - the module's name
 * @returns x with zeros; what is kept is to be multiplied with 1 / (1 - rate)
 */
export function drop(x_NC: Value, keys_N1: Value, rate: number, module: string): Value {
  if (rate === 0) return x_NC;
  const width = x_NC.shape[1] as number;
  const channels = constant(
    Uint32Array.from({ length: width }, (_, c) => mix32(c + 1)),
    [1, width],
  );
  const u = (n: number): Value => constant(Uint32Array.of(n), [1, 1]);
  // Nothing but keys goes into the masks: without waiting, those of all modules would be made, and kept, before the first layer.
  const r = mixValue(bitXor(controlDependency(keys_N1, x_NC), u(hashKey(...new TextEncoder().encode(module)))));
  const k = mixValue(bitXor(r, u(0x9e3779b9)));
  const hash = add(mul(k, channels), r);
  // A hash as float32 differs from the threshold as float32 by 1 or more, or not at all: the mask is exactly 0 or 1.
  return mul(x_NC, hardSigmoid(cast(hash, 'float32'), 1, -Math.fround(Math.round(rate * 2 ** 32))));
}

/** {@link mix32} in the graph. */
function mixValue(x: Value): Value {
  const u = (n: number): Value => constant(Uint32Array.of(n), [1, 1]);
  x = mul(bitXor(x, shiftRight(x, u(16))), u(0x7feb352d));
  x = mul(bitXor(x, shiftRight(x, u(15))), u(0x846ca68b));
  return bitXor(x, shiftRight(x, u(16)));
}

/**
 * Rotary embedding, halves convention: x · cos + rotateHalf(x) · sin.
 * @param x - float32 [..., D]
 * @param cos - float32, broadcast to x
 * @param sin - float32, broadcast to x
 */
export function rotate(x: Value, cos: Value, sin: Value): Value {
  const axis = x.shape.length - 1;
  const width = x.shape[axis] as number;
  const half = concat([neg(slice(x, axis, width / 2, width)), slice(x, axis, 0, width / 2)], axis);
  return add(mul(x, cos), mul(half, sin));
}

/**
 * Scaled dot-product attention of grouped heads. The query heads of one key-value head are laid side by side as
 * queries of it, so keys and values are never repeated.
 * @param q - float32 [S, Q, Hkv, G, D]
 * @param k - float32 [S, K, Hkv, D]
 * @param v - float32 [S, K, Hkv, D]
 * @param bias - float32 [S, 1, 1, Q or 1, K], added to the scores
 * @returns float32 [S·Q, Hkv·G·D]
 */
export function attention(q: Value, k: Value, v: Value, bias: Value): Value {
  const [s, queries, kvHeads, group, width] = q.shape as [Dim, Dim, number, number, number];
  const keys = k.shape[1]!;
  const rows = dimProduct(group, queries);
  const q2 = reshape(transpose(mul(q, scalar(1 / Math.sqrt(width))), [0, 2, 3, 1, 4]), [s, kvHeads, rows, width]);
  const k2 = transpose(k, [0, 2, 1, 3]);
  const v2 = transpose(v, [0, 2, 1, 3]);
  const scores = reshape(matmul(q2, k2, { transB: true }), [s, kvHeads, group, queries, keys]);
  const weights = reshape(softmax(add(scores, bias)), [s, kvHeads, rows, keys]);
  const mixed = reshape(matmul(weights, v2), [s, kvHeads, group, queries, width]);
  return reshape(transpose(mixed, [0, 3, 1, 2, 4]), [dimProduct(s, queries), kvHeads * group * width]);
}
