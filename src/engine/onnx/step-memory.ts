// Whether examples fit into memory for a training step, before anything is allocated for them.
import { forecastMemory, gradients } from '../../graph/index.ts';
import type { LoraOptions } from '../../model/index.ts';
import { requireMemory } from '../memory-limit.ts';
import type { AnswerTreeSizes, TrainingOptions } from '../types.ts';
import type { EngineModel } from './model.ts';
import { stepGraph } from './step.ts';

/** Which step. */
export interface StepMemoryOptions {
  /** The model. */
  model: EngineModel;
  /** The adapter; null where every weight trains. */
  lora: LoraOptions | null;
  /** Loss, gradient checkpointing. */
  training: TrainingOptions;
  /** The tree of legal answers; null where answers are generated. */
  answers: AnswerTreeSizes | null;
  /** The layer that the step begins at. */
  firstLayer: number;
  /** Most memory, in bytes. */
  maxMemory: number;
}

/** Tells what fits into memory. */
export interface StepMemory {
  /**
   * Whether examples can go through the step together.
   * @param rows - rows of each
   */
  isRoomFor: (rows: readonly number[]) => boolean;
  /**
   * Refuses an example that is too large on its own.
   * @param tokens - of its prompt
   * @throws UserError `not-supported`
   */
  require: (tokens: number) => void;
}

/**
 * Forecasts the memory of a step. The tower is not in it: what it takes is up to the frames, which the recipe sets.
 * @param options - which step
 */
export function stepMemory(options: StepMemoryOptions): StepMemory {
  const { model, lora, training, answers, firstLayer, maxMemory } = options;
  const { family, text } = model;
  const { numNodes, numColumns } = answers ?? { numNodes: 1, numColumns: 0 };
  const forecast = forecastMemory(() => {
    // Of a model that trains whole, the graph from the features on.
    const adapter: LoraOptions = lora ?? {
      rank: 1,
      alpha: 1,
      dropout: 0,
      rslora: false,
      targets: [family.lora.targets[0]!],
    };
    const graph = stepGraph({ model, lora: adapter, form: training.form, numColumns, firstLayer });
    const trained = [...graph.parameters.values()];
    return [graph.loss, ...gradients(graph.loss, trained, { gradientCheckpointing: training.gradientCheckpointing })];
  });
  /** Bytes; 0 where it is surely enough. */
  const bytes = (lengths: readonly number[]): number => {
    const clips = lengths.length;
    const rows = Math.ceil(Math.max(...lengths) / 64) * 64;
    // Twice: a value and its gradient.
    const layers = 2 * (text.numLayers - firstLayer);
    if (family.memory.roughBytes(text, { clips, rows, layers }) <= maxMemory) return 0;
    const sizes = { B: clips, T: rows, Q: Math.max(numNodes, 4), M: clips * rows, A: 64 };
    return 4 * clips * rows ** 2 + forecast(new Map(Object.entries(sizes)));
  };
  return {
    isRoomFor: (lengths) => bytes(lengths) <= maxMemory,
    require: (tokens) => requireMemory(bytes([tokens + numNodes + 4]), maxMemory, tokens, 'training on'),
  };
}
