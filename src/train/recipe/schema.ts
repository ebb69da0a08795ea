// The schema of a recipe: every key with its range, default and meaning. Types, docs, JSON Schema and `--set` follow from it.
import { z } from 'zod';
import { columnRoles, presetNames } from '../../dataset/index.ts';
import { providers } from '../../graph/index.ts';
import { loraTargets } from '../../model/index.ts';
import { MAX_TEXT_TOKENS } from '../../score/index.ts';
import { orders } from '../order.ts';
import { losses } from '../objective.ts';
import { schedules } from '../schedule.ts';
import type { Recipe, RecipeInput } from './types.ts';

/** Names that a recipe may start from. */
export const recipeNames = ['paper', 'small', 'auto'] as const;

const text = z.string().min(1);
const path = text.meta({ format: 'path' });
const model = text.meta({ format: 'model' });
const count = z.int().min(1);
const every = z.union([z.literal('epoch'), count]);
const splitPart = z.strictObject({ split: text.describe('Name in the split column.') });
const fractionPart = z.strictObject({
  fraction: z.number().gt(0).lt(1).describe('Share of the rows, whole groups only.'),
});

const data = z.strictObject({
  manifest: path.describe('Table of clips and scores: `.csv`, `.jsonl` or `.ndjson`. Required.'),
  preset: z
    .enum(presetNames as NonNullable<Recipe['data']['preset']>[])
    .nullable()
    .default(null)
    .describe('Public data set whose label file the manifest is: gives columns and scale.'),
  scale: text
    .nullable()
    .default(null)
    .describe("Scale of the scores, `MIN-MAX` or `dmos-MIN-MAX` where up is worse; null: the preset's, else 1-5."),
  target: text.nullable().default(null).describe("Column of the score to learn; null: the preset's, else `mos`."),
  columns: z
    .strictObject(
      Object.fromEntries(
        columnRoles.map((role) => [
          role,
          text
            .exactOptional()
            .describe(`The manifest's column for \`${role}\`; default: the preset's, else \`${role}\`.`),
        ]),
      ) as Record<(typeof columnRoles)[number], z.ZodExactOptional<z.ZodString>>,
    )
    .prefault({})
    .describe('Columns whose name is not that of their role.'),
  mediaRoot: path
    .nullable()
    .default(null)
    .describe("Folder that media names are relative to; null: the manifest's folder."),
  delimiter: text
    .nullable()
    .default(null)
    .describe(
      'What separates the fields of a text table: `comma`, `semicolon`, `tab`, `pipe` or any one character; null: detected.',
    ),
  header: z
    .boolean()
    .nullable()
    .default(null)
    .describe('Whether the first line names the columns; without, their names are `1`, `2` and so on; null: detected.'),
  groupBy: z
    .enum(['group', 'prompt'])
    .nullable()
    .default(null)
    .describe(
      'What a held-out share keeps together: clips of one `group`, or of one `prompt`; null: detected when a run begins (`prompt` where clips share prompts and none has a group) and kept in its recipe.',
    ),
  train: splitPart
    .nullable()
    .default(null)
    .describe('Rows to train on; null: all that validation does not hold out, whatever their split.'),
  validation: z
    .union([splitPart, fractionPart, z.null()])
    .default({ fraction: 0.1 })
    .describe(
      'Rows to select checkpoints on: a split, or a share of the training rows that keeps groups together; null: none.',
    ),
  maxBadFraction: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('Share of the clips that may be unreadable before the run stops.'),
});

const frames = z.strictObject({
  pick: z
    .enum(['middle', 'first', 'uniform', 'random', 'keyframe'])
    .default('middle')
    .describe('Which frames of a video are looked at; `random` depends on `seed`.'),
  count: count.default(1).describe('Frames of a video; 1 with `middle` and `first`. Time and memory grow with it.'),
  as: z
    .enum(['video', 'images'])
    .default('video')
    .describe('How two or more frames go in: as one video (two frames share a temporal patch) or as an image each.'),
  maxPixels: z
    .int()
    .min(784)
    .default(200704)
    .describe(
      'Largest width × height of a frame, in pixels; larger ones are scaled down. 448 × 448, chosen for a CPU; checkpoints ship 12.8 million.',
    ),
  minPixels: z
    .int()
    .min(784)
    .default(3136)
    .describe('Smallest width × height of a frame, in pixels; smaller ones are scaled up.'),
  toneMap: z
    .enum(['bt2390', 'none'])
    .default('bt2390')
    .describe('HDR videos (PQ, HLG) to SDR by the curve of ITU-R BT.2390; `none` takes their numbers as SDR.'),
  deinterlace: z
    .enum(['bwdif', 'none'])
    .default('bwdif')
    .describe('Interlaced frames by FFmpeg’s filter bwdif; `none` shows both fields as one picture.'),
  squarePixels: z
    .boolean()
    .default(true)
    .describe('Frames whose pixels are not square get the shape in which they are shown.'),
  profile: z
    .enum(['srgb', 'ignore'])
    .default('srgb')
    .describe('Pictures with a colour profile are converted to sRGB; `ignore` takes their numbers as sRGB.'),
  decoder: z
    .enum(['node-av', 'ffmpeg'])
    .default('node-av')
    .describe(
      'What decodes videos: FFmpeg’s libraries in the package node-av, or the `ffmpeg` and `ffprobe` of the system.',
    ),
  positions: z
    .enum(['transformers', 'transformers-5.17'])
    .default('transformers')
    .describe('Time positions of videos: those of transformers 5.18, or the old ones, truncated to whole seconds.'),
});

