// The ops: each function checks its inputs by the op's shape rule and makes a node. Gradients and ONNX forms have tables of their own.
import type { Dim, Shape } from './dims.ts';
import { broadcastShapes, dimProduct, dimSum, showShape } from './dims.ts';
import type { Data, DType, Empty, ExternalSource, OpName, Value } from './value.ts';
import { makeValue, showValue } from './value.ts';

const none: Empty = {};

function fail(op: OpName, expected: string, ...inputs: Value[]): never {
  throw new TypeError(`${op}: expected ${expected}, got ${inputs.map(showValue).join(' and ')}`);
}

function axisOf(op: OpName, x: Value, axis: number): number {
  const positive = axis < 0 ? axis + x.shape.length : axis;
  if (positive < 0 || positive >= x.shape.length) fail(op, `an axis within the rank, not ${axis}`, x);
  return positive;
}

/**
 * A tensor that is fed at every run.
 * @param name - its name, unique in the graph
 * @param dtype - element type
 * @param shape - dimensions; symbols are bound by what is fed
 */
export function input(name: string, dtype: DType, shape: Shape): Value<'input'> {
  return makeValue('input', [], { name }, { dtype, shape });
}

/**
 * A tensor kept in the graph.
 * @param data - elements in row-major order; the array's type is the dtype
 * @param shape - dimensions, all numbers; default: a vector of all elements
 */
export function constant(data: Data, shape: readonly number[] = [data.length]): Value<'constant'> {
  const size = shape.reduce((a, b) => a * b, 1);
  if (size !== data.length)
    throw new TypeError(`constant: expected ${size} elements for ${showShape(shape)}, got ${data.length}`);
  return makeValue('constant', [], { data }, { dtype: dtypeOf(data), shape });
}

function dtypeOf(data: Data): DType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof BigInt64Array) return 'int64';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof Uint32Array) return 'uint32';
  if (data instanceof Uint8Array) return 'bool';
  return 'bfloat16';
}

/** A float32 scalar, shape []. */
export function scalar(value: number): Value<'constant'> {
  return constant(Float32Array.of(value), []);
}

/**
 * A frozen tensor that the runtime maps from a file.
 * @param source - file and bytes
 * @param dtype - element type as stored
 * @param shape - dimensions
 */
export function external(source: ExternalSource, dtype: DType, shape: readonly number[]): Value<'external'> {
  return makeValue('external', [], { source }, { dtype, shape });
}

type Binary = 'add' | 'sub' | 'mul' | 'div';
function binary<Op extends Binary>(op: Op, a: Value, b: Value): Value<Op> {
  if (a.dtype !== b.dtype) fail(op, 'equal dtypes', a, b);
  return makeValue(op, [a, b], none, { dtype: a.dtype, shape: broadcast(op, a, b) });
}
function broadcast(op: OpName, a: Value, b: Value): Dim[] {
  try {
    return broadcastShapes(a.shape, b.shape);
  } catch {
    return fail(op, 'shapes that broadcast', a, b);
  }
}

/** a + b, broadcast. @param a - a tensor @param b - another of its dtype */
export const add = (a: Value, b: Value): Value => binary('add', a, b);
/** a − b, broadcast. @param a - a tensor @param b - another of its dtype */
export const sub = (a: Value, b: Value): Value => binary('sub', a, b);
/** a · b by element, broadcast. @param a - a tensor @param b - another of its dtype */
export const mul = (a: Value, b: Value): Value => binary('mul', a, b);
/** a / b by element, broadcast. @param a - a tensor @param b - another of its dtype */
export const div = (a: Value, b: Value): Value => binary('div', a, b);

