// The examples of a run: a row's clip, with what its objective wants of it.
import { hashKey, invariant } from '../core/index.ts';
import type { PreparedExample } from '../inputs/index.ts';
import { assertMask, buildExample, maskReport, promptAbout, smallestPicture, summarizeMask } from '../inputs/index.ts';
import type { Checkpoint } from '../model/index.ts';
import type { Objective, ObjectiveContext } from '../objectives/index.ts';
import type { EncodedPrompt } from '../prompt/index.ts';
import type { ClipStore } from './clip-store.ts';
import type { RunData } from './data.ts';

/** What examples are made with. */
export interface ExampleOptions {
  /** What is minimised. */
  objective: Objective;
  /** What it works with. */
  context: ObjectiveContext;
  /** Of the dropout. */
  seed: number;
}

/** Gives examples to train on. */
export interface ExampleSource {
  /**
   * The example of a training row.
   * @param sample - its place in the list of training rows
   * @param epoch - from 0; changes the dropout
   */
  get: (sample: number, epoch: number) => Promise<PreparedExample>;
}

/**
 * Makes a source of examples.
 * @param store - gives their clips
 * @param options - objective, seed
 */
export function createExampleSource(data: RunData, store: ClipStore, options: ExampleOptions): ExampleSource {
  const { objective, context, seed } = options;
  return {
    get: async (sample, epoch) => {
      const row = data.train[sample]!;
      const { prompt, vision } = await store.get(row);
      const { mos5, std5 } = row;
      const { rows, wanted } = objective.prepare({ prompt, mos5, std5 }, context);
      return { rows, vision, wanted, dropoutKey: hashKey(seed, epoch, sample) };
    },
  };
}

/**
 * Refuses a mask that trains anything but the answer, before any clip is read.
 * @param options - objective
 */
export function checkMask(data: RunData, checkpoint: Checkpoint, options: Omit<ExampleOptions, 'seed'>): void {
  const { processor } = options.context;
  showMask(data, promptAbout(smallestPicture(checkpoint), checkpoint, processor, 'a'), options);
}

/**
 * The mask of the first example, in runs of tokens.
 * @param prompt - of the first clip
 * @param options - objective
 * @returns lines of `trained` or `ignored`, how many tokens, and their text
 */
export function showMask(
  data: RunData,
  prompt: EncodedPrompt,
  { objective, context }: Omit<ExampleOptions, 'seed'>,
): string {
  const row = data.train[0];
  invariant(row !== undefined, 'no rows to train on');
  const { tokenizer, endTokenId, codec } = context.processor;
  const { targets } = objective;
  const answer = codec.encode(row.mos5);
  const example = buildExample({ positions: context.positions, prompt, answer, tokenizer, endTokenId, targets });
  assertMask(example, tokenizer, endTokenId, targets);
  return summarizeMask(maskReport(example, tokenizer));
}