const lora = z.strictObject({
  rank: count.default(32).describe('Rank of the update. The paper: 32 or 128.'),
  alpha: z.number().gt(0).default(32).describe('The update is scaled with alpha / rank.'),
  dropout: z.number().min(0).lt(1).default(0.1).describe('Probability that an input of the update is dropped.'),
  rslora: z.boolean().default(false).describe('Scale with alpha / √rank instead.'),
  targets: z
    .array(z.enum(loraTargets))
    .min(1)
    .default([...loraTargets])
    .describe('Linear layers of the text model that get an update.'),
  layers: z
    .string()
    .regex(/^(all|last [1-9]\d*)$/)
    .meta({ format: 'layers' })
    .default('all')
    .describe('Decoder layers that get an update; those below the last N run once for each clip, not at every step.'),
});

const optimizer = z.strictObject({
  learningRate: z.number().gt(0).default(3e-4).describe('Peak learning rate of AdamW.'),
  gentleLearningRate: z
    .number()
    .gt(0)
    .nullable()
    .default(null)
    .describe(
      'Peak learning rate instead, where the adapter that training starts from already predicts the training clips, with at most three quarters of the squared error that their mean has; null: never.',
    ),
  beta1: z.number().min(0).lt(1).default(0.9).describe('Decay of the first moment.'),
  beta2: z.number().min(0).lt(1).default(0.999).describe('Decay of the second moment.'),
  eps: z.number().gt(0).default(1e-8).describe('Added to the root of the second moment.'),
  weightDecay: z
    .number()
    .min(0)
    .default(0)
    .describe("Decoupled decay. 0 as in transformers' Trainer; torch's own default is 0.01."),
  clipNorm: z
    .number()
    .gt(0)
    .nullable()
    .default(1)
    .describe('Gradients are scaled down to this norm, taken over all of them together; null: never.'),
});

