// Reverse-mode differentiation: the gradient rule of every op, and the sweep that applies them.
import type { Dim, Shape } from './dims.ts';
import { dimProduct, dimSum } from './dims.ts';
import {
  add,
  cast,
  castAfter,
  div,
  erf,
  exp,
  expand,
  gather,
  matmul,
  mul,
  neg,
  pad,
  reshape,
  scalar,
  scatterAdd,
  sigmoid,
  slice,
  sqrt,
  sub,
  sum,
  transpose,
  where,
} from './ops.ts';
import type { OpName, Value } from './value.ts';
import { isOp, showValue, siteOf, valuesBelow } from './value.ts';

/** Given a node and the gradient of its output, the gradient of each input (null: none flows there). */
type GradientRule<Op extends OpName> = (node: Value<Op>, g: Value) => (Value | null)[];

/** Sums a gradient over the axes that broadcasting repeated. */
function sumTo(g: Value, shape: Shape): Value {
  const extra = g.shape.length - shape.length;
  const axes = g.shape.flatMap((d, i) => (i < extra || (shape[i - extra] === 1 && d !== 1) ? [i] : []));
  const summed = axes.length === 0 ? g : sum(g, axes);
  return summed.shape.length === shape.length ? summed : reshape(summed, shape);
}

const at = (node: Value, i: number): Value => node.inputs[i]!;
const expandLike = (g: Value, x: Value): Value => expand(g, x.shape);

/**
 * The gradient rule of every op; null for ops without one (sources, integers, booleans, frozen weights).
 * @internal
 */
export const gradientRules: { [Op in OpName]: GradientRule<Op> | null } = {
  input: null,
  constant: null,
  external: null,
  bitXor: null,
  shiftRight: null,
  greaterEqual: null,
  castAfter: null,
  add: (n, g) => [sumTo(g, at(n, 0).shape), sumTo(g, at(n, 1).shape)],
  sub: (n, g) => [sumTo(g, at(n, 0).shape), sumTo(neg(g), at(n, 1).shape)],
  mul: (n, g) => [sumTo(mul(g, at(n, 1)), at(n, 0).shape), sumTo(mul(g, at(n, 0)), at(n, 1).shape)],
  div: (n, g) => {
    const [a, b] = [at(n, 0), at(n, 1)];
    return [sumTo(div(g, b), a.shape), sumTo(neg(div(mul(g, n), b)), b.shape)];
  },
  neg: (_, g) => [neg(g)],
  exp: (n, g) => [mul(g, n)],
  log: (n, g) => [div(g, at(n, 0))],
  sqrt: (n, g) => [div(mul(g, scalar(0.5)), n)],
  sigmoid: (n, g) => [mul(g, mul(n, sub(scalar(1), n)))],
  tanh: (n, g) => [mul(g, sub(scalar(1), mul(n, n)))],
  erf: (n, g) => {
    const x = at(n, 0);
    return [mul(g, mul(scalar(2 / Math.sqrt(Math.PI)), exp(neg(mul(x, x)))))];
  },
  silu: (n, g) => {
    const x = at(n, 0);
    const s = sigmoid(x);
    return [mul(g, mul(s, add(scalar(1), mul(x, sub(scalar(1), s)))))];
  },
  gelu: (n, g) => {
    const x = at(n, 0);
    const cdf = mul(scalar(0.5), add(scalar(1), erf(mul(x, scalar(Math.SQRT1_2)))));
    const density = mul(scalar(1 / Math.sqrt(2 * Math.PI)), exp(mul(scalar(-0.5), mul(x, x))));
    return [mul(g, add(cdf, mul(x, density)))];
  },
  cast: (n, g) => [at(n, 0).dtype === 'float32' ? cast(g, 'float32') : null],
  where: (n, g) => {
    const [condition, a, b] = [at(n, 0), at(n, 1), at(n, 2)];
    return [null, sumTo(where(condition, g, scalar(0)), a.shape), sumTo(where(condition, scalar(0), g), b.shape)];
  },
  sum: (n, g) => {
    const x = at(n, 0);
    const kept = x.shape.map((d, i) => (n.attributes.axes.includes(i) ? 1 : d));
    return [expandLike(n.attributes.keepDims ? g : reshape(g, kept), x)];
  },
  softmax: (n, g) => [mul(n, sub(g, sum(mul(g, n), [-1])))],
  logSoftmax: (n, g) => [sub(g, mul(exp(n), sum(g, [-1])))],
  rmsNorm: (n, g) => {
    // With r = 1/sqrt(mean(x²)+eps) and h = x·r: dx = r·(g·w − h·mean(g·w·h)), dw = Σ g·h.
    const [x, weight] = [at(n, 0), at(n, 1)];
    const width = x.shape.at(-1) as number;
    const meanOf = (v: Value): Value => mul(sum(v, [-1]), scalar(1 / width));
    const r = div(scalar(1), sqrt(add(meanOf(mul(x, x)), scalar(n.attributes.eps))));
    const h = mul(x, r);
    const gw = mul(g, weight);
    return [mul(r, sub(gw, mul(h, meanOf(mul(gw, h))))), sumTo(mul(g, h), weight.shape)];
  },
  matmul: (n, g) => {
    const { transA, transB } = n.attributes;
    const a = at(n, 0);
    const b = frozenAgain(at(n, 1), g);
    const da = transA ? matmul(b, g, { transA: transB, transB: true }) : matmul(g, b, { transB: !transB });
    const db = transB ? matmul(g, a, { transA: true, transB: transA }) : matmul(a, g, { transA: !transA });
    return [sumTo(da, a.shape), sumTo(db, b.shape)];
  },
  reshape: (n, g) => [reshape(g, at(n, 0).shape)],
  expand: (n, g) => [sumTo(g, at(n, 0).shape)],
  transpose: (n, g) => {
    const inverse = n.attributes.perm.map((_, i) => n.attributes.perm.indexOf(i));
    return [transpose(g, inverse)];
  },
  concat: (n, g) => {
    const { axis } = n.attributes;
    let start: Dim = 0;
    return n.inputs.map((part) => {
      const end = dimSum(start, part.shape[axis]!);
      const piece = slice(g, axis, start, end);
      start = end;
      return piece;
    });
  },
  slice: (n, g) => {
    const { axis, start, end } = n.attributes;
    return [pad(g, axis, start, dimSum(at(n, 0).shape[axis]!, dimProduct(-1, end)))];
  },
  pad: (n, g) => {
    const { axis, before } = n.attributes;
    return [slice(g, axis, before, dimSum(before, at(n, 0).shape[axis]!))];
  },
  gather: (n, g) => {
    const [x, indices] = [at(n, 0), at(n, 1)];
    const { axis } = n.attributes;
    const count = indices.shape.length;
    // Index axes to the front, the rest behind them; scatter as rows; then the axis back to its place.
    const order = g.shape.map((_, i) => i);
    const front = order.slice(axis, axis + count);
    const rest = [...order.slice(0, axis), ...order.slice(axis + count)];
    const restShape = rest.map((i) => g.shape[i]!);
    const flat = dimProduct(...indices.shape);
    const moved = axis === 0 ? g : transpose(g, [...front, ...rest]);
    const rows = scatterAdd(reshape(moved, [flat, dimProduct(...restShape)]), reshape(indices, [flat]), x.shape[axis]!);
    const shaped = reshape(rows, [x.shape[axis]!, ...restShape]);
    const back = x.shape.map((_, i) => (i === axis ? 0 : i < axis ? i + 1 : i));
    return [axis === 0 ? shaped : transpose(shaped, back), null];
  },
  scatterAdd: (n, g) => [gather(g, at(n, 1)), null],
};

