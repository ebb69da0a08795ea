// Runs graphs with ONNX Runtime: providers, threads, feeding by name with every size checked.
import * as ort from 'onnxruntime-node';
import type { Provider } from '../core/index.ts';
import { UserError, commandLine, show } from '../core/index.ts';
import { dimValue, isSymbol, showShape } from './dims.ts';
import { writeOnnx } from './onnx.ts';
import type { Data, DType, Value } from './value.ts';
import { showValue } from './value.ts';

// Since 1.29 the official builds for Linux and macOS report sessions and models to their maker over the network and
// keep an identifier of the device in the home folder (https://github.com/microsoft/onnxruntime/pull/27379). Whose
// clips and models these are is nobody else's business. Read once, when the first session is made; 0 turns it on.
process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
// What goes wrong is thrown; the runtime's own red lines would stand beside the message.
ort.env.logLevel = 'fatal';

/** How graphs are run. */
export interface RunOptions {
  /** Execution provider; default `cpu`. Another one falls back to nothing: where it is missing, that is an error. */
  provider?: Provider;
  /** Threads of one op; default 0, one for each physical core. The same number gives the same bits. */
  threads?: number;
  /**
   * Keep a second, reordered copy of constant weights, which makes products with them faster; default true.
   * Turn it off for graphs whose mapped weights do not fit into memory twice.
   */
  prepack?: boolean;
}

/** A tensor as it goes into a graph and comes out of it. */
export interface TensorData<D extends Data = Data> {
  /** Elements in row-major order. */
  data: D;
  /** Sizes, outermost first. */
  shape: readonly number[];
}

/** A compiled graph. Dispose of it to free its memory. */
export interface Session<Names extends string = string> {
  /** Names of the inputs that the outputs depend on. */
  readonly inputs: readonly string[];
  /**
   * Runs the graph once.
   * @param feeds - every input by name
   * @param into - arrays that outputs are to be written into, by name; fresh memory costs as much as the smaller ops
   * @returns every output by name; those without an array of the caller's in memory of their own
   * @throws Error when an input is missing, unknown, or has another shape than the graph says, or an array another length
   */
  run(
    feeds: Readonly<Record<string, TensorData>>,
    into?: ReadonlyMap<string, Float32Array>,
  ): Promise<Record<Names, TensorData<Float32Array>>>;
  /** Frees the memory of the session, mapped weights too; the next run opens it again. Not while one is going on. */
  unload(): Promise<void>;
  /** Frees the session. */
  [Symbol.asyncDispose](): Promise<void>;
}

type FedType = 'float32' | 'int64' | 'int32' | 'uint32' | 'bool';
const fedTypes: Record<DType, FedType | null> = {
  float32: 'float32',
  int64: 'int64',
  int32: 'int32',
  uint32: 'uint32',
  bool: 'bool',
  bfloat16: null,
  float16: null,
};

/**
 * Compiles the graph below some float32 values.
 * @param outputs - values by the name that they get as outputs
 * @param options - provider, threads, memory
 * @throws UserError `not-supported` when the provider is not there
 */
export async function compile<Names extends string>(
  outputs: Readonly<Record<Names, Value>>,
  options: RunOptions = {},
): Promise<Session<Names>> {
  const { provider = 'cpu', threads = 0, prepack = true } = options;
  const isWebgpu = provider === 'webgpu';
  const model = writeOnnx(outputs, isWebgpu);
  // WebGPU has no bitwise ops: half of a hash on the GPU would be copied forth and back, and each copy back waits for the GPU.
  const forced = model.hashNodes.slice(0, 1800); // more would not fit into an option's 8,192 bytes
  const place = isWebgpu && forced.length > 0 ? { name: provider, forceCpuNodeNames: forced } : provider;
  const session: Record<string, unknown> = {};
  if (!prepack) session['disable_prepacking'] = '1';
  if (model.weightsFolder !== null) session['model_external_initializers_file_folder_path'] = model.weightsFolder;
  const open = (): Promise<ort.InferenceSession> =>
    ort.InferenceSession.create(model.bytes, {
      executionProviders: [place],
      intraOpNumThreads: threads,
      // Shapes change from clip to clip: a pattern of one run would only hold memory for the next (docs/engine.md).
      enableMemPattern: false,
      logSeverityLevel: 4,
      extra: {
        session,
        // A cast weight must not become a constant: that would hold every bf16 weight in fp32.
        optimization: { disable_specified_optimizers: 'ConstantFolding' },
      },
    });
  let native: Promise<ort.InferenceSession> | null = open();
  let isDisposed = false;
  try {
    await native;
  } catch (error) {
    if (provider === 'cpu') throw error;
    throw new UserError('not-supported', `provider ${provider}: ${(error as Error).message.split('\n')[0]}`, {
      hint: `${commandLine('doctor')} lists the providers of this machine; cpu is always there.`,
      cause: error,
    });
  }
  const names = Object.keys(outputs) as Names[];
  return {
    inputs: [...model.inputs.keys()],
    async run(feeds, into = new Map()) {
      const { given, sizes } = checkFeeds(model.inputs, feeds);
      if (isDisposed) throw new Error('the session was disposed of');
      const fetches: Record<string, ort.Tensor | null> = {};
      for (const name of names) {
        const data = into.get(name);
        const shape = outputs[name].shape.map((dim) => dimValue(dim, sizes));
        fetches[name] = data === undefined ? null : new ort.Tensor('float32', data, shape);
      }
      const results = await (await (native ??= open())).run(given, fetches);
      const out = {} as Record<Names, TensorData<Float32Array>>;
      for (const name of names) {
        const result = results[name]!;
        // A copy: the runtime's memory then goes back at once, not when the garbage collector looks.
        out[name] = { data: into.get(name) ?? (result.data as Float32Array).slice(), shape: result.dims };
        result.dispose();
      }
      return out;
    },
    unload,
    async [Symbol.asyncDispose]() {
      isDisposed = true;
      await unload();
    },
  };

  async function unload(): Promise<void> {
    const opened = native;
    native = null;
    await (await opened)?.release();
  }
}

function checkFeeds(
  inputs: ReadonlyMap<string, Value<'input'>>,
  feeds: Readonly<Record<string, TensorData>>,
): { given: Record<string, ort.Tensor>; sizes: ReadonlyMap<string, number> } {
  const sizes = new Map<string, number>();
  for (const [name, value] of inputs) {
    const fed = feeds[name];
    if (fed === undefined) throw new Error(`input ${name}: expected ${showValue(value)}, got nothing`);
    value.shape.forEach((dim, i) => {
      if (isSymbol(dim) && !sizes.has(dim)) sizes.set(dim, fed.shape[i] ?? -1);
    });
  }
  const given: Record<string, ort.Tensor> = {};
  for (const [name, value] of inputs) {
    const fed = feeds[name]!;
    const shape = value.shape.map((dim) => dimValue(dim, sizes));
    if (shape.join() !== fed.shape.join()) {
      throw new Error(
        `input ${name}: expected ${showShape(value.shape)} = ${showShape(shape)}, got ${showShape(fed.shape)}`,
      );
    }
    const type = fedTypes[value.dtype];
    if (type === null) throw new Error(`input ${name}: ${value.dtype} tensors cannot be fed`);
    given[name] = new ort.Tensor(type, fed.data as Float32Array, fed.shape);
  }
  const unknown = Object.keys(feeds).filter((name) => !inputs.has(name));
  if (unknown.length > 0) throw new Error(`inputs ${show(unknown)} are not in the graph`);
  return { given, sizes };
}
