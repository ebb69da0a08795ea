// The training step as one graph: forward pass, loss, gradients of what trains. LoRA on frozen weights, or every parameter.
import type { RunOptions, TensorData, Value } from '../../graph/index.ts';
import { compile, gradients } from '../../graph/index.ts';
import type { LoraOptions } from '../../model/index.ts';
import type { ObjectiveForm } from '../../objectives/index.ts';
import { lossGraph } from './losses.ts';
import type { EngineModel } from './model.ts';
import { pickFeeds, trainingGraph } from './model.ts';

/** What a step is made for. */
export interface StepOptions {
  /** The model. */
  model: EngineModel;
  /** The adapter that trains; null where every weight does. */
  lora: LoraOptions | null;
  /** The decoder layer that the step begins at, up to the adapter's first. Default 0, with tokens and features as inputs. */
  firstLayer?: number;
  /** Which form of loss. */
  form: ObjectiveForm;
  /** Tokens on edges of the tree of legal answers; used by the losses over answers. */
  numColumns: number;
  /** Keep only what goes from layer to layer, and compute the rest again for the backward pass; default false. */
  gradientCheckpointing?: boolean;
  /** How the graph is run. */
  run?: RunOptions;
}

/** What one run of a step gives. */
export interface StepResult {
  /** The weighted loss of the micro-batch. */
  loss: number;
  /** Gradients by parameter name, in arrays that the next run writes over. */
  gradients: Map<string, Float32Array>;
}

/** A compiled training step. Dispose of it to free its memory. */
export interface TrainStep {
  /** Names and shapes of the parameters that train, in a fixed order. */
  readonly parameters: ReadonlyMap<string, readonly number[]>;
  /**
   * Runs forward and backward pass.
   * @param parameters - current values by name
   * @param feeds - from `collate`
   */
  run: (
    parameters: ReadonlyMap<string, Float32Array>,
    feeds: Readonly<Record<string, TensorData>>,
  ) => Promise<StepResult>;
  /** Frees the memory of the session; the next run opens it again. */
  unload: () => Promise<void>;
  /** Frees the session. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/** The graph of a step: its loss and the values that train. */
export interface StepGraph {
  /** float32 []. */
  loss: Value;
  /** Inputs that train, by name. */
  parameters: ReadonlyMap<string, Value>;
}

/**
 * Builds the graph of a step. With an adapter that trains and nothing else; without one every weight does, vision tower included.
 * @param options - model, adapter, form of the loss
 */
export function stepGraph(options: StepOptions): StepGraph {
  const { model, lora, firstLayer = 0 } = options;
  const { logits, parameters } = model.family.graphs.whole(model, trainingGraph(lora, firstLayer));
  return { loss: lossGraph(options.form, logits, options.numColumns), parameters };
}

/**
 * Compiles a training step.
 * @param options - model, adapter, form of the loss, how it runs
 */
export async function compileStep(options: StepOptions): Promise<TrainStep> {
  return compileStepGraph(stepGraph(options), options);
}

/**
 * Compiles a step of any loss.
 * @param graph - its loss and what trains
 * @param options - how it runs
 */
export async function compileStepGraph(
  { loss, parameters }: StepGraph,
  options: Pick<StepOptions, 'gradientCheckpointing' | 'run'> = {},
): Promise<TrainStep> {
  const names = [...parameters.keys()];
  const grads = gradients(loss, [...parameters.values()], {
    gradientCheckpointing: options.gradientCheckpointing ?? false,
  });
  const outputs: Record<string, Value> = {
    loss,
    ...Object.fromEntries(names.map((name, i) => [`gradient:${name}`, grads[i]!])),
  };
  const session = await compile(outputs, options.run);
  const shapes = new Map(names.map((name) => [name, parameters.get(name)!.shape as readonly number[]]));
  const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
  const into = new Map([...shapes].map(([name, shape]) => [name, new Float32Array(sizeOf(shape))]));
  const outputArrays = new Map([...into].map(([name, array]) => [`gradient:${name}`, array]));
  return {
    parameters: shapes,
    unload: () => session.unload(),
    run: async (values, feeds) => {
      // Of a batch's feeds, a step that begins above the first layer takes some.
      const fed = pickFeeds(session.inputs, feeds);
      for (const [name, shape] of shapes) fed[name] = { data: values.get(name)!, shape };
      const { loss } = await session.run(fed, outputArrays);
      return { loss: loss!.data[0]!, gradients: into };
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