const schema = z
  .strictObject({
    recipe: z
      .enum(recipeNames)
      .nullable()
      .default(null)
      .describe(
        'Recipe to start from; keys that are set here take precedence. `auto`: `small` for models of less than 100 million parameters, else `paper`.',
      ),
    model: model.describe(
      'The base model: a folder in Hugging Face layout, or the name of a model of the hub that was pulled. Required.',
    ),
    adapter: path
      .nullable()
      .default(null)
      .describe(
        'Folder of an adapter to start from, or `shipped`: the one that ships with `models/nano`; null: a fresh one.',
      ),
    out: path.describe('Run folder. Required, here or on the command line.'),
    data: data.describe('The clips and their scores.'),
    frames: frames.prefault({}).describe('What the model sees of a clip.'),
    prompt: z
      .strictObject({
        template: text
          .default('four-dimensions')
          .describe(
            '`four-dimensions`, `single-dimension:NAME`, or the path of a text file (with a dot or slash in it): in it, `{prompt}` is the text prompt of the clip, `{answer_format}` the sentence that asks for the answer, and `{frames}` at the end puts the frames behind the text.',
          ),
        maxTextTokens: count
          .default(MAX_TEXT_TOKENS)
          .describe(
            "Most tokens of a clip's text (the question with the text prompt in it, frames aside); a clip with more counts as unreadable.",
          ),
      })
      .prefault({})
      .describe('What the model is asked.'),
    answer: z
      .strictObject({
        kind: z
          .enum(['integer', 'decimal', 'level', 'raw'])
          .default('integer')
          .describe('How a score is written: `34`, `3.4`, one of five words, or with all decimals.'),
        step: z
          .literal([0.1, 0.2, 0.5, 1])
          .nullable()
          .default(null)
          .describe(
            'Distance of neighbouring answers on 1–5; null: 0.1 with `integer` and `decimal`, none with the others.',
          ),
      })
      .prefault({})
      .describe('What the model answers.'),
    loss: z
      .enum(losses)
      .default('integer-only')
      .describe(
        'Cross-entropy at the answer alone, or at answer and end token; squared error of the expected score, alone or with the share of the probability that is on no legal answer (`expected-score`); cross-entropy against a distribution around the score.',
      ),
    softLabelStd: z
      .number()
      .gt(0)
      .default(0.3)
      .describe('Width of that distribution on 1–5, with `loss: soft-label`, where the manifest has no `std`.'),
    method: z.enum(['lora', 'full']).default('lora').describe('Train a LoRA adapter, or every weight of the model.'),
    lora: lora.prefault({}).describe('The adapter, with `method: lora`.'),
    optimizer: optimizer.prefault({}).describe('AdamW and gradient clipping.'),
    schedule: z
      .strictObject({
        kind: z.enum(schedules).default('cosine').describe('Course of the learning rate after the warm-up.'),
        warmup: z
          .number()
          .min(0)
          .max(1)
          .default(0.03)
          .describe('Share of all updates over which it rises linearly from 0.'),
      })
      .prefault({})
      .describe('The learning rate over the run.'),
    epochs: count.default(6).describe('Passes over the training rows.'),
    batchSize: count.default(8).describe('Clips per update.'),
    microBatch: count
      .default(1)
      .describe('Clips per run of the graph; divides `batchSize`. Memory grows with it, the result stays the same.'),
    train: z
      .strictObject({
        order: z
          .enum(orders)
          .default('shuffled')
          .describe(
            'Order of the clips in an epoch: all shuffled, or shuffled batches of similar length, in which a large `microBatch` needs less padding.',
          ),
        recompute: z
          .boolean()
          .default(false)
          .describe(
            'Gradient checkpointing: keep only the values between layers and compute the rest again in the backward pass. A third more time, less memory.',
          ),
      })
      .prefault({})
      .describe('How updates are made.'),
    seed: z
      .int()
      .min(0)
      .max(0xffffffff)
      .default(0)
      .describe('Fixes order, split, dropout, random frames and initial adapter.'),
    evaluation: z
      .strictObject({
        every: every
          .default('epoch')
          .describe('When the validation rows are scored: each epoch, or every so many updates.'),
        metric: z
          .enum(['srcc', 'plcc', 'challenge'])
          .default('challenge')
          .describe('Metric that selects the best checkpoint; `challenge` is (SRCC + PLCC) / 2.'),
        earlyStop: count
          .nullable()
          .default(null)
          .describe('Stop after this many evaluations in a row without a better one; null: never.'),
      })
      .prefault({})
      .describe('Validation during training.'),
    checkpoint: z
      .strictObject({
        every: every.default('epoch').describe('When the run is saved: each epoch, or every so many updates.'),
        keep: count.default(2).describe('Latest checkpoints that are kept besides the best.'),
      })
      .prefault({})
      .describe('What a run can be resumed from.'),
    run: z
      .strictObject({
        provider: z.enum(providers).default('cpu').describe('What ONNX Runtime runs the graph on.'),
        threads: z.int().min(0).default(0).describe('Threads of one op; 0: one for each physical core.'),
        prepack: z
          .boolean()
          .default(false)
          .describe(
            'Keep reordered copies of frozen float32 weights: a step is 5 % faster, and these weights take twice the memory.',
          ),
        workers: count.default(2).describe('Processes that decode clips.'),
        maxMemory: text
          .nullable()
          .default(null)
          .describe(
            "Most memory that one run of the graph may take beside the weights, as it is forecast, such as `8GB`: a clip that needs more counts as unreadable, and a `microBatch` that does is cut. null: four fifths of the machine's on the CPU, else no limit.",
          ),
        cache: z
          .boolean()
          .default(true)
          .describe(
            'Keep what frozen parts of the model compute in the cache that all runs share (docs/cache.md). The result stays the same.',
          ),
      })
      .prefault({})
      .describe('How the machine is used.'),
  })
  .meta({ title: 'iovqa recipe' });

/** The schema of a recipe (zod 4). It fills in defaults; `resolveRecipe` adds layers, places of mistakes and cross-checks. */
export const recipeSchema: z.ZodType<Recipe, RecipeInput> = schema;