type Unary = 'neg' | 'exp' | 'log' | 'sqrt' | 'sigmoid' | 'tanh' | 'erf' | 'silu' | 'gelu';
function unary<Op extends Unary>(op: Op, x: Value): Value<Op> {
  if (x.dtype !== 'float32') fail(op, 'a float32 tensor', x);
  return makeValue(op, [x], none, { dtype: x.dtype, shape: x.shape });
}
/** −x. @param x - float32 */
export const neg = (x: Value): Value => unary('neg', x);
/** eˣ. @param x - float32 */
export const exp = (x: Value): Value => unary('exp', x);
/** Natural logarithm. @param x - float32, positive */
export const log = (x: Value): Value => unary('log', x);
/** Square root. @param x - float32, not negative */
export const sqrt = (x: Value): Value => unary('sqrt', x);
/** 1 / (1 + e⁻ˣ). @param x - float32 */
export const sigmoid = (x: Value): Value => unary('sigmoid', x);
/** Hyperbolic tangent. @param x - float32 */
export const tanh = (x: Value): Value => unary('tanh', x);
/** Error function. @param x - float32 */
export const erf = (x: Value): Value => unary('erf', x);
/** x · sigmoid(x). @param x - float32 */
export const silu = (x: Value): Value => unary('silu', x);
/** x · Φ(x), the exact form with erf. @param x - float32 */
export const gelu = (x: Value): Value => unary('gelu', x);

/**
 * Converts the element type; the value itself when it has it already.
 * @param x - a tensor
 * @param to - element type
 */
export function cast(x: Value, to: DType): Value {
  return x.dtype === to ? x : makeValue('cast', [x], { to }, { dtype: to, shape: x.shape });
}

/**
 * A view of a tensor that is computed only after another value. The runtime runs a node as soon as its inputs exist; with this
 * dependency, nodes that use the view run later, and are not merged with the same nodes on the tensor itself.
 * @param x - a tensor
 * @param after - a value of rank 1 or more
 */
export function controlDependency(x: Value, after: Value): Value {
  if (after.shape.length === 0) fail('controlDependency', 'a value with an axis to wait for', x, after);
  return makeValue('controlDependency', [x, after], none, { dtype: x.dtype, shape: x.shape });
}

/**
 * The same value, marked as the boundary between two segments of a model, such as the output of a layer. With
 * `gradientCheckpointing`, only these values are kept from the forward pass.
 * @param x - a tensor
 */
export function checkpointBoundary(x: Value): Value {
  return makeValue('checkpointBoundary', [x], none, { dtype: x.dtype, shape: x.shape });
}

/** Bitwise exclusive or. @param a - uint32 @param b - uint32, broadcast */
export function bitXor(a: Value, b: Value): Value {
  if (a.dtype !== 'uint32' || b.dtype !== 'uint32') fail('bitXor', 'uint32 tensors', a, b);
  return makeValue('bitXor', [a, b], none, { dtype: 'uint32', shape: broadcast('bitXor', a, b) });
}
/** Logical shift to the right. @param a - uint32 @param bits - uint32, broadcast, 0–31 */
export function shiftRight(a: Value, bits: Value): Value {
  if (a.dtype !== 'uint32' || bits.dtype !== 'uint32') fail('shiftRight', 'uint32 tensors', a, bits);
  return makeValue('shiftRight', [a, bits], none, { dtype: 'uint32', shape: broadcast('shiftRight', a, bits) });
}
/** a ≥ b by element. @param a - a tensor @param b - another of its dtype, broadcast @returns bool */
export function greaterEqual(a: Value, b: Value): Value {
  if (a.dtype !== b.dtype) fail('greaterEqual', 'equal dtypes', a, b);
  return makeValue('greaterEqual', [a, b], none, { dtype: 'bool', shape: broadcast('greaterEqual', a, b) });
}
/** a where the condition holds, else b. @param condition - bool @param a - a tensor @param b - another of its dtype; all broadcast */
export function where(condition: Value, a: Value, b: Value): Value {
  if (condition.dtype !== 'bool' || a.dtype !== b.dtype) fail('where', 'bool and two of equal dtype', condition, a, b);
  const shape = broadcastShapes(condition.shape, broadcast('where', a, b));
  return makeValue('where', [condition, a, b], none, { dtype: a.dtype, shape });
}

/**
 * alpha · x + beta, cut off at 0 and 1.
 * @param x - float32
 * @param alpha - slope
 * @param beta - value at 0
 */