/** A frozen weight that is cast for use is cast once more for the backward pass, so that no fp32 copy outlives the forward pass. */
function frozenAgain(weight: Value, g: Value): Value {
  if ((!isOp(weight, 'cast') && !isOp(weight, 'castAfter')) || weight.inputs[0]?.op !== 'external') return weight;
  return castAfter(weight.inputs[0], g, weight.attributes.to);
}

/**
 * Gradients of a scalar with respect to values it depends on. The graph that computes them holds nothing else:
 * no gradient is made for a value that does not lead to one of `wrt`.
 * @param loss - float32 []
 * @param wrt - float32 values
 * @returns one value per entry of `wrt`, of its shape
 * @throws TypeError when the loss is not a scalar, does not depend on an entry, or an op on the way has no gradient
 */
export function gradients(loss: Value, wrt: readonly Value[]): Value[] {
  if (loss.shape.length > 0 || loss.dtype !== 'float32')
    throw new TypeError(`gradients: expected a float32 scalar, got ${showValue(loss)}`);
  const below = valuesBelow([loss]);
  const wanted = new Set<Value>(wrt);
  const leads = new Set<Value>();
  for (const value of below) {
    // A frozen weight is not made from the value that its cast waits for.
    const from = isOp(value, 'castAfter') ? value.inputs.slice(0, 1) : value.inputs;
    if (wanted.has(value) || from.some((v) => leads.has(v))) leads.add(value);
  }

  const gradientOf = new Map<Value, Value>([[loss, scalar(1)]]);
  for (const node of below.toReversed()) {
    const g = gradientOf.get(node);
    if (g === undefined || !leads.has(node) || node.inputs.length === 0) continue;
    if (!node.inputs.some((v) => leads.has(v))) continue;
    const rule = gradientRules[node.op] as GradientRule<OpName> | null;
    if (rule === null)
      throw new TypeError(`gradients: ${showValue(node)} has no gradient; it was made ${siteOf(node)}`);
    rule(node, g).forEach((part, i) => {
      const of = node.inputs[i]!;
      if (part === null || !leads.has(of)) return;
      const before = gradientOf.get(of);
      gradientOf.set(of, before === undefined ? part : add(before, part));
    });
  }
  return wrt.map((value) => {
    const g = gradientOf.get(value);
    if (g === undefined)
      throw new TypeError(`gradients: the loss does not depend on ${showValue(value)}, made ${siteOf(value)}`);
    return g;
  });
}
