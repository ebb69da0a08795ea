// Whether clips fit into memory for a training step, before anything is allocated for them.
import { forecastMemory, gradients } from '../graph/index.ts';
import type { Checkpoint, LoraOptions } from '../model/index.ts';
import type { EncodedClip } from '../score/index.ts';
import { defaultMaxMemory, requireMemory, roughBytes } from '../score/index.ts';
import type { Recipe } from './recipe/index.ts';
import { stepGraph } from './step.ts';

/** Which step. */
export interface StepRoomOptions {
  /** The recipe: loss, provider. */
  recipe: Pick<Recipe, 'loss' | 'train' | 'run'>;
  /** The model. */
  checkpoint: Checkpoint;
  /** The adapter; null where every weight trains. */
  lora: LoraOptions | null;
  /** Tokens on edges of the trie of legal answers. */
  numColumns: number;
  /** Its nodes. */
  numNodes: number;
  /** The layer that the step begins at. */
  firstLayer: number;
  /** Most memory, in bytes; default that of `ClipLimits`. */
  maxMemory: number | undefined;
}

/** Tells what fits into memory. */
export interface StepRoom {
  /**
   * Whether clips can go through the step together.
   * @param rows - tokens of each, answers included
   */
  isRoomFor: (rows: readonly number[]) => boolean;
  /**
   * Refuses a clip that is too large on its own.
   * @throws UserError `not-supported`
   */
  requireMemory: (clip: Pick<EncodedClip, 'prompt'>) => void;
}

/**
 * Forecasts the memory of a step. The tower is not in it: what it takes is up to the frames, which the recipe sets.
 * @param options - which step
 */
export function stepRoom(options: StepRoomOptions): StepRoom {
  const { recipe, checkpoint, lora, numColumns, numNodes, firstLayer } = options;
  const { text, vision, stored } = checkpoint;
  const maxMemory = options.maxMemory ?? (recipe.run.provider === 'cpu' ? defaultMaxMemory() : Infinity);
  const forecast = forecastMemory(() => {
    // Of a model that trains whole, the graph from the features on.
    const adapter: LoraOptions = lora ?? { rank: 1, alpha: 1, dropout: 0, rslora: false, targets: ['q_proj'] };
    const graph = stepGraph({ text, vision, stored, lora: adapter, loss: recipe.loss, numColumns, firstLayer });
    return [graph.loss, ...gradients(graph.loss, [...graph.parameters.values()], recipe.train)];
  });
  /** Bytes; 0 where it is surely enough. */
  const bytes = (lengths: readonly number[]): number => {
    const clips = lengths.length;
    const rows = Math.ceil(Math.max(...lengths) / 64) * 64;
    // Twice: a value and its gradient.
    if (roughBytes(text, { clips, rows }, 2 * (text.numLayers - firstLayer)) <= maxMemory) return 0;
    const sizes = { B: clips, T: rows, Q: Math.max(numNodes, 4), M: clips * rows, A: 64 };
    return 4 * clips * rows ** 2 + forecast(new Map(Object.entries(sizes)));
  };
  return {
    isRoomFor: (lengths) => bytes(lengths) <= maxMemory,
    requireMemory: ({ prompt }) => {
      const tokens = prompt.tokenIds.length;
      requireMemory(bytes([tokens + numNodes + 4]), maxMemory, tokens, 'training on');
    },
  };
}