export function hardSigmoid(x: Value, alpha: number, beta: number): Value {
  if (x.dtype !== 'float32') fail('hardSigmoid', 'a float32 tensor', x);
  return makeValue('hardSigmoid', [x], { alpha, beta }, { dtype: x.dtype, shape: x.shape });
}

/**
 * Sum over axes.
 * @param x - float32
 * @param axes - which, negative from the end
 * @param keepDims - whether summed axes stay with size 1; default true
 */
export function sum(x: Value, axes: readonly number[], keepDims = true): Value {
  if (x.dtype !== 'float32') fail('sum', 'a float32 tensor', x);
  const positive = axes.map((a) => axisOf('sum', x, a)).sort((a, b) => a - b);
  const shape = keepDims
    ? x.shape.map((d, i) => (positive.includes(i) ? 1 : d))
    : x.shape.filter((_, i) => !positive.includes(i));
  return makeValue('sum', [x], { axes: positive, keepDims }, { dtype: x.dtype, shape });
}

/** Softmax over the last axis. @param x - float32 [..., C] */
export function softmax(x: Value): Value {
  if (x.dtype !== 'float32' || x.shape.length === 0) fail('softmax', 'a float32 tensor with an axis', x);
  return makeValue('softmax', [x], none, { dtype: x.dtype, shape: x.shape });
}
/** Logarithm of the softmax over the last axis. @param x - float32 [..., C] */
export function logSoftmax(x: Value): Value {
  if (x.dtype !== 'float32' || x.shape.length === 0) fail('logSoftmax', 'a float32 tensor with an axis', x);
  return makeValue('logSoftmax', [x], none, { dtype: x.dtype, shape: x.shape });
}

/**
 * Root-mean-square norm over the last axis: x / sqrt(mean(x²) + eps) · weight.
 * @param x - float32 [..., C], C a number
 * @param weight - float32 [C]
 * @param eps - added to the mean square
 */
export function rmsNorm(x: Value, weight: Value, eps: number): Value {
  const width = x.shape.at(-1);
  if (x.dtype !== 'float32' || typeof width !== 'number' || weight.shape.length !== 1 || weight.shape[0] !== width) {
    fail('rmsNorm', 'float32 [..., C] and [C]', x, weight);
  }
  return makeValue('rmsNorm', [x, weight], { eps }, { dtype: x.dtype, shape: x.shape });
}

/**
 * Matrix product over the last two axes; leading axes broadcast.
 * @param a - float32 [..., M, K], or [..., K, M] with `transA`
 * @param b - float32 [..., K, N], or [..., N, K] with `transB`
 * @param options - which operands are read transposed; default none
 */
export function matmul(a: Value, b: Value, options: { transA?: boolean; transB?: boolean } = {}): Value {
  const { transA = false, transB = false } = options;
  if (a.dtype !== 'float32' || b.dtype !== 'float32' || a.shape.length < 2 || b.shape.length < 2) {
    fail('matmul', 'float32 matrices', a, b);
  }
  const [m, k] = transA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!];
  const [k2, n] = transB ? [b.shape.at(-1)!, b.shape.at(-2)!] : [b.shape.at(-2)!, b.shape.at(-1)!];
  if (k !== k2)
    fail('matmul', `equal inner sizes (${transA ? 'a transposed' : 'a'}, ${transB ? 'b transposed' : 'b'})`, a, b);
  let batch: Dim[];
  try {
    batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  } catch {
    fail('matmul', 'leading axes that broadcast', a, b);
  }
  return makeValue('matmul', [a, b], { transA, transB }, { dtype: 'float32', shape: [...batch, m, n] });
}

/**
 * The same elements in another shape.
 * @param x - a tensor
 * @param shape - dimensions with the same product, as polynomials
 */
export function reshape(x: Value, shape: Shape): Value {
  if (dimProduct(...x.shape) !== dimProduct(...shape)) fail('reshape', `as many elements as ${showShape(shape)}`, x);
  return makeValue('reshape', [x], { shape }, { dtype: x.dtype, shape });
}

/**
 * Repeats axes of size 1, and adds leading ones, up to a shape.
 * @param x - a tensor that broadcasts to it
 */
