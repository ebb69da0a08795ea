// What computes: one interface for every engine. Examples go in as plain data; what comes out is losses, distributions, text and
// state, tensor by tensor. An engine keeps parameters, moments and gradients on its own side.
import type { Provider, UserError } from '../core/index.ts';
import type { PreparedExample, PreparedPicture, VisionEncoder } from '../inputs/index.ts';
import type { CacheStore, Checkpoint, FeatureArray, FrozenPart, LoraOptions } from '../model/index.ts';
import type { ObjectiveForm } from '../objectives/index.ts';
import type { AnswerDistribution } from './distribution.ts';
import type { MemoryLimits } from './memory-limit.ts';
import type { Machines } from './torch/machines.ts';

/** Who computes: the engine of the project on ONNX Runtime, or PyTorch in worker processes. */
export type EngineName = 'onnx' | 'torch';

/** Element type of frozen weights and of products. */
export type Precision = 'float32' | 'bfloat16';

/** Settings of the PyTorch engine. */
export interface TorchOptions {
  /** Path or command of the Python; default: `IOVQA_PYTHON`, an active virtual environment's, else `python3`. */
  python?: string | undefined;
  /** How many devices, a process each; default `auto`, all GPUs that there are, or one process on the CPU. */
  devices?: 'auto' | number;
  /** `none`: each process holds the whole model. `full`: each holds its share of every decoder layer. Default `auto`: `none` where that fits. */
  shard?: 'auto' | 'none' | 'full';
  /** Element type of frozen weights and of products; default `auto`: bfloat16 on GPUs that have it, else float32. */
  precision?: 'auto' | Precision;
  /** Other machines that compute with this one, from `openMachines`; default: none. */
  machines?: Machines | undefined;
}

/** Runtime settings. An engine ignores those that it does not support. */
export interface RuntimeOptions extends TorchOptions {
  /** Which engine; default `onnx`. */
  engine?: EngineName;
  /** Execution provider of ONNX Runtime; default `cpu`. Another one falls back to nothing: where it is missing, that is an error. */
  provider?: Provider;
  /** Threads of one op; default 0, one for each physical core. The same number gives the same bits. */
  threads?: number;
  /**
   * Keep a second, reordered copy of constant weights, which makes products with them faster; default true.
   * Turn it off for models whose mapped weights do not fit into memory twice.
   */
  prepack?: boolean;
}

/** A clip as a forecast of memory sees it. */
export interface ClipSize {
  /** Its tokens. */
  tokens: number;
  /** Those of them that stand for vision. */
  visionTokens: number;
  /** Rows whose logits are wanted. */
  rows: number;
}

/** What an engine is going to be used for, for a forecast of memory. */
export interface EngineWork {
  /** The adapter; null for none. */
  lora: LoraOptions | null;
  /** How it is trained, or every weight where there is no adapter; null for a model that only predicts. */
  training: TrainingWork | null;
  /** How clips are scored. */
  scoring: {
    /** Clips at a time. */
    together: number;
    /** A large one. */
    clip: ClipSize;
  };
}

/** What a step of training is going to be, for a forecast of memory. */
export interface TrainingWork extends Pick<TrainingOptions, 'microBatch' | 'gradientCheckpointing'> {
  /** A large clip. */
  clip: ClipSize;
}

/** How long worker processes waited for input, all of them together. */
export interface InputWait {
  /** Seconds for which they had nothing to compute. */
  waited: number;
  /** Seconds from one thing that they computed to the next, waiting included. */
  elapsed: number;
}

/** How an engine is opened. */
export interface EngineOptions extends MemoryLimits {
  /** What it is opened for, where that is known: what does not fit is refused before any weight is read. */
  work?: EngineWork;
  /** How the machine is used. */
  runtime?: RuntimeOptions;
  /** Where outputs of frozen parts may be kept; default null, nowhere. */
  store?: CacheStore | null;
  /** Folder for what worker processes printed, where one fails; default: none. */
  logs?: string;
}

