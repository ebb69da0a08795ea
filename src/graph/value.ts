// Values of a graph: immutable nodes with a shape and a dtype that are checked when they are made.
import type { Dim, Shape } from './dims.ts';
import { showShape } from './dims.ts';

/** Element types of graph values. */
export type DType = 'float32' | 'bfloat16' | 'float16' | 'int64' | 'int32' | 'uint32' | 'bool';

/** Typed arrays that hold graph data; bool is a Uint8Array of 0 and 1. */
export type Data = Float32Array | BigInt64Array | Int32Array | Uint32Array | Uint8Array | Uint16Array;

/**
 * Attributes of every op, by the op's name. A new op is a new line here, and the tables then fail to compile until they have it.
 * @hidden
 */
export interface OpAttributes {
  /** A tensor fed at every run. */
  input: { name: string };
  /** A tensor kept in the graph. */
  constant: { data: Data };
  /** A tensor mapped from a file. */
  external: { source: ExternalSource };
  add: Empty;
  sub: Empty;
  mul: Empty;
  div: Empty;
  neg: Empty;
  exp: Empty;
  log: Empty;
  sqrt: Empty;
  sigmoid: Empty;
  tanh: Empty;
  erf: Empty;
  silu: Empty;
  gelu: Empty;
  cast: { to: DType };
  /** The first input, once the second is there: keeps the runtime from computing early what is needed late. */
  controlDependency: Empty;
  /** Its input; what lies between two of these can be computed again in the backward pass. */
  checkpointBoundary: Empty;
  bitXor: Empty;
  shiftRight: Empty;
  greaterEqual: Empty;
  hardSigmoid: { alpha: number; beta: number };
  where: Empty;
  sum: { axes: number[]; keepDims: boolean };
  softmax: Empty;
  logSoftmax: Empty;
  rmsNorm: { eps: number };
  matmul: { transA: boolean; transB: boolean };
  reshape: { shape: Shape };
  expand: { shape: Shape };
  transpose: { perm: number[] };
  concat: { axis: number };
  slice: { axis: number; start: Dim; end: Dim };
  /** Zeros around a slice: the gradient of `slice`. */
  pad: { axis: number; before: Dim; after: Dim };
  gather: { axis: number };
  scatterAdd: { size: Dim };
}
/** No attributes. */
export type Empty = Record<string, never>;
/** Names of the ops. */
export type OpName = keyof OpAttributes;

/** Where a mapped tensor lies: a resolved file and the bytes within it. */
export interface ExternalSource {
  /** Absolute path with links resolved. */
  file: string;
  /** First byte of the tensor in the file. */
  offset: number;
  /** Length in bytes. */
  length: number;
}

/** A node of the graph and its one output. */
export interface Value<Op extends OpName = OpName> {
  /** Number in order of creation; inputs always have smaller ones. */
  readonly id: number;
  /** The op that makes it. */
  readonly op: Op;
  /** What it is made from. */
  readonly inputs: readonly Value[];
  /** The op's attributes. */
  readonly attributes: OpAttributes[Op];
  /** Element type. */
  readonly dtype: DType;
  /** Dimensions, outermost first. */
  readonly shape: Shape;
  /** Holds the stack of the line that made the node. */
  readonly site: Error;
}

let nextId = 0;

/**
 * Makes a node. Ops call it after their shape rule; graphs are built through the functions in `ops.ts`.
 * @param op - the op's name
 * @param inputs - values it is made from
 * @param attributes - the op's attributes
 * @param type - dtype and shape of the result
 * @internal
 */
export function makeValue<Op extends OpName>(
  op: Op,
  inputs: readonly Value[],
  attributes: OpAttributes[Op],
  type: { dtype: DType; shape: Shape },
): Value<Op> {
  return { id: nextId++, op, inputs, attributes, ...type, site: new Error('made here') };
}

/**
 * Whether a value is made by the given op; narrows its attributes.
 * @param op - an op's name
 */
export function isOp<Op extends OpName>(value: Value, op: Op): value is Value<Op> {
  return value.op === op;
}

/** A value as messages show it, such as `matmul float32[B,64]`. */
export function showValue(value: Value): string {
  return `${value.op} ${value.dtype}${showShape(value.shape)}`;
}

/**
 * The line of user code that made a value.
 * @returns the first stack line outside the graph layer
 */
export function siteOf(value: Value): string {
  const lines = (value.site.stack ?? '').split('\n').slice(1);
  return (lines.find((line) => !/[\\/](src|dist)[\\/]graph[\\/]/.test(line)) ?? lines.at(-1) ?? '').trim();
}

/**
 * Every value that the given ones are made from, and themselves, each after its inputs.
 * @param outputs - values
 */
export function valuesBelow(outputs: readonly Value[]): Value[] {
  const seen = new Set<Value>();
  const stack = [...outputs];
  while (stack.length > 0) {
    const value = stack.pop()!;
    if (seen.has(value)) continue;
    seen.add(value);
    stack.push(...value.inputs);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}