export function expand(x: Value, shape: Shape): Value {
  const to = broadcastShapes(x.shape, shape);
  if (showShape(to) !== showShape(shape)) fail('expand', `a shape that broadcasts to ${showShape(shape)}`, x);
  return makeValue('expand', [x], { shape }, { dtype: x.dtype, shape });
}

/**
 * Axes in another order.
 * @param x - a tensor
 * @param perm - for each axis of the result, the axis of x
 */
export function transpose(x: Value, perm: readonly number[]): Value {
  if (perm.toSorted((a, b) => a - b).join() !== x.shape.map((_, i) => i).join()) {
    fail('transpose', `a tensor of rank ${perm.length} for the order ${showShape(perm)}`, x);
  }
  return makeValue('transpose', [x], { perm: [...perm] }, { dtype: x.dtype, shape: perm.map((p) => x.shape[p]!) });
}

/**
 * Joins tensors along an axis.
 * @param parts - one or more of equal dtype, equal in the other axes
 * @param axis - which, negative from the end
 */
export function concat(parts: readonly Value[], axis: number): Value {
  const first = parts[0]!;
  const at = axisOf('concat', first, axis);
  for (const part of parts) {
    const fits = part.dtype === first.dtype && part.shape.length === first.shape.length;
    if (!fits || part.shape.some((d, i) => i !== at && d !== first.shape[i]))
      fail('concat', 'equal shapes but for the axis', first, part);
  }
  const joined = dimSum(...parts.map((p) => p.shape[at]!));
  return makeValue('concat', parts, { axis: at }, { dtype: first.dtype, shape: first.shape.with(at, joined) });
}

/**
 * Elements start … end-1 of an axis.
 * @param x - a tensor
 * @param axis - which, negative from the end
 * @param start - first element
 * @param end - after the last; at most the axis's size
 */
export function slice(x: Value, axis: number, start: Dim, end: Dim): Value {
  const at = axisOf('slice', x, axis);
  const [length, rest] = [dimSum(end, dimProduct(-1, start)), dimSum(x.shape[at]!, dimProduct(-1, end))];
  const outside = [start, length, rest].some((d) => typeof d === 'number' && d < 0);
  if (outside) fail('slice', `axis ${at} to hold ${start}…${end}`, x);
  return makeValue('slice', [x], { axis: at, start, end }, { dtype: x.dtype, shape: x.shape.with(at, length) });
}

/**
 * Zeros before and after along an axis.
 * @param x - float32
 * @param axis - which, negative from the end
 * @param before - how many before
 * @param after - how many after
 */
export function pad(x: Value, axis: number, before: Dim, after: Dim): Value {
  const at = axisOf('pad', x, axis);
  const shape = x.shape.with(at, dimSum(x.shape[at]!, before, after));
  return makeValue('pad', [x], { axis: at, before, after }, { dtype: x.dtype, shape });
}

/**
 * Picks entries along an axis.
 * @param x - a tensor
 * @param indices - int64, any shape; each from 0 to the axis's size less 1
 * @param axis - which; default 0
 * @returns x's shape with the axis replaced by the indices' shape
 */
export function gather(x: Value, indices: Value, axis = 0): Value {
  if (indices.dtype !== 'int64') fail('gather', 'int64 indices', x, indices);
  const at = axisOf('gather', x, axis);
  const shape = [...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)];
  return makeValue('gather', [x, indices], { axis: at }, { dtype: x.dtype, shape });
}

/**
 * Adds rows into zeros: result[indices[n]] += rows[n].
 * @param rows - float32 [N, C]
 * @param indices - int64 [N], each below `size`; may repeat
 * @param size - rows of the result
 * @returns [size, C]
 */
export function scatterAdd(rows: Value, indices: Value, size: Dim): Value {
  if (
    indices.dtype !== 'int64' ||
    indices.shape.length !== 1 ||
    rows.shape.length !== 2 ||
    indices.shape[0] !== rows.shape[0]
  ) {
    fail('scatterAdd', 'rows [N,C] and int64 indices [N]', rows, indices);
  }
  return makeValue('scatterAdd', [rows, indices], { size }, { dtype: rows.dtype, shape: [size, rows.shape[1]!] });
}