/** Settings of AdamW. */
export interface AdamWOptions {
  /** Decay of the first moment; default of recipes 0.9. */
  beta1: number;
  /** Decay of the second moment; default of recipes 0.999. */
  beta2: number;
  /** Added to the root of the second moment; default of recipes 1e-8. */
  eps: number;
  /** Decoupled weight decay: parameters shrink by lr · weightDecay a step; default of recipes 0. */
  weightDecay: number;
}

/** How a model is trained. */
export interface TrainingOptions {
  /** What is minimised. */
  form: ObjectiveForm;
  /** AdamW's settings. */
  optimizer: AdamWOptions;
  /** Gradients are scaled down to this norm; null for never. */
  clipNorm: number | null;
  /** Most examples that go through the model at a time; gradients are accumulated. */
  microBatch: number;
  /** Keep only what goes from layer to layer, and compute the rest again for the backward pass. */
  gradientCheckpointing: boolean;
}

/** Sizes of the tree of legal answers. */
export interface AnswerTreeSizes {
  /** Inner nodes. */
  numNodes: number;
  /** Tokens on edges. */
  numColumns: number;
}

/** What is put on a base model. */
export interface AttachOptions {
  /** The adapter's shape; null for none. */
  lora: LoraOptions | null;
  /** The adapter's factors by name, which become the engine's; null where every weight of the model trains, or none does. */
  parameters: Map<string, Float32Array> | null;
  /** How it is trained; null for a model that only predicts. Without an adapter every weight trains, vision tower included. */
  training: TrainingOptions | null;
  /** The tree of legal answers; null where answers are generated. */
  answers: AnswerTreeSizes | null;
}

/** What an update did. */
export interface UpdateResult {
  /** Loss of the batch. */
  loss: number;
  /** Norm of the gradients before clipping. */
  gradientNorm: number;
}

/** How examples are predicted. */
export interface PredictOptions {
  /**
   * `by-length`: in batches of like length, whatever their order. `as-given`: all in one pass, or in halves where that needs more
   * memory than there is. Default `by-length`.
   */
  batching?: 'by-length' | 'as-given';
  /** Most examples of a batch by length; default 4. */
  batchSize?: number;
  /**
   * Tokens that each example begins with and that others begin with, too: what the engine makes of them may be computed once. Empty
   * for none. Default: none.
   */
  prefixes?: readonly Int32Array[];
}

/** How text is generated. */
export interface GenerateLimits {
  /** Token that ends an answer; not in the result. */
  endTokenId: number;
  /** Most tokens of an answer. */
  maxTokens: number;
}

/** A tensor of an engine's state, read when it is wanted: one at a time goes to a file. */
export interface StateTensor {
  /** Its name. */
  name: string;
  /** Sizes, outermost first. */
  shape: readonly number[];
  /** Its elements as float32, in row-major order; not to be changed. */
  read: () => Float32Array | Promise<Float32Array>;
}

/** A part of an engine's state, from where it was stored. */
export type StatePart = {
  /** Tensors by name, as `exportState` names them. */
  tensors: AsyncIterable<readonly [string, Float32Array]>;
} & (
  | {
      /** The parameters. */
      what: 'parameters';
    }
  | {
      /** The moments of the optimizer. */
      what: 'optimizer';
      /** Updates that were made: bias correction depends on it. */
      step: number;
    }
);

/** Size of an example before it is built. */
export interface ExampleSize {
  /** Tokens of the prompt. */
  tokens: number;
  /** Those of them that stand for vision. */
  visionTokens: number;
  /** How many of them a loss over tokens predicts; default: none. The few of an answer behind the prompt are not counted. */
  targets?: number;
}

