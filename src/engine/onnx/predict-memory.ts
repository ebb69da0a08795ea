// Whether examples fit into memory for a scoring pass, before anything is allocated for them.
import { forecastMemory } from '../../graph/index.ts';
import type { PreparedExample } from '../../inputs/index.ts';
import type { LoraOptions } from '../../model/index.ts';
import { requireMemory } from '../memory-limit.ts';
import type { ExampleSize } from '../types.ts';
import { edgeLogProbs } from './answer-graph.ts';
import type { EngineModel } from './model.ts';
import { predictingGraph } from './model.ts';

/** Tells what fits into memory. */
export interface PredictMemory {
  /**
   * Refuses examples that are too large to go through the model together.
   * @param sizes - of the examples, at least one
   * @param past - tokens before theirs that all of them share
   * @throws UserError `not-supported` when the forecast is more memory than there is
   */
  require: (sizes: readonly ExampleSize[], past: number) => void;
}

/** The size of an example. */
export function sizeOf({ rows }: Pick<PreparedExample, 'rows'>): ExampleSize {
  const visionTokens = rows.visionSlots.reduce((count, slot) => (slot < 0 ? count : count + 1), 0);
  return { tokens: rows.promptLength, visionTokens };
}

/**
 * Forecasts the memory of a scoring pass.
 * @param lora - the adapter; null for none
 * @param numNodes - inner nodes of the tree of answers; null where answers are generated
 * @param maxMemory - the limit, in bytes
 */
export function predictMemory(
  model: EngineModel,
  lora: LoraOptions | null,
  numNodes: number | null,
  maxMemory: number,
): PredictMemory {
  const { family, text } = model;
  const forecast = forecastMemory(() => {
    const { logits } = family.graphs.whole(model, predictingGraph(lora, true, true));
    return [edgeLogProbs(logits, 1)];
  });
  return {
    require: (sizes, past) => {
      const longest = Math.max(...sizes.map(({ tokens }) => tokens));
      // Branches of the tree of answers, or an answer that is generated; rounded up, so that like lengths have one forecast.
      const rows = Math.ceil((longest - past + 32) / 64) * 64;
      const clips = sizes.length;
      if (family.memory.roughBytes(text, { clips, rows, past }) <= maxMemory) return;
      const features = sizes.reduce((total, { visionTokens }) => total + visionTokens, 0);
      const symbols = { B: clips, T: rows, P: past, Q: numNodes ?? 16, M: features };
      const bias = 4 * clips * rows * (past + rows);
      const what = clips === 1 ? 'scoring' : `scoring ${clips} clips at once,`;
      requireMemory(bias + forecast(new Map(Object.entries(symbols))), maxMemory, longest, what);
    },
  };
}
