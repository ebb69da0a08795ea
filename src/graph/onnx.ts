// Writes a graph as an ONNX model: the ONNX form of every op, constants, mapped weights, and shapes computed from the inputs' sizes.
import { create, toBinary } from '@bufbuild/protobuf';
import type { NodeProto, TensorProto, ValueInfoProto } from 'onnx-buf';
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import { basename, dirname } from 'node:path';
import type { Dim, Shape } from './dims.ts';
import { dimTerms, isSymbol } from './dims.ts';
import type { Data, DType, OpName, Value } from './value.ts';
import { isOp, valuesBelow } from './value.ts';

const onnxType: Record<DType, DataType> = {
  float32: DataType.FLOAT,
  bfloat16: DataType.BFLOAT16,
  float16: DataType.FLOAT16,
  int64: DataType.INT64,
  int32: DataType.INT32,
  uint32: DataType.UINT32,
  bool: DataType.BOOL,
};

type Attribute = number | string | { float: number };

/** What the ONNX form of an op may do: add nodes and small constants. */
interface Emitter {
  /** Adds a node and returns the name of its (first) output. */
  node(
    opType: string,
    inputs: string[],
    attributes?: Record<string, Attribute>,
    output?: string,
    domain?: string,
  ): string;
  /** A constant int64 vector. */
  ints(values: number[]): string;
  /** An int64 vector of dimensions, constant where they are numbers. */
  dims(shape: Shape): string;
  /** A constant of zeros or another number, of the given dtype, shape []. */
  fill(value: number, dtype: DType): string;
  /** Whether the graph will run on WebGPU, which lacks some ops. */
  readonly isWebgpu: boolean;
}

type Form<Op extends OpName> = (e: Emitter, node: Value<Op>, inputs: string[], output: string) => void;

const simple =
  (opType: string, attributes: Record<string, Attribute> = {}, domain = ''): Form<OpName> =>
  (e, _, inputs, output) => {
    e.node(opType, inputs, attributes, output, domain);
  };

