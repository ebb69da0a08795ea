// Distributions over the legal answers for many examples: in batches of like length, one by one where a batch fails, and common prompt
// prefixes computed once.
import { UserError } from '../../core/index.ts';
import type { PreparedExample } from '../../inputs/index.ts';
import { positionsOf, promptRows } from '../../inputs/index.ts';
import type { Checkpoint } from '../../model/index.ts';
import { DEFAULT_BATCH } from '../default-batch.ts';
import type { AnswerDistribution } from '../distribution.ts';
import type { PredictOptions } from '../types.ts';
import type { AnswerScorer, SharedPrefix } from './answer-graph.ts';
import { batchByLength, splitToFit } from '../batches.ts';
import type { Lazy } from './lazy.ts';
import type { PredictMemory } from './predict-memory.ts';
import { sizeOf } from './predict-memory.ts';
import type { SharedText } from './shared-text.ts';

/**
 * Most tokens of a batch, padding included. Examples of 400 tokens are 5 % faster in a batch, because the weights of the head are read
 * once. Longer ones are not faster, and memory grows with the square of their length.
 */
const BATCH_TOKENS = 2048;

/** Fewest tokens of a prefix that are worth a run of their own. */
const SHARE_TOKENS = 8;

/** What predictions are made with. */
export interface PredictionParts {
  /** The model. */
  checkpoint: Checkpoint;
  /** The compiled scoring pass. */
  scorer: Lazy<AnswerScorer>;
  /** The compiled pass over shared text; null where the model's own weights are fed. */
  sharedText: Lazy<SharedText> | null;
  /** What fits into memory. */
  memory: PredictMemory;
  /** Values of what is fed. */
  parameters: ReadonlyMap<string, Float32Array>;
  /** Called before the scoring pass runs. */
  makeRoom: () => Promise<void>;
  /** Says with an error about numbers that are not finite which weights are to blame. */
  explain: (error: unknown) => Promise<unknown>;
}

/** Predicts examples, as `AttachedModel.predict`. */
export type Predict = (
  examples: readonly PreparedExample[],
  options?: PredictOptions,
) => Promise<(AnswerDistribution | UserError)[]>;

/**
 * Makes a function that predicts.
 * @param parts - sessions, parameters; a new one is needed when parameters that prefixes were computed with have changed
 */
export function createPredict(parts: PredictionParts): Predict {
  const { scorer, memory, parameters, makeRoom, explain } = parts;
  const prefixes = prefixStore(parts);

  const predictTogether = async (
    examples: readonly PreparedExample[],
    shared: SharedPrefix | null,
  ): Promise<AnswerDistribution[]> => {
    memory.require(examples.map(sizeOf), shared?.tokens.length ?? 0);
    await makeRoom();
    try {
      return await (await scorer.get()).score(parameters, examples, shared);
    } catch (error) {
      throw await explain(error);
    }
  };
  /** An error is its own example's alone. */
  const predictEach = async (
    examples: readonly PreparedExample[],
    shared: SharedPrefix | null,
  ): Promise<(AnswerDistribution | UserError)[]> => {
    try {
      return await predictTogether(examples, shared);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      if (examples.length === 1) return [error];
      const results: (AnswerDistribution | UserError)[] = [];
      for (const example of examples) results.push(...(await predictEach([example], shared)));
      return results;
    }
  };
  const fitsTogether = (examples: readonly PreparedExample[]): boolean => {
    try {
      memory.require(examples.map(sizeOf), 0);
      return true;
    } catch (error) {
      if (error instanceof UserError) return false;
      throw error;
    }
  };

  return async (examples, { batching = 'by-length', batchSize = DEFAULT_BATCH, prefixes: tokens = [] } = {}) => {
    const results: (AnswerDistribution | UserError)[] = [];
    if (batching === 'as-given') {
      for (const some of splitToFit(examples, fitsTogether)) results.push(...(await predictEach(some, null)));
      return results;
    }
    const shared: (SharedPrefix | null)[] = [];
    for (const [i, example] of examples.entries()) shared.push(await prefixes.of(example, tokens[i]));
    for (const prefix of new Set(shared)) {
      const indices = [...examples.keys()].filter((index) => shared[index] === prefix);
      const past = prefix?.tokens.length ?? 0;
      const own = indices.map((i) => examples[i]!.rows.promptLength - past);
      for (const batch of batchByLength(own, { clips: batchSize, tokens: BATCH_TOKENS, shared: past })) {
        const some = batch.map((i) => indices[i]!);
        const found = await predictEach(
          some.map((index) => examples[index]!),
          prefix,
        );
        some.forEach((index, i) => (results[index] = found[i]!));
      }
    }
    return results;
  };
}

/** Keys and values of prefixes, each computed once. */
function prefixStore({ sharedText, parameters, checkpoint }: PredictionParts): {
  of: (example: PreparedExample, tokens: Int32Array | undefined) => Promise<SharedPrefix | null>;
} {
  const known = new Map<string, Promise<SharedPrefix | null>>();
  const compute = async (tokens: Int32Array): Promise<SharedPrefix | null> => {
    try {
      const { family, text } = checkpoint;
      // Nothing in it is vision: its positions are those of text, whatever comes behind it.
      const example = promptRows({ tokenIds: tokens, visions: [], tail: '' }, positionsOf(checkpoint));
      const feeds = family.feeds.text([{ example, rows: [0] }], text, 0);
      return { tokens, past: await (await sharedText!.get()).run(parameters, feeds) };
    } catch (error) {
      if (error instanceof UserError) return null; // each example meets it by itself, and says so
      throw error;
    }
  };
  return {
    of: async ({ rows }, tokens) => {
      if (sharedText === null || tokens === undefined || tokens.length < SHARE_TOKENS || !beginsWith(rows, tokens)) {
        return null;
      }
      const key = tokens.join();
      if (!known.has(key)) known.set(key, compute(tokens));
      return known.get(key)!;
    },
  };
}

/** Whether rows begin with some tokens, all of them text, and at least one row of the prompt follows. */
function beginsWith({ tokenIds, visionSlots, promptLength }: PreparedExample['rows'], tokens: Int32Array): boolean {
  return tokens.length < promptLength && tokens.every((token, i) => token === tokenIds[i] && visionSlots[i]! < 0);
}
