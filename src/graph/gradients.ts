// Reverse-mode differentiation: the gradient rule of every op, and the sweep that applies them.
import type { Dim, Shape } from './dims.ts';
import { dimProduct, dimSum } from './dims.ts';
import {
  add,
  cast,
  div,
  erf,
  exp,
  expand,
  gather,
  controlDependency,
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
import { isOp, makeValue, showValue, siteOf, valuesBelow } from './value.ts';

/**
 * Given the gradient of a node's output, its inputs by number, the node for its attributes, and its output, the gradient of each
 * input (null: none flows there).
 */
type GradientRule<Op extends OpName> = (
  g: Value,
  at: (i: number) => Value,
  node: Value<Op>,
  own: () => Value,
) => (Value | null)[];

/** Sums a gradient over the axes that broadcasting repeated. */
function sumTo(g: Value, shape: Shape): Value {
  const extra = g.shape.length - shape.length;
  const axes = g.shape.flatMap((d, i) => (i < extra || (shape[i - extra] === 1 && d !== 1) ? [i] : []));
  const summed = axes.length === 0 ? g : sum(g, axes);
  return summed.shape.length === shape.length ? summed : reshape(summed, shape);
}

/** A forward value for use in a rule that computes with it alone: the runtime would do that at once, and keep the result. */
const behind = (g: Value, x: Value): Value => (g.shape.length === 0 ? x : controlDependency(x, g));

const expandLike = (g: Value, x: Value): Value => expand(g, x.shape);

/**
 * The gradient rule of every op; null for ops without one (sources, integers, booleans, frozen weights).
 * @internal
 */
const gradientRules: { [Op in OpName]: GradientRule<Op> | null } = {
  input: null,
  constant: null,
  external: null,
  bitXor: null,
  shiftRight: null,
  greaterEqual: null,
  hardSigmoid: null,
  add: (g, at) => [sumTo(g, at(0).shape), sumTo(g, at(1).shape)],
  sub: (g, at) => [sumTo(g, at(0).shape), sumTo(neg(g), at(1).shape)],
  mul: (g, at) => [sumTo(mul(g, at(1)), at(0).shape), sumTo(mul(g, at(0)), at(1).shape)],
  div: (g, at, _, own) => {
    const [a, b] = [at(0), at(1)];
    return [sumTo(div(g, b), a.shape), sumTo(neg(div(mul(g, own()), b)), b.shape)];
  },
  neg: (g) => [neg(g)],
  exp: (g, _at, _n, own) => [mul(g, own())],
  log: (g, at) => [div(g, at(0))],
  sqrt: (g, _at, _n, own) => [div(mul(g, scalar(0.5)), own())],
  sigmoid: (g, _at, _n, own) => [mul(g, mul(own(), sub(scalar(1), own())))],
  tanh: (g, _at, _n, own) => [mul(g, sub(scalar(1), mul(own(), own())))],
  erf: (g, at) => {
    const x = at(0);
    return [mul(g, mul(scalar(2 / Math.sqrt(Math.PI)), exp(neg(mul(x, x)))))];
  },
  silu: (g, at) => {
    const x = behind(g, at(0));
    const s = sigmoid(x);
    return [mul(g, mul(s, add(scalar(1), mul(x, sub(scalar(1), s)))))];
  },
  gelu: (g, at) => {
    const x = behind(g, at(0));
    const cdf = mul(scalar(0.5), add(scalar(1), erf(mul(x, scalar(Math.SQRT1_2)))));
    const density = mul(scalar(1 / Math.sqrt(2 * Math.PI)), exp(mul(scalar(-0.5), mul(x, x))));
    return [mul(g, add(cdf, mul(x, density)))];
  },
  cast: (g, at) => [at(0).dtype === 'float32' ? cast(g, 'float32') : null],
  where: (g, at) => {
    const [condition, a, b] = [at(0), at(1), at(2)];
    return [null, sumTo(where(condition, g, scalar(0)), a.shape), sumTo(where(condition, scalar(0), g), b.shape)];
  },
  sum: (g, at, n) => {
    const x = at(0);
    const kept = x.shape.map((d, i) => (n.attributes.axes.includes(i) ? 1 : d));
    return [expandLike(n.attributes.keepDims ? g : reshape(g, kept), x)];
  },
  softmax: (g, _at, _n, own) => [mul(own(), sub(g, sum(mul(g, own()), [-1])))],
  logSoftmax: (g, _at, _n, own) => [sub(g, mul(exp(own()), sum(g, [-1])))],
  rmsNorm: (g, at, n) => {
    // With r = 1/sqrt(mean(x²)+eps) and h = x·r: dx = r·(g·w − h·mean(g·w·h)), dw = Σ g·h.
    const [x, weight] = [behind(g, at(0)), at(1)];
    const width = x.shape.at(-1) as number;
    const meanOf = (v: Value): Value => mul(sum(v, [-1]), scalar(1 / width));
    const r = div(scalar(1), sqrt(add(meanOf(mul(x, x)), scalar(n.attributes.eps))));
    const h = mul(x, r);
    const gw = mul(g, weight);
    return [mul(r, sub(gw, mul(h, meanOf(mul(gw, h))))), sumTo(mul(g, h), weight.shape)];
  },
  matmul: (g, at, n) => {
    const { transA, transB } = n.attributes;
    const a = at(0);
    const b = at(1);
    const da = transA ? matmul(b, g, { transA: transB, transB: true }) : matmul(g, b, { transB: !transB });
    const db = transB ? matmul(g, a, { transA: true, transB: transA }) : matmul(a, g, { transA: !transA });
    return [sumTo(da, a.shape), sumTo(db, b.shape)];
  },
  reshape: (g, at) => [reshape(g, at(0).shape)],
  expand: (g, at) => [sumTo(g, at(0).shape)],
  transpose: (g, _, n) => {
    const inverse = n.attributes.perm.map((_, i) => n.attributes.perm.indexOf(i));
    return [transpose(g, inverse)];
  },
  concat: (g, _, n) => {
    const { axis } = n.attributes;
    let start: Dim = 0;
    return n.inputs.map((part) => {
      const end = dimSum(start, part.shape[axis]!);
      const piece = slice(g, axis, start, end);
      start = end;
      return piece;
    });
  },
  slice: (g, at, n) => {
    const { axis, start, end } = n.attributes;
    return [pad(g, axis, start, dimSum(at(0).shape[axis]!, dimProduct(-1, end)))];
  },
  pad: (g, at, n) => {
    const { axis, before } = n.attributes;
    return [slice(g, axis, before, dimSum(before, at(0).shape[axis]!))];
  },
  gather: (g, at, n) => {
    const [x, indices] = [at(0), at(1)];
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
  controlDependency: (g) => [g, null],
  checkpointBoundary: (g) => [g],
  scatterAdd: (g, at) => [gather(g, at(1)), null],
};

/** Ops that cost less to do again in the backward pass than their results cost to keep from the forward pass. */
const cheap: ReadonlySet<OpName> = new Set(['mul', 'where', 'silu', 'hardSigmoid']);

/** Whether a value is always computed again rather than kept: cheap ops, hashes, cast frozen weights, and other views of these. */
function isCheap(value: Value): boolean {
  if (value.dtype === 'uint32' && isOp(value, 'add')) return true;
  if (isOp(value, 'cast')) {
    const from = withoutDependencies(value.inputs[0]!);
    return from.op === 'external' || from.dtype === 'uint32';
  }
  return cheap.has(value.op) || (isOp(value, 'reshape') && isCheap(value.inputs[0]!));
}

/** Values between two checkpoint boundaries: made, among others, from one, and leading to another. */
function betweenBoundaries(below: readonly Value[]): Set<Value> {
  const after = new Set<Value>();
  for (const value of below) {
    if (isOp(value, 'checkpointBoundary') || value.inputs.some((v) => after.has(v))) after.add(value);
  }
  const before = new Set<Value>();
  for (const value of below.toReversed()) {
    if (isOp(value, 'checkpointBoundary') || before.has(value)) for (const v of value.inputs) before.add(v);
  }
  return new Set(below.filter((value) => !isOp(value, 'checkpointBoundary') && after.has(value) && before.has(value)));
}

/** A value without its control dependencies. */
const withoutDependencies = (value: Value): Value =>
  isOp(value, 'controlDependency') ? withoutDependencies(value.inputs[0]!) : value;

/**
 * Computes forward values again for the backward pass, each once: what they are made from waits for the gradient that asks first.
 * @param isReplayed - which; the others are kept
 * @returns a function that gives a value as the backward pass is to use it
 */
function replayer(isReplayed: (value: Value) => boolean): (value: Value, g: Value) => Value {
  const made = new Map<Value, Value>();
  const once = (value: Value, make: () => Value): Value => {
    let again = made.get(value);
    if (again === undefined) made.set(value, (again = make()));
    return again;
  };
  const below = (input: Value, g: Value): Value => {
    const value = withoutDependencies(input);
    if (isReplayed(value)) return replay(value, g);
    return isOp(value, 'constant') ? value : once(value, () => controlDependency(value, g));
  };
  const replay = (value: Value, g: Value): Value =>
    once(value, () => {
      const { op, inputs, attributes, dtype, shape } = value;
      const from = inputs.map((v) => below(v, g));
      return makeValue(op, from, attributes, { dtype, shape });
    });
  return (value, g) => (isReplayed(value) && g.shape.length > 0 ? replay(value, g) : value);
}

/**
 * Gradients of a scalar with respect to values it depends on. The graph that computes them holds nothing else:
 * no gradient is made for a value that does not lead to one of `wrt`.
 * @param loss - float32 []
 * @param wrt - float32 values
 * @param options - `gradientCheckpointing`: of the values between two checkpoint boundaries keep none, and compute them again in the
 *   backward pass: about a third more work, and memory for one segment instead of all. Default false
 * @returns one value per entry of `wrt`, of its shape
 * @throws TypeError when the loss is not a scalar, does not depend on an entry, or an op on the way has no gradient
 */
export function gradients(
  loss: Value,
  wrt: readonly Value[],
  options: { gradientCheckpointing?: boolean } = {},
): Value[] {
  if (loss.shape.length > 0 || loss.dtype !== 'float32')
    throw new TypeError(`gradients: expected a float32 scalar, got ${showValue(loss)}`);
  const below = valuesBelow([loss]);
  const wanted = new Set<Value>(wrt);
  const leads = new Set<Value>();
  for (const value of below) {
    const from = isOp(value, 'controlDependency') ? value.inputs.slice(0, 1) : value.inputs; // not made from what it waits for
    if (wanted.has(value) || from.some((v) => leads.has(v))) leads.add(value);
  }

  const again = options.gradientCheckpointing === true ? betweenBoundaries(below) : new Set<Value>();
  const replay = replayer((value) => again.has(value) || isCheap(value));
  const gradientOf = new Map<Value, Value>([[loss, scalar(1)]]);
  for (const node of below.toReversed()) {
    const g = gradientOf.get(node);
    if (g === undefined || !leads.has(node) || node.inputs.length === 0) continue;
    if (!node.inputs.some((v) => leads.has(v))) continue;
    const rule = gradientRules[node.op] as GradientRule<OpName> | null;
    if (rule === null)
      throw new TypeError(`gradients: ${showValue(node)} has no gradient; it was made ${siteOf(node)}`);
    const parts = rule(
      g,
      (i) => replay(node.inputs[i]!, g),
      node,
      () => replay(node, g),
    );
    // The gradient of a parameter goes first: it is nobody's input, and what it is made of would be kept to the end.
    const first = parts.find((part, i) => part !== null && part.shape.length > 0 && wanted.has(node.inputs[i]!));
    parts.forEach((part, i) => {
      const of = node.inputs[i]!;
      if (part === null || !leads.has(of)) return;
      const own = first == null || part === first ? part : controlDependency(part, first);
      const before = gradientOf.get(of);
      gradientOf.set(of, before === undefined ? own : add(before, own));
    });
  }
  return wrt.map((value) => {
    const g = gradientOf.get(value);
    if (g === undefined)
      throw new TypeError(`gradients: the loss does not depend on ${showValue(value)}, made ${siteOf(value)}`);
    return g;
  });
}