/** ONNX forms of every op; null for what the writer treats itself. */
const forms: { [Op in OpName]: Form<Op> | null } = {
  input: null,
  constant: null,
  external: null,
  checkpointBoundary: null,
  add: simple('Add'),
  sub: simple('Sub'),
  mul: simple('Mul'),
  div: simple('Div'),
  neg: simple('Neg'),
  exp: simple('Exp'),
  log: simple('Log'),
  sqrt: simple('Sqrt'),
  sigmoid: simple('Sigmoid'),
  tanh: simple('Tanh'),
  erf: simple('Erf'),
  silu: simple('QuickGelu', { alpha: { float: 1 } }, 'com.microsoft'),
  gelu: simple('Gelu'),
  cast: (e, n, inputs, output) => e.node('Cast', inputs, { to: onnxType[n.attributes.to] }, output),
  controlDependency: (e, n, [x, after], output) => {
    // A reshape costs nothing, and zeros in its target keep the sizes; these zeros are made from a size of `after`.
    const one = e.node('Shape', [after!], { start: 0, end: 1 });
    e.node('Reshape', [x!, e.node('Mul', [one, e.ints(n.shape.map(() => 0))])], {}, output);
  },
  bitXor: simple('BitwiseXor'),
  shiftRight: simple('BitShift', { direction: 'RIGHT' }),
  greaterEqual: simple('GreaterOrEqual'),
  hardSigmoid: (e, n, inputs, output) => {
    const { alpha, beta } = n.attributes;
    e.node('HardSigmoid', inputs, { alpha: { float: alpha }, beta: { float: beta } }, output);
  },
  where: simple('Where'),
  sum: (e, n, [x], output) =>
    e.node('ReduceSum', [x!, e.ints(n.attributes.axes)], { keepdims: n.attributes.keepDims ? 1 : 0 }, output),
  softmax: simple('Softmax', { axis: -1 }),
  logSoftmax: simple('LogSoftmax', { axis: -1 }),
  rmsNorm: (e, n, inputs, output) =>
    e.node(
      'SimplifiedLayerNormalization',
      inputs,
      { axis: -1, epsilon: { float: n.attributes.eps }, stash_type: 1 },
      output,
    ),
  matmul: (e, n, inputs, output) => {
    const { transA, transB } = n.attributes;
    if ((transA || transB) && !e.isWebgpu) {
      e.node('FusedMatMul', inputs, { transA: transA ? 1 : 0, transB: transB ? 1 : 0 }, output, 'com.microsoft');
    } else {
      // Gemm could do it for matrices, but with b turned it takes three times as long (docs/webgpu.md).
      const turned = inputs.map((name, i) => {
        if (![transA, transB][i]) return name;
        const axes = n.inputs[i]!.shape.map((_, axis) => axis);
        return e.node('Transpose', [name], { perm: [...axes.slice(0, -2), axes.at(-1), axes.at(-2)].join(' ') });
      });
      e.node('MatMul', turned, {}, output);
    }
  },
  reshape: (e, n, [x], output) => e.node('Reshape', [x!, e.dims(n.shape)], { allowzero: 1 }, output),
  expand: (e, n, [x], output) => e.node('Expand', [x!, e.dims(n.shape)], {}, output),
  transpose: (e, n, inputs, output) => {
    const perm = n.attributes.perm;
    e.node('Transpose', inputs, { perm: perm.join(' ') }, output);
  },
  concat: (e, n, inputs, output) => e.node('Concat', inputs, { axis: n.attributes.axis }, output),
  slice: (e, n, [x], output) => {
    const { axis, start, end } = n.attributes;
    e.node('Slice', [x!, e.dims([start]), e.dims([end]), e.ints([axis])], {}, output);
  },
  pad: (e, n, [x], output) => {
    const { axis, before, after } = n.attributes;
    e.node('Pad', [x!, e.dims([before, after]), e.fill(0, n.dtype), e.ints([axis])], {}, output);
  },
  gather: (e, n, inputs, output) => e.node('Gather', inputs, { axis: n.attributes.axis }, output),
  scatterAdd: (e, n, [rows, indices], output) => {
    const zeros = e.node('Expand', [e.fill(0, n.dtype), e.dims(n.shape)]);
    const column = e.node('Unsqueeze', [indices!, e.ints([-1])]);
    if (e.isWebgpu) e.node('ScatterND', [zeros, column, rows!], { reduction: 'add' }, output);
    else {
      // On the CPU, threads of ScatterND that add to the same row lose what the other added
      // (https://github.com/microsoft/onnxruntime/issues/18048); ScatterElements has one thread.
      const each = e.node('Expand', [column, e.dims(n.inputs[0]!.shape)]);
      e.node('ScatterElements', [zeros, each, rows!], { axis: 0, reduction: 'add' }, output);
    }
  },
};

/** A graph in ONNX form. */
export interface OnnxModel {
  /** The serialised ModelProto. */
  bytes: Uint8Array;
  /** Folder in which the mapped weights lie; null when there are none. */
  weightsFolder: string | null;
  /** The graph's inputs, by name. */
  inputs: Map<string, Value<'input'>>;
  /** Nodes on columns of 32-bit hashes, those aside that no GPU has: by their names in the file. */
  hashNodes: string[];
}

/**
 * Writes the graph below some values.
 * @param outputs - values by the name that they get as outputs
 * @param isWebgpu - whether it is for WebGPU; default false
 * @throws Error when weights lie in more than one folder, two inputs share a name, or a symbol is no input's dimension
 */
export function writeOnnx(outputs: Readonly<Record<string, Value>>, isWebgpu = false): OnnxModel {
  const writer = new Writer(valuesBelow(Object.values(outputs)), isWebgpu);
  return writer.finish(outputs);
}