/** A base model with what was attached to it. Dispose of it to free what is its own. */
export interface AttachedModel {
  /** Names and shapes of what was attached, in a fixed order: the adapter's factors, or all weights where they train. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /**
   * Whether {@link AttachedModel.prepare} has something to do: the layers below the adapter are frozen, and run once for each example.
   */
  readonly hasFrozenPrefix: boolean;
  /** What a user should know; left out for nothing. */
  readonly notes?: readonly string[];
  /**
   * Most calls of {@link AttachedModel.predict} that may be open at a time: the next examples are there when the ones before are done.
   * Left out: 1, each call waits for the one before it.
   */
  readonly predictsAhead?: number;
  /**
   * Computes and keeps what updates with examples will need again and again.
   * @param examples - examples of the training objective
   */
  prepare: (examples: readonly PreparedExample[]) => Promise<void>;
  /**
   * Makes one update, or none when a number is not finite.
   * @param examples - the batch
   * @param learningRate - of this update
   * @throws UserError `non-finite` before anything is changed
   */
  update: (examples: readonly PreparedExample[], learningRate: number) => Promise<UpdateResult>;
  /**
   * Computes the distribution over the legal answers. What an example gets does not depend on the others, but for the rounding of
   * float32; and that is the same whenever the same examples come together.
   * @param examples - examples that want answers, all with the same tree
   * @param options - batches
   * @returns for each a distribution, or why there is none: `non-finite`, with the mapped weights to blame; `not-supported`, before
   *   anything is allocated, when it needs more memory than there is
   */
  predict: (
    examples: readonly PreparedExample[],
    options?: PredictOptions,
  ) => Promise<(AnswerDistribution | UserError)[]>;
  /**
   * Generates text at temperature 0.
   * @param examples - examples that want text
   * @param limits - its end
   * @returns for each the tokens, or why there are none
   */
  generate: (
    examples: readonly PreparedExample[],
    limits: GenerateLimits,
  ) => Promise<(readonly number[] | UserError)[]>;
  /**
   * Refuses an example that is too large on its own.
   * @param size - of the example
   * @param use - what is to be done with it
   * @throws UserError `not-supported` when the forecast is more memory than there is
   */
  requireMemory: (size: ExampleSize, use: 'update' | 'predict') => Promise<void>;
  /** Updates that were made, those before an imported state included. */
  readonly step: number;
  /**
   * The state as tensors: parameters by the names of {@link AttachedModel.shapes}, moments of the optimizer as `m.NAME` and `v.NAME`.
   * @param what - which part
   */
  exportState: (what: 'parameters' | 'optimizer') => readonly StateTensor[];
  /**
   * Loads a state.
   * @param part - all tensors of a part, in any order; with the optimizer's, the updates that were made
   */
  importState: (part: StatePart) => Promise<void>;
  /** Frees its memory. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * A base model, opened by an engine. Dispose of it to free its memory. Calls of `encode` may overlap each other and other calls; so may those
 * of `predict`, as many as `predictsAhead` says. Every other call must wait until the one before it has ended.
 */
export interface Engine extends VisionEncoder {
  /** Names the engine, its version and its element type, such as `torch 2.13 bfloat16`; `onnx` for the engine of the project. */
  readonly name: string;
  /** Element type of its products. */
  readonly precision: Precision;
  /** What a user should know of how it was opened; none where it is left out. */
  readonly notes?: readonly string[];
  /** The model. */
  readonly checkpoint: Checkpoint;
  /** Identifies the frozen vision tower for the cache: weights, sizes, engine and dtype. */
  readonly tower: FrozenPart;
  /**
   * Runs the frozen tower.
   * @param pictures - the images and videos of one clip
   * @returns features in the layout of the model's family
   * @throws UserError `non-finite` when they are not finite, with the weights to blame
   */
  encode: (pictures: readonly PreparedPicture[]) => Promise<FeatureArray>;
  /** How long its workers waited for input so far; left out by an engine that computes in this process. */
  readonly inputWait?: () => InputWait;
  /**
   * Puts an adapter on the model, or opens it for training. Several may be attached; those of one shape share what they can.
   * @param options - adapter, objective
   */
  attach: (options: AttachOptions) => Promise<AttachedModel>;
  /** Frees memory; what is needed again is opened again. Not while something runs. */
  unload: () => Promise<void>;
  /** Frees everything, attached models too. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/** Opens a base model. */
export type OpenEngine = (checkpoint: Checkpoint, options?: EngineOptions) => Promise<Engine> | Engine;
