// The training step as one graph: forward pass, loss, gradients of what trains. LoRA on frozen weights, or every parameter.
import type { RunOptions, Session, TensorData, Value } from '../graph/index.ts';
import { compile, gradients, input } from '../graph/index.ts';
import type { LoraOptions, StoredTensor, TextConfig, VisionConfig } from '../model/index.ts';
import {
  fedWeights,
  frozenWeights,
  headLogits,
  loraInputs,
  loraShapes,
  textHidden,
  textInputs,
  visionFeatures,
  visionInputs,
} from '../model/index.ts';
import type { Loss } from './objective.ts';
import { lossGraph } from './objective.ts';

/** What a step is made for. */
export interface StepOptions {
  /** Sizes of the text model. */
  text: TextConfig;
  /** Sizes of the vision tower. */
  vision: VisionConfig;
  /** Finds a weight of the checkpoint by canonical name; throws for an unknown one. */
  stored: (name: string) => StoredTensor;
  /** The adapter that trains; null to train every parameter of the model, vision tower included. */
  lora: LoraOptions | null;
  /** Which loss. */
  loss: Loss;
  /** Tokens on edges of the trie of legal answers; used by the losses over answers. */
  numColumns: number;
  /** How the graph is run. */
  run?: RunOptions;
}

/** What one run of a step gives. */
export interface StepResult {
  /** The weighted loss of the micro-batch. */
  loss: number;
  /** Gradients by parameter name, in fresh arrays. */
  gradients: Map<string, Float32Array>;
}

/** A compiled training step. Dispose of it to free its memory. */
export interface TrainStep {
  /** Names and shapes of the parameters that train, in a fixed order. */
  readonly parameters: ReadonlyMap<string, readonly number[]>;
  /**
   * Whether vision features are an input (`features`, float32 [M, C]: the tower is frozen) or the step computes them from
   * what `visionFeeds` gives.
   */
  readonly frozenVision: boolean;
  /**
   * Runs forward and backward pass.
   * @param parameters - current values by name
   * @param feeds - text, vision and loss feeds; `dropoutKeys` with LoRA dropout
   */
  run(parameters: ReadonlyMap<string, Float32Array>, feeds: Readonly<Record<string, TensorData>>): Promise<StepResult>;
  /** Nodes of the graph. */
  readonly numNodes: number;
  /** Frees the session. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The graph of a step: its loss and the values that train. */
export interface StepGraph {
  /** float32 []. */
  loss: Value;
  /** Inputs that train, by name. */
  parameters: Map<string, Value>;
}

/**
 * Builds the graph of a step.
 * @param options - model, adapter, loss
 */
export function stepGraph(options: StepOptions): StepGraph {
  const { text, vision, stored, lora } = options;
  const shapeOf = (name: string): readonly number[] => stored(name).shape;
  const inputs = textInputs(text.headDim);
  if (lora !== null) {
    const weights = frozenWeights(stored);
    const adapter = loraInputs(lora, loraShapes(lora, text.numLayers, shapeOf), true);
    const features = input('features', 'float32', ['M', text.hiddenSize]);
    const hidden = textHidden(inputs, features, text, weights, adapter);
    const loss = lossGraph(options.loss, headLogits(hidden, text, weights), options.numColumns);
    return { loss, parameters: new Map(adapter.inputs) };
  }
  const weights = fedWeights(shapeOf);
  const hidden = textHidden(inputs, visionFeatures(visionInputs(vision), vision, weights), text, weights, null);
  const loss = lossGraph(options.loss, headLogits(hidden, text, weights), options.numColumns);
  return { loss, parameters: new Map(weights.inputs) };
}

/**
 * Compiles a training step.
 * @param options - model, adapter, loss, how it runs
 */
export async function compileStep(options: StepOptions): Promise<TrainStep> {
  const { loss, parameters } = stepGraph(options);
  const names = [...parameters.keys()];
  const grads = gradients(loss, [...parameters.values()]);
  const outputs = { loss, ...Object.fromEntries(names.map((name, i) => [`gradient:${name}`, grads[i]!])) };
  const session: Session = await compile(outputs, options.run);
  const shapes = new Map(names.map((name) => [name, parameters.get(name)!.shape as readonly number[]]));
  return {
    parameters: shapes,
    frozenVision: options.lora !== null,
    numNodes: session.numNodes,
    async run(values, feeds) {
      const fed: Record<string, TensorData> = { ...feeds };
      for (const [name, shape] of shapes) fed[name] = { data: values.get(name)!, shape };
      const results = await session.run(fed);
      return {
        loss: results['loss']!.data[0]!,
        gradients: new Map(names.map((name) => [name, results[`gradient:${name}`]!.data])),
      };
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