class Writer implements Emitter {
  readonly isWebgpu: boolean;
  private readonly values: Value[];
  private readonly nodes: NodeProto[] = [];
  private readonly initializers = new Map<string, TensorProto>();
  private readonly inputs = new Map<string, Value<'input'>>();
  private readonly dimNames = new Map<string, string>();
  private weightsFolder: string | null = null;
  private readonly hashNodes: string[] = [];
  private extra = 0;

  constructor(values: Value[], isWebgpu: boolean) {
    this.values = values;
    this.isWebgpu = isWebgpu;
    for (const value of values) {
      if (!isOp(value, 'input')) continue;
      const { name } = value.attributes;
      if (this.inputs.has(name)) throw new Error(`two inputs are named ${name}`);
      this.inputs.set(name, value);
    }
  }

  finish(outputs: Readonly<Record<string, Value>>): OnnxModel {
    for (const value of this.values) this.emit(value);
    for (const [name, value] of Object.entries(outputs)) this.node('Identity', [nameOf(value)], {}, name);
    const model = create(ModelProtoSchema, {
      irVersion: 10n,
      producerName: 'iovqa',
      opsetImport: [
        { domain: '', version: 21n },
        { domain: 'com.microsoft', version: 1n },
      ],
      graph: {
        name: 'iovqa',
        node: this.nodes,
        initializer: [...this.initializers.values()],
        input: [...this.inputs.values()].map((v) => valueInfo(v.attributes.name, v)),
        output: Object.entries(outputs).map(([name, v]) => valueInfo(name, v)),
        // With every shape known, the runtime plans memory in seconds; without, it searches its lists for ever longer.
        valueInfo: this.values
          .filter((v) => v.inputs.length > 0 && v.op !== 'checkpointBoundary')
          .map((v) => valueInfo(nameOf(v), v)),
      },
    });
    const bytes = toBinary(ModelProtoSchema, model);
    return { bytes, weightsFolder: this.weightsFolder, inputs: this.inputs, hashNodes: this.hashNodes };
  }

  private emit(value: Value): void {
    const name = nameOf(value);
    if (isOp(value, 'constant')) {
      this.initializers.set(name, tensor(name, value.dtype, value.shape as number[], value.attributes.data));
    } else if (isOp(value, 'external')) {
      this.external(name, value);
    } else if (!isOp(value, 'input') && !isOp(value, 'checkpointBoundary')) {
      const form = forms[value.op] as Form<OpName>;
      form(this, value, value.inputs.map(nameOf), name);
      if (value.dtype === 'uint32' && value.shape.at(-1) === 1 && value.op !== 'bitXor' && value.op !== 'shiftRight') {
        // Short: a large model has thousands, and a list of them must not be long.
        const short = `h${this.hashNodes.length.toString(36)}`;
        this.nodes.at(-1)!.name = short;
        this.hashNodes.push(short);
      }
    }
  }

  private external(name: string, value: Value<'external'>): void {
    const { file, offset, length } = value.attributes.source;
    const folder = dirname(file);
    if (this.weightsFolder !== null && this.weightsFolder !== folder) {
      throw new Error(`weights lie in two folders, ${this.weightsFolder} and ${folder}; a graph can map one`);
    }
    this.weightsFolder = folder;
    const entries = { location: basename(file), offset: `${offset}`, length: `${length}` };
    this.initializers.set(
      name,
      create(TensorProtoSchema, {
        name,
        dataType: onnxType[value.dtype],
        dims: (value.shape as number[]).map(BigInt),
        dataLocation: DataLocation.EXTERNAL,
        externalData: Object.entries(entries).map(([key, text]) => ({ key, value: text })),
      }),
    );
  }

