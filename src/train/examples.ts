// The examples of a run: a row's clip, with what its objective wants of it.
import { UserError, hashKey, invariant, show } from '../core/index.ts';
import type { PreparedClip, PreparedExample, PromptProcessor, PromptedModel, ScorerSettings } from '../inputs/index.ts';
import {
  assertMask,
  buildExample,
  joinQuestions,
  loadPromptProcessor,
  maskReport,
  promptAbout,
  sharedRows,
  smallestPicture,
  summarizeMask,
} from '../inputs/index.ts';
import type { Checkpoint } from '../model/index.ts';
import type { Objective, ObjectiveContext } from '../objectives/index.ts';
import type { EncodedPrompt } from '../prompt/index.ts';
import type { ClipStore } from './clip-store.ts';
import type { RatedRow, RunData } from './data.ts';
import type { Recipe } from './recipe/index.ts';

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
      const clip = await store.get(row);
      const { rows, wanted } = wantedOf(row, clip, objective, context);
      return { rows, vision: clip.vision, wanted, dropoutKey: hashKey(seed, epoch, sample) };
    },
  };
}

/**
 * The rows of a clip's questions, and what is wanted of them.
 * @param row - its scores
 * @param clip - its prompts
 */
export function wantedOf(
  { mos5, std5, further: scores = [] }: Pick<RatedRow, 'mos5' | 'std5' | 'further'>,
  { prompt, further }: Pick<PreparedClip, 'prompt' | 'further'>,
  objective: Objective,
  context: ObjectiveContext,
): Pick<PreparedExample, 'rows' | 'wanted'> {
  const first = objective.prepare({ prompt, mos5, std5 }, context);
  if (further.length === 0) return first;
  const all = [first, ...further.map((one, i) => objective.prepare({ prompt: one, mos5: scores[i]! }, context))];
  const examples = all.map(({ rows, wanted }) => {
    invariant(wanted.kind === 'tokens', 'several questions with a loss over answers');
    return { ...rows, targets: [...wanted.targets], answer: '' };
  });
  const { targets, answer: _answer, ...rows } = joinQuestions(examples, sharedRows(prompt));
  return { rows, wanted: { kind: 'tokens', targets } };
}

/**
 * What makes the prompts of a recipe's further questions.
 * @param settings - how answers are written
 * @param first - makes those of the first one
 * @throws UserError `bad-recipe` where frames follow a question: there is then no beginning that all share
 */
export async function furtherProcessors(
  { questions, prompt }: Pick<Recipe, 'questions' | 'prompt'>,
  model: PromptedModel,
  settings: Pick<ScorerSettings, 'answer'>,
  first: PromptProcessor,
): Promise<PromptProcessor[]> {
  const processors = await Promise.all(
    questions.map(({ template }) =>
      loadPromptProcessor(model, { ...settings, prompt: { template, source: null } }, prompt),
    ),
  );
  const last = [first, ...processors].find(({ template }) => template.framesLast);
  if (questions.length === 0 || last === undefined) return processors;
  throw new UserError(
    'bad-recipe',
    `questions: expected templates that begin with the frames, got ${show(last.template.name)}, which ends with them`,
  );
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
