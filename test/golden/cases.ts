// The runs whose bits are kept. Keys of recipes that may get another name are named here and nowhere else in this folder.
import { join } from 'node:path';
import type { RecipeInput, ResolvedRecipe } from '../../src/index.ts';
import { resolveRecipe } from '../../src/index.ts';

/** Section of a recipe that says how the machine is used. */
export const RUNTIME_KEY = 'runtime';
/** Key in the section `train`: keep only the values between layers. */
export const CHECKPOINTING_KEY = 'gradientCheckpointing';

/** A run. */
export interface GoldenCase {
  /** Names its golden, and in kebab case its run folder. */
  name: string;
  /** What differs from the base of all. */
  changes: RecipeInput;
  /** Recomputes layers in the backward pass. */
  checkpointing?: boolean;
  /** The base model's folder in the workshop; default `model`. */
  model?: string;
  /** A case before this one, whose best checkpoint it starts from. */
  startsFrom?: string;
  /** A file of `media/` with the template. */
  template?: string;
  /** Whether the trained model scores the list of clips: without cache, with a cold one, with a warm one. */
  isScored?: boolean;
}

export const losses = ['integer-only', 'response', 'softmax-regression', 'soft-label', 'expected-score'] as const;
type Loss = (typeof losses)[number];

/** Another seed for each loss, so that their adapters have nothing in common. */
const seedOf = (loss: Loss): number => 10 + losses.indexOf(loss);
const of = (loss: Loss, microBatch: number, rest: RecipeInput = {}): RecipeInput => ({
  loss,
  microBatch,
  seed: seedOf(loss),
  ...rest,
});
/** Two frames of a video; a still picture stays one. */
const two = { pick: 'uniform', count: 2, maxPixels: 7056 } as const;

export const goldenCases: readonly GoldenCase[] = [
  ...losses.flatMap((loss) =>
    ([1, 2, 4] as const).map((micro): GoldenCase => ({
      name: `${loss}, lora, ${micro} at once`,
      changes: of(loss, micro),
      isScored: loss === 'integer-only' && micro === 2,
    })),
  ),
  ...losses.flatMap((loss) =>
    ([1, 2, 4] as const).map((micro): GoldenCase => ({
      name: `${loss}, full, ${micro} at once`,
      changes: of(loss, micro, { method: 'full' }),
      isScored: loss === 'soft-label' && micro === 2,
    })),
  ),
  ...losses.flatMap((loss): GoldenCase[] => [
    { name: `${loss}, last layer`, changes: of(loss, 2, lastLayer()), isScored: loss === 'integer-only' },
    { name: `${loss}, lora, checkpointing`, changes: of(loss, 2), checkpointing: true },
    { name: `${loss}, full, checkpointing`, changes: of(loss, 1, { method: 'full' }), checkpointing: true },
  ]),
  { name: 'last layer, checkpointing', changes: of('integer-only', 4, lastLayer()), checkpointing: true },
  { name: 'raw', changes: of('response', 2, { answer: { kind: 'raw' } }), isScored: true },
  { name: 'raw, integer-only, full', changes: of('integer-only', 1, { answer: { kind: 'raw' }, method: 'full' }) },
  {
    // All clips have one score, which the model learns to say: generated answers with numbers in them.
    name: 'raw, learned',
    changes: of('response', 4, {
      answer: { kind: 'raw' },
      method: 'full',
      epochs: 12,
      optimizer: { learningRate: 5e-3 },
      data: tableOf({ target: 'same' }),
    }),
    isScored: true,
  },
  { name: 'decimal', changes: of('integer-only', 2, { answer: { kind: 'decimal' } }), isScored: true },
  { name: 'decimal, expected-score', changes: of('expected-score', 2, { answer: { kind: 'decimal', step: 0.2 } }) },
  { name: 'level', changes: of('integer-only', 2, { answer: { kind: 'level' } }), isScored: true },
  { name: 'level, soft-label', changes: of('soft-label', 4, { answer: { kind: 'level' } }) },
  { name: 'by length', changes: of('integer-only', 2, { train: { order: 'by-length' } }) },
  { name: 'two frames as a video', changes: of('integer-only', 2, { frames: two, seed: 21 }), isScored: true },
  {
    name: 'two frames, positions of 5.17',
    changes: of('integer-only', 2, { frames: { ...two, positions: 'transformers-5.17' }, seed: 21 }),
  },
  {
    name: 'two frames as images',
    changes: of('softmax-regression', 2, { frames: { ...two, as: 'images' }, seed: 22 }),
    isScored: true,
  },
  {
    name: 'two frames as images, full',
    changes: of('integer-only', 1, { frames: { ...two, as: 'images' }, method: 'full' }),
  },
  {
    name: 'random frames',
    changes: of('integer-only', 2, { frames: { ...two, pick: 'random' }, seed: 23 }),
    isScored: true,
  },
  { name: 'first frame', changes: of('integer-only', 2, { frames: { pick: 'first', maxPixels: 7056 } }) },
  { name: 'key frames', changes: of('integer-only', 2, { frames: { ...two, pick: 'keyframe' } }) },
  { name: 'own template', changes: of('integer-only', 4), template: 'question.txt', isScored: true },
  { name: 'one dimension', changes: of('integer-only', 2, { prompt: { template: 'single-dimension:aesthetics' } }) },
  {
    name: 'some targets, rank-stabilised',
    changes: of('integer-only', 2, {
      lora: { rank: 3, alpha: 6, dropout: 0.3, rslora: true, targets: ['q_proj', 'v_proj', 'down_proj'] },
    }),
  },
  { name: 'no dropout', changes: of('integer-only', 2, { lora: { rank: 4, dropout: 0 } }) },
  {
    name: 'linear schedule, no clipping',
    changes: of('integer-only', 2, {
      schedule: { kind: 'linear', warmup: 0.5 },
      optimizer: { learningRate: 1e-3, clipNorm: null, beta2: 0.95, eps: 1e-6 },
    }),
  },
  {
    name: 'early stop',
    changes: of('integer-only', 2, {
      epochs: 9,
      optimizer: { learningRate: 1e-9 },
      evaluation: { every: 1, earlyStop: 2, metric: 'srcc' },
    }),
  },
  {
    name: 'from an adapter',
    changes: of('integer-only', 2, { optimizer: { learningRate: 1e-3, gentleLearningRate: 1e-4 } }),
    startsFrom: 'expected-score, lora, 2 at once',
  },
  { name: 'weights in BF16', changes: of('integer-only', 2), model: 'model-bf16', isScored: true },
  { name: 'weights in F16, full', changes: of('integer-only', 2, { method: 'full' }), model: 'model-f16' },
];