  node(
    opType: string,
    inputs: string[],
    attributes: Record<string, Attribute> = {},
    output?: string,
    domain = '',
  ): string {
    const name = output ?? `t${this.extra++}`;
    const attribute = Object.entries(attributes).map(([key, v]) => {
      if (typeof v === 'object')
        return create(AttributeProtoSchema, { name: key, type: AttributeType.FLOAT, f: v.float });
      if (key === 'perm') {
        const ints = `${v}`.split(' ').filter(Boolean).map(BigInt);
        return create(AttributeProtoSchema, { name: key, type: AttributeType.INTS, ints });
      }
      if (typeof v === 'number')
        return create(AttributeProtoSchema, { name: key, type: AttributeType.INT, i: BigInt(v) });
      return create(AttributeProtoSchema, { name: key, type: AttributeType.STRING, s: new TextEncoder().encode(v) });
    });
    this.nodes.push(create(NodeProtoSchema, { name, opType, domain, input: inputs, output: [name], attribute }));
    return name;
  }

  ints(values: number[]): string {
    return this.small(`ints_${values.join('_')}`, 'int64', [values.length], BigInt64Array.from(values, BigInt));
  }

  fill(value: number, dtype: DType): string {
    const data =
      dtype === 'float32' ? Float32Array.of(value) : dtype === 'int64' ? BigInt64Array.of(BigInt(value)) : null;
    if (data === null) throw new Error(`fill: expected float32 or int64, got ${dtype}`);
    return this.small(`fill_${dtype}_${value}`, dtype, [], data);
  }

  private small(name: string, dtype: DType, shape: number[], data: Data): string {
    if (!this.initializers.has(name)) this.initializers.set(name, tensor(name, dtype, shape, data));
    return name;
  }

  dims(shape: Shape): string {
    if (shape.every((d) => typeof d === 'number')) return this.ints([...shape]);
    return this.cached(`shape:${shape.join()}`, () => {
      const parts = shape.map((d) => this.dim(d));
      return parts.length === 1 ? parts[0]! : this.node('Concat', parts, { axis: 0 });
    });
  }

  private dim(dim: Dim): string {
    if (typeof dim === 'number') return this.ints([dim]);
    return this.cached(`dim:${dim}`, () => {
      const terms = dimTerms(dim).map(({ coefficient, symbols }) => {
        const factors = symbols.map((s) => this.symbol(s));
        if (coefficient !== 1 || factors.length === 0) factors.push(this.ints([coefficient]));
        return factors.reduce((a, b) => this.node('Mul', [a, b]));
      });
      return terms.reduce((a, b) => this.node('Add', [a, b]));
    });
  }

  private symbol(symbol: string): string {
    return this.cached(`symbol:${symbol}`, () => {
      for (const [name, value] of this.inputs) {
        const axis = value.shape.findIndex((d) => isSymbol(d) && d === symbol);
        if (axis >= 0)
          return this.node('Slice', [this.node('Shape', [name]), this.ints([axis]), this.ints([axis + 1])]);
      }
      throw new Error(`no input of the graph has the dimension ${symbol}`);
    });
  }

  private cached(key: string, make: () => string): string {
    let name = this.dimNames.get(key);
    if (name === undefined) this.dimNames.set(key, (name = make()));
    return name;
  }
}

function nameOf(value: Value): string {
  if (isOp(value, 'checkpointBoundary')) return nameOf(value.inputs[0]!);
  return isOp(value, 'input') ? value.attributes.name : `${value.op}_${value.id}`;
}

function tensor(name: string, dtype: DType, shape: readonly number[], data: Data): TensorProto {
  const rawData = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  return create(TensorProtoSchema, { name, dataType: onnxType[dtype], dims: shape.map(BigInt), rawData });
}

function valueInfo(name: string, value: Value): ValueInfoProto {
  const dim = value.shape.map((d) =>
    typeof d === 'number'
      ? { value: { case: 'dimValue' as const, value: BigInt(d) } }
      : { value: { case: 'dimParam' as const, value: d } },
  );
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'tensorType', value: { elemType: onnxType[value.dtype], shape: { dim } } } },
  });
}
