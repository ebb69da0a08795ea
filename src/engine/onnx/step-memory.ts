// Whether examples fit into memory for a training step, before anything is allocated for them.
import { forecastMemory, gradients } from '../../graph/index.ts';
import type { PreparedExample } from '../../inputs/index.ts';
import type { LoraOptions } from '../../model/index.ts';
import { requireMemory } from '../memory-limit.ts';
import type { AnswerTreeSizes, ExampleSize, TrainingOptions } from '../types.ts';
import type { EngineModel } from './model.ts';
import { stepGraph } from './step.ts';

/** Bytes of a logit at most: it, its log-softmax, and the gradients of both. */
const LOGIT_BYTES = 16;

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

/** What of an example takes memory. */
export interface StepSize {
  /** Its rows. */
  rows: number;
  /** Rows that predict a token; 0 with a loss over answers, which wants the same rows of every example. */
  targets: number;
}

/** Tells what fits into memory. */
export interface StepMemory {
  /**
   * Whether examples can go through the step together.
   * @param sizes - of each
   */
  isRoomFor: (sizes: readonly StepSize[]) => boolean;
  /**
   * Refuses an example that is too large on its own.
   * @param size - of its prompt
   * @throws UserError `not-supported`
   */
  require: (size: ExampleSize) => void;
}

/** The size of an example. */
export function stepSizeOf({ rows, wanted }: Pick<PreparedExample, 'rows' | 'wanted'>): StepSize {
  return { rows: rows.tokenIds.length, targets: wanted.kind === 'tokens' ? wanted.targets.length : 0 };
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
  const bytes = (sizes: readonly StepSize[]): number => {
    const clips = sizes.length;
    const rows = Math.ceil(Math.max(...sizes.map((size) => size.rows)) / 64) * 64;
    const wanted = Math.max(numNodes, 4, ...sizes.map(({ targets }) => targets));
    // Twice: a value and its gradient.
    const layers = 2 * (text.numLayers - firstLayer);
    const logits = LOGIT_BYTES * clips * wanted * text.vocabSize;
    if (family.memory.roughBytes(text, { clips, rows, layers }) + logits <= maxMemory) return 0;
    const symbols = { B: clips, T: rows, Q: wanted, M: clips * rows, A: 64 };
    return 4 * clips * rows ** 2 + forecast(new Map(Object.entries(symbols)));
  };
  return {
    isRoomFor: (sizes) => bytes(sizes) <= maxMemory,
    require: ({ tokens, targets = 0 }) => {
      // Its group goes through the model with it; how large the others are, nobody knows yet.
      const group = Array.from({ length: training.form.groupSize }, () => ({ rows: tokens + numNodes + 4, targets }));
      requireMemory(bytes(group), maxMemory, tokens, 'training on');
    },
  };
}