/** Members of the ensemble: seeds, losses and frames differ. */
export const memberCases = [
  'integer-only, lora, 2 at once',
  'response, lora, 2 at once',
  'softmax-regression, lora, 2 at once',
  'two frames as a video',
  'random frames',
] as const;

/** The run of which a fixture holds the first half. */
export const interruptedCase: GoldenCase = {
  name: 'interrupted',
  changes: { seed: 31, microBatch: 2 },
  checkpointing: true,
};
/** The run that is a fixture as a whole; it has a seed and nothing else that draws. */
export const finishedCase: GoldenCase = { name: 'finished', changes: { seed: 32, microBatch: 4 } };

/** A model that is trained whole, as a fixture. */
export const fullCase: GoldenCase = {
  name: 'whole',
  changes: { seed: 33, method: 'full', microBatch: 4, loss: 'response' },
};

export const folderOf = (name: string): string => name.replaceAll(/[^a-z0-9.]+/gi, '-').toLowerCase();

/**
 * The recipe of a case.
 * @param root - the workshop: models, `media/` and `runs/` lie in it
 * @param golden - the case
 */
export function recipeOf(root: string, golden: GoldenCase): ResolvedRecipe {
  const { changes, checkpointing, model = 'model', startsFrom, template } = golden;
  const hasOwnLora = changes.method === 'full' || startsFrom !== undefined;
  const { data = tableOf({}), train = {} } = changes;
  const base: RecipeInput = {
    out: join(root, 'runs', folderOf(golden.name)),
    frames: { maxPixels: 7056 },
    ...(hasOwnLora ? {} : { lora: { rank: 4, dropout: 0.1 } }),
    epochs: 2,
    batchSize: 4,
    optimizer: { learningRate: 1e-3, weightDecay: 0.01 },
    checkpoint: { keep: 1 },
    [RUNTIME_KEY]: { threads: 1, workers: 1 },
    ...changes,
    model: join(root, model),
    data: { ...data, manifest: join(root, 'media', 'clips.csv') },
    ...(template === undefined ? {} : { prompt: { template: join(root, 'media', template) } }),
    ...(startsFrom === undefined ? {} : { adapter: join(root, 'runs', folderOf(startsFrom), 'checkpoints', 'best') }),
    train: { ...train, ...(checkpointing === undefined ? {} : { [CHECKPOINTING_KEY]: checkpointing }) },
  };
  return resolveRecipe({ base });
}

function lastLayer(): RecipeInput {
  return { lora: { rank: 4, dropout: 0.1, layers: 'last 1' } };
}

function tableOf(changes: Partial<NonNullable<RecipeInput['data']>>): NonNullable<RecipeInput['data']> {
  return { train: { split: 'train' }, validation: { split: 'validation' }, ...changes };
}
