// An independent evaluation of graphs: every op by its definition, element by element, in float64.
import type { Dim, Value } from '../../src/graph/index.ts';
import type { OpName } from '../../src/graph/value.ts';
import type { Shape } from '../../src/graph/dims.ts';
import { dimValue, isSymbol } from '../../src/graph/dims.ts';
import { isOp, valuesBelow } from '../../src/graph/value.ts';

export interface Array64 {
  data: Float64Array;
  shape: number[];
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** The multi-index of each element in turn; one array, changed from element to element. */
function* indices(shape: readonly number[]): Generator<number[]> {
  const total = sizeOf(shape);
  const index = shape.map(() => 0);
  for (let n = 0; n < total; n++) {
    yield index;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = index[axis]! + 1;
      if (index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
}

/** The offset of an index in an array, its axes aligned at the end and repeated where their size is 1. */
function offsetAt(own: readonly number[], index: readonly number[]): number {
  let offset = 0;
  const skip = index.length - own.length;
  for (let axis = 0; axis < own.length; axis++) {
    const size = own[axis]!;
    offset = offset * size + (size === 1 ? 0 : index[skip + axis]!);
  }
  return offset;
}

/** The element of x at an index. */
const at = (x: Array64, index: readonly number[]): number => x.data[offsetAt(x.shape, index)]!;

const known = new Map<string, Int32Array>();

/** For each element of a shape, which element of an array that broadcasts to it stands there. */
function broadcastOffsets(own: readonly number[], shape: readonly number[]): Int32Array {
  const key = `${own.join()} ${shape.join()}`;
  let offsets = known.get(key);
  if (offsets !== undefined) return offsets;
  offsets = new Int32Array(sizeOf(shape));
  let n = 0;
  for (const index of indices(shape)) offsets[n++] = offsetAt(own, index);
  known.set(key, offsets);
  return offsets;
}

function build(shape: number[], f: (index: number[]) => number): Array64 {
  const data = new Float64Array(sizeOf(shape));
  let n = 0;
  for (const index of indices(shape)) data[n++] = f(index);
  return { data, shape };
}

/** Erf by its Taylor series below 3 and its continued fraction above: to float64 rounding. */
export function erf(x: number): number {
  if (x < 0) return -erf(-x);
  if (x < 3) {
    let term = x;
    let total = x;
    for (let n = 1; n < 120; n++) {
      term *= (-x * x) / n;
      total += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * total;
  }
  let fraction = 0;
  for (let n = 80; n > 0; n--) fraction = n / 2 / (x + fraction);
  return 1 - Math.exp(-x * x) / ((x + fraction) * Math.sqrt(Math.PI));
}
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

type Rule<Op extends OpName> = (
  node: Value<Op>,
  inputs: Array64[],
  shape: number[],
  size: (d: Dim) => number,
) => Array64;
const elementwise =
  (f: (...x: number[]) => number): Rule<OpName> =>
  (_, xs, shape) => {
    const data = new Float64Array(sizeOf(shape));
    const [a, b, c] = xs.map((x) => x.data);
    const [ia, ib, ic] = xs.map((x) => broadcastOffsets(x.shape, shape));
    if (c) for (let i = 0; i < data.length; i++) data[i] = f(a![ia![i]!]!, b![ib![i]!]!, c[ic![i]!]!);
    else if (b) for (let i = 0; i < data.length; i++) data[i] = f(a![ia![i]!]!, b[ib![i]!]!);
    else for (let i = 0; i < data.length; i++) data[i] = f(a![ia![i]!]!);
    return { data, shape };
  };
const rows = (x: Array64, f: (row: Float64Array) => ArrayLike<number>): Array64 => {
  const width = x.shape.at(-1)!;
  const data = new Float64Array(x.data.length);
  for (let r = 0; r < data.length; r += width) data.set(f(x.data.subarray(r, r + width)), r);
  return { data, shape: x.shape };
};
const softmaxOf = (row: Float64Array): Float64Array => {
  const top = Math.max(...row);
  const e = row.map((v) => Math.exp(v - top));
  const total = e.reduce((a, b) => a + b, 0);
  return e.map((v) => v / total);
};
const first: Rule<OpName> = (_, [x]) => x!;

const rules: { [Op in OpName]: Rule<Op> } = {
  input: () => {
    throw new Error('fed');
  },
  constant: (n, _, shape) => {
    const { data } = n.attributes;
    const numbers =
      data instanceof Uint16Array
        ? [...data].map((h) => new Float32Array(Uint32Array.of(h << 16).buffer)[0]!)
        : [...data];
    return { data: Float64Array.from(numbers, Number), shape };
  },
  external: () => {
    throw new Error('not in tests of single ops');
  },
  add: (n, xs, shape, size) =>
    elementwise(n.dtype === 'uint32' ? (a, b) => (a + b) >>> 0 : (a, b) => a + b)(n, xs, shape, size),
  sub: elementwise((a, b) => a - b),
  mul: (n, xs, shape, size) =>
    elementwise(n.dtype === 'uint32' ? (a, b) => Math.imul(a, b) >>> 0 : (a, b) => a * b)(n, xs, shape, size),
  div: elementwise((a, b) => a / b),
  neg: elementwise((x) => -x),
  exp: elementwise((x) => Math.exp(x)),
  log: elementwise((x) => Math.log(x)),
  sqrt: elementwise((x) => Math.sqrt(x)),
  sigmoid: elementwise((x) => sigmoid(x)),
  tanh: elementwise((x) => Math.tanh(x)),
  erf: elementwise((x) => erf(x)),
  silu: elementwise((x) => x * sigmoid(x)),
  gelu: elementwise((x) => (x * (1 + erf(x / Math.SQRT2))) / 2),
  cast: (n, [x]) =>
    n.inputs[0]!.dtype === 'uint32' ? { data: x!.data.map((v) => Math.fround(v)), shape: x!.shape } : x!,
  controlDependency: first,
  checkpointBoundary: first,
  bitXor: elementwise((a, b) => (a ^ b) >>> 0),
  shiftRight: elementwise((a, b) => a >>> b),
  greaterEqual: elementwise((a, b) => (a >= b ? 1 : 0)),
  hardSigmoid: (n, xs, shape, size) => {
    const { alpha, beta } = n.attributes;
    return elementwise((x) => Math.max(0, Math.min(1, alpha * x + beta)))(n, xs, shape, size);
  },
  where: elementwise((c, a, b) => (c ? a : b)),
  sum: (n, [x], shape) => {
    const kept = x!.shape.map((d, i) => (n.attributes.axes.includes(i) ? 1 : d));
    const out = { data: new Float64Array(sizeOf(kept)), shape: kept };
    for (const index of indices(x!.shape)) {
      let offset = 0;
      kept.forEach((size, axis) => (offset = offset * size + (size === 1 ? 0 : index[axis]!)));
      out.data[offset] = out.data[offset]! + at(x!, index);
    }
    return { data: out.data, shape };
  },
  softmax: (_, [x]) => rows(x!, softmaxOf),
  logSoftmax: (_, [x]) => rows(x!, (row) => softmaxOf(row).map(Math.log)),
  rmsNorm: (n, [x, w]) =>
    rows(x!, (row) => {
      const r = 1 / Math.sqrt(row.reduce((a, v) => a + v * v, 0) / row.length + n.attributes.eps);
      return row.map((v, i) => v * r * w!.data[i]!);
    }),
  matmul: (n, [a, b], shape) => {
    const { transA, transB } = n.attributes;
    const inner = transA ? a!.shape.at(-2)! : a!.shape.at(-1)!;
    const [m, n2] = [shape.at(-2)!, shape.at(-1)!];
    const data = new Float64Array(sizeOf(shape));
    let out = 0;
    for (const lead of indices(shape.slice(0, -2))) {
      const startA = offsetAt(a!.shape.slice(0, -2), lead) * m * inner;
      const startB = offsetAt(b!.shape.slice(0, -2), lead) * inner * n2;
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n2; j++) {
          let total = 0;
          for (let k = 0; k < inner; k++) {
            const left = a!.data[startA + (transA ? k * m + i : i * inner + k)]!;
            total += left * b!.data[startB + (transB ? j * inner + k : k * n2 + j)]!;
          }
          data[out++] = total;
        }
      }
    }
    return { data, shape };
  },
  reshape: (_, [x], shape) => ({ data: x!.data, shape }),
  expand: elementwise((x) => x),
  transpose: (n, [x], shape) =>
    build(shape, (index) => {
      const source: number[] = [];
      n.attributes.perm.forEach((p, i) => (source[p] = index[i]!));
      return at(x!, source);
    }),
  concat: (n, xs, shape) =>
    build(shape, (index) => {
      const { axis } = n.attributes;
      let i = index[axis]!;
      let part = 0;
      while (i >= xs[part]!.shape[axis]!) i -= xs[part++]!.shape[axis]!;
      return at(xs[part]!, index.with(axis, i));
    }),
  slice: (n, [x], shape, size) =>
    build(shape, (index) =>
      at(x!, index.with(n.attributes.axis, index[n.attributes.axis]! + size(n.attributes.start))),
    ),
  pad: (n, [x], shape, size) =>
    build(shape, (index) => {
      const i = index[n.attributes.axis]! - size(n.attributes.before);
      return i < 0 || i >= x!.shape[n.attributes.axis]! ? 0 : at(x!, index.with(n.attributes.axis, i));
    }),
  gather: (n, [x, picks], shape) =>
    build(shape, (index) => {
      const { axis } = n.attributes;
      const pick = at(picks!, index.slice(axis, axis + picks!.shape.length));
      return at(x!, [...index.slice(0, axis), pick, ...index.slice(axis + picks!.shape.length)]);
    }),
  scatterAdd: (_, [x, picks], shape) => {
    const width = shape[1]!;
    const data = new Float64Array(sizeOf(shape));
    picks!.data.forEach((row, i) => {
      for (let c = 0; c < width; c++) data[row * width + c] = data[row * width + c]! + x!.data[i * width + c]!;
    });
    return { data, shape };
  },
};

/** Names of the ops that the evaluation knows: all of them, or this file does not compile. */
export const opNames = Object.keys(rules) as OpName[];

/** Evaluates values in float64 from fed inputs. */
export function evaluate(outputs: readonly Value[], feeds: ReadonlyMap<Value, Array64>): Array64[] {
  const sizes = new Map<string, number>();
  for (const [value, fed] of feeds) value.shape.forEach((d, i) => isSymbol(d) && sizes.set(d, fed.shape[i]!));
  const size = (d: Dim): number => dimValue(d, sizes);
  const shapeOf = (shape: Shape): number[] => shape.map(size);
  const done = new Map<Value, Array64>(feeds);
  for (const value of valuesBelow(outputs)) {
    if (done.has(value)) continue;
    if (isOp(value, 'input')) throw new Error(`nothing is fed to ${value.attributes.name}`);
    const rule = rules[value.op] as Rule<OpName>;
    done.set(
      value,
      rule(
        value,
        value.inputs.map((v) => done.get(v)!),
        shapeOf(value.shape),
        size,
      ),
    );
  }
  return outputs.map((v) => done.get(v)!);
}
