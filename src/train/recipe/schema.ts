// The schema of a recipe: every key with its range, default and meaning. Types, docs, JSON Schema and `--set` follow from it.
import { z } from 'zod';
import { columnRoles, presetNames } from '../../dataset/index.ts';
import { providers } from '../../engine/index.ts';
import { loraTargets } from '../../model/index.ts';
import { MAX_TEXT_TOKENS } from '../../inputs/index.ts';
import { orders } from '../order.ts';
import { losses, objectives } from '../../objectives/index.ts';
import { schedules } from '../schedule.ts';
import type { Recipe, RecipeInput } from './types.ts';

/** Names that a recipe may start from. */
export const recipeNames = ['paper', 'small', 'auto'] as const;

const text = z.string().min(1);
const path = text.meta({ format: 'path' });
const model = text.meta({ format: 'model' });
const count = z.int().min(1);
const every = z.union([z.literal('epoch'), count]);
const seed = z.int().min(0).max(0xffffffff);
const ownSeed = seed.nullable().default(null);
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
    .describe('Public data set that the table belongs to; it sets columns and scale.'),
  scale: text
    .nullable()
    .default(null)
    .describe("Scale of the scores, `MIN-MAX`, or `dmos-MIN-MAX` if higher is worse; null: the preset's, else 1-5."),
  target: text.nullable().default(null).describe("Column of the score to train on; null: the preset's, else `mos`."),
  columns: z
    .strictObject(
      Object.fromEntries(
        columnRoles.map((role) => [
          role,
          text.exactOptional().describe(`The table's column for \`${role}\`; default: the preset's, else \`${role}\`.`),
        ]),
      ) as Record<(typeof columnRoles)[number], z.ZodExactOptional<z.ZodString>>,
    )
    .prefault({})
    .describe('Names of columns, where they differ from the names of their roles.'),
  mediaRoot: path
    .nullable()
    .default(null)
    .describe('Folder that file names are relative to; null: the folder of the table.'),
  delimiter: text
    .nullable()
    .default(null)
    .describe('Delimiter of a text table: `comma`, `semicolon`, `tab`, `pipe` or any one character; null: detected.'),
  header: z
    .boolean()
    .nullable()
    .default(null)
    .describe(
      'Whether the first line contains the names of the columns. If not, they are called `1`, `2` and so on. null: detected.',
    ),
  groupBy: z
    .enum(['group', 'prompt'])
    .nullable()
    .default(null)
    .describe(
      'What a held-out share keeps together: clips with the same `group`, or with the same `prompt`; null: detected when a run starts (`prompt` if clips share prompts and none has a group), and stored in its recipe.',
    ),
  train: splitPart
    .nullable()
    .default(null)
    .describe('Rows to train on; null: all rows that validation does not hold out, whatever their split.'),
  validation: z
    .union([splitPart, fractionPart, z.null()])
    .default({ fraction: 0.1 })
    .describe(
      'Rows that select the best checkpoint: those of a split, or a share of the training rows that keeps groups together; null: no validation.',
    ),
  fold: z
    .strictObject({
      index: count.describe('Which fold, from 1.'),
      of: z.int().min(2).describe('Number of folds.'),
    })
    .nullable()
    .default(null)
    .describe(
      'A fold of the training rows that the run does not see, as `cross-validate` sets it: they are cut into `of` folds that keep groups together, by `seeds.split`; null: none.',
    ),
  maxBadFraction: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('Share of the clips that may be unreadable; with more, the run stops.'),
});

const frames = z.strictObject({
  pick: z
    .enum(['middle', 'first', 'uniform', 'random', 'keyframe'])
    .default('middle')
    .describe('Which frames of a video are selected; `random` depends on `seed`.'),
  count: count
    .default(1)
    .describe('Number of frames per video; 1 with `middle` and `first`. Time and memory grow with it.'),
  as: z
    .enum(['video', 'images'])
    .default('video')
    .describe(
      'How two or more frames are given to the model: as one video (two frames share a temporal patch), or each as an image.',
    ),
  maxPixels: z
    .int()
    .min(784)
    .default(200704)
    .describe(
      'Largest width × height of a frame, in pixels; larger frames are scaled down. The default, 448 × 448, is chosen for a CPU; published checkpoints have 12.8 million.',
    ),
  minPixels: z
    .int()
    .min(784)
    .default(3136)
    .describe('Smallest width × height of a frame, in pixels; smaller frames are scaled up.'),
  toneMap: z
    .enum(['bt2390', 'none'])
    .default('bt2390')
    .describe(
      'How HDR videos (PQ, HLG) are converted to SDR: by the curve of ITU-R BT.2390, or not at all (`none`: their values are taken as SDR).',
    ),
  deinterlace: z
    .enum(['bwdif', 'none'])
    .default('bwdif')
    .describe(
      'How interlaced frames are deinterlaced: by FFmpeg’s filter bwdif, or not at all (`none`: both fields stay in one picture).',
    ),
  squarePixels: z
    .boolean()
    .default(true)
    .describe('Whether frames with pixels that are not square are resized to the shape in which they are shown.'),
  profile: z
    .enum(['srgb', 'ignore'])
    .default('srgb')
    .describe(
      'Whether pictures with a colour profile are converted to sRGB; `ignore`: their values are taken as sRGB.',
    ),
  decoder: z
    .enum(['node-av', 'ffmpeg'])
    .default('node-av')
    .describe(
      'What decodes videos: FFmpeg’s libraries in the package node-av, or the `ffmpeg` and `ffprobe` of the system.',
    ),
  positions: z
    .enum(['transformers', 'transformers-5.17'])
    .default('transformers')
    .describe(
      'Time positions of videos: those of transformers 5.18, or those of 5.17, which truncates them to whole seconds.',
    ),
});

const lora = z.strictObject({
  rank: count.default(32).describe('Rank of the adapter. The paper uses 32 and 128.'),
  alpha: z.number().gt(0).default(32).describe('The output of the adapter is multiplied by alpha / rank.'),
  dropout: z.number().min(0).lt(1).default(0.1).describe('Dropout probability of the inputs of the adapter.'),
  rslora: z.boolean().default(false).describe('Rank-stabilised LoRA: multiply by alpha / √rank instead.'),
  targets: z
    .array(z.enum(loraTargets))
    .min(1)
    .default([...loraTargets])
    .describe('Linear layers of the text model that get an adapter.'),
  layers: z
    .string()
    .regex(/^(all|last [1-9]\d*)$/)
    .meta({ format: 'layers' })
    .default('all')
    .describe(
      'Decoder layers that get an adapter. The layers below the last N run once per clip instead of once per update.',
    ),
});

const optimizer = z.strictObject({
  learningRate: z.number().gt(0).default(3e-4).describe('Peak learning rate of AdamW.'),
  gentleLearningRate: z
    .number()
    .gt(0)
    .nullable()
    .default(null)
    .describe(
      'Peak learning rate that is used instead if training starts from an adapter that already predicts the training clips: its squared error is at most three quarters of that of predicting their mean. null: never.',
    ),
  beta1: z.number().min(0).lt(1).default(0.9).describe('Decay rate of the first moment.'),
  beta2: z.number().min(0).lt(1).default(0.999).describe('Decay rate of the second moment.'),
  eps: z.number().gt(0).default(1e-8).describe('Added to the square root of the second moment.'),
  weightDecay: z
    .number()
    .min(0)
    .default(0)
    .describe("Decoupled weight decay. The default is that of transformers' Trainer; PyTorch's is 0.01."),
  clipNorm: z
    .number()
    .gt(0)
    .nullable()
    .default(1)
    .describe('If the norm of all gradients together is larger, they are scaled down to this norm; null: never.'),
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
      'The base model: a folder in Hugging Face layout, or the name of a model that was pulled from the hub. Required.',
    ),
    adapter: path
      .nullable()
      .default(null)
      .describe(
        'Adapter to start from: its folder, or `shipped` for the one that ships with `models/nano`; null: a new adapter.',
      ),
    out: path.describe('Run folder. Required, here or on the command line.'),
    data: data.describe('The clips and their scores.'),
    frames: frames.prefault({}).describe('What the model sees of a clip.'),
    prompt: z
      .strictObject({
        template: text
          .default('four-dimensions')
          .describe(
            '`four-dimensions`, `single-dimension:NAME`, or the path of a text file (recognised by a dot or slash). In the file, `{prompt}` stands for the text prompt of the clip, and `{answer_format}` for the sentence that asks for the answer. `{frames}` at the end puts the frames after the text.',
          ),
        maxTextTokens: count
          .default(MAX_TEXT_TOKENS)
          .describe(
            'Maximum number of text tokens of a clip (the question with the text prompt in it, without frames). A clip with more counts as unreadable.',
          ),
      })
      .prefault({})
      .describe('What the model is asked.'),
    questions: z
      .array(
        z.strictObject({
          target: text.describe('Column of its scores.'),
          template: text.describe('As in `prompt.template`.'),
        }),
      )
      .default([])
      .describe(
        'Further questions about each clip that are trained together with that of `prompt`, which alone is validated and scored: the column of the scores (on the same scale) and a template each. The frames are computed once for all questions, no question sees another one, and each has the same weight.',
      ),
    answer: z
      .strictObject({
        kind: z
          .enum(['integer', 'decimal', 'level', 'raw'])
          .default('integer')
          .describe('How a score is written: as `34`, as `3.4`, as one of five words, or with all decimals.'),
        step: z
          .literal([0.1, 0.2, 0.5, 1])
          .nullable()
          .default(null)
          .describe(
            'Distance between neighbouring answers on the scale 1–5; null: 0.1 with `integer` and `decimal`, none with the others.',
          ),
        sentence: z
          .boolean()
          .nullable()
          .default(null)
          .describe(
            'Whether the answer stands in a sentence, `The overall quality of the video is 34.` (`image` if the frames are given as images); null: with `loss: sentence` alone.',
          ),
      })
      .prefault({})
      .describe('What the model answers.'),
    loss: z
      .enum(losses)
      .default('integer-only')
      .describe(`What is minimised: ${losses.map((name) => `${objectives[name].about} (\`${name}\`)`).join('; ')}.`),
    softLabelStd: z
      .number()
      .gt(0)
      .default(0.3)
      .describe(
        'Standard deviation of the distribution of `loss: soft-label` on the scale 1–5, for clips without `std` in the table.',
      ),
    auxiliaryWeight: z
      .number()
      .min(0)
      .default(1)
      .describe(
        `Weight of the second term of the losses that have one (${losses
          .filter((name) => objectives[name].auxiliary !== undefined)
          .map((name) => `\`${name}\``)
          .join(', ')}).`,
      ),
    method: z.enum(['lora', 'full']).default('lora').describe('Train a LoRA adapter, or every weight of the model.'),
    lora: lora.prefault({}).describe('The adapter, with `method: lora`.'),
    optimizer: optimizer.prefault({}).describe('AdamW and gradient clipping.'),
    schedule: z
      .strictObject({
        kind: z.enum(schedules).default('cosine').describe('Shape of the learning rate after the warm-up.'),
        warmup: z
          .number()
          .min(0)
          .max(1)
          .default(0.03)
          .describe('Share of all updates during which the learning rate rises linearly from 0.'),
      })
      .prefault({})
      .describe('The learning rate during the run.'),
    epochs: count.default(6).describe('Passes over the training rows.'),
    batchSize: count.default(8).describe('Clips per update.'),
    microBatch: count
      .default(1)
      .describe(
        'Clips that go through the graph at once; must divide `batchSize`. Memory grows with it; the result stays the same.',
      ),
    train: z
      .strictObject({
        order: z
          .enum(orders)
          .default('shuffled')
          .describe(
            'Order of the clips in an epoch: shuffled; in shuffled batches of clips of similar length, which need less padding with a large `microBatch`; or in shuffled fours of one group (`data.groupBy`), which `loss: fidelity` compares.',
          ),
        gradientCheckpointing: z
          .boolean()
          .default(false)
          .describe(
            'Keep only the values between layers, and compute the others again in the backward pass. Needs a third more time and less memory.',
          ),
      })
      .prefault({})
      .describe('How updates are made.'),
    seed: seed
      .default(0)
      .describe('Determines the order of the clips, the split, dropout, random frames and the initial adapter.'),
    seeds: z
      .strictObject({
        split: ownSeed.describe('Seed of the share of rows that validation holds out; null: `seed`.'),
        order: ownSeed.describe('Seed of the order of the clips; null: `seed`.'),
        init: ownSeed.describe('Seed of the initial values of a new adapter; null: `seed`.'),
        dropout: ownSeed.describe('Seed of dropout; null: `seed`.'),
        frames: ownSeed.describe('Seed of `frames.pick: random`; null: `seed`.'),
      })
      .prefault({})
      .describe('Seeds of single choices, to change one and keep the others.'),
    evaluation: z
      .strictObject({
        every: every
          .default('epoch')
          .describe('When the validation rows are scored: after each epoch, or after this number of updates.'),
        metric: z
          .enum(['srcc', 'plcc', 'challenge'])
          .default('challenge')
          .describe('Metric that selects the best checkpoint; `challenge` is (SRCC + PLCC) / 2.'),
        earlyStop: count
          .nullable()
          .default(null)
          .describe('Stop after this number of evaluations in a row without improvement; null: never.'),
      })
      .prefault({})
      .describe('Validation during training.'),
    checkpoint: z
      .strictObject({
        every: every
          .default('epoch')
          .describe('When the run is saved: after each epoch, or after this number of updates.'),
        keep: count.default(2).describe('Number of latest checkpoints that are kept in addition to the best one.'),
      })
      .prefault({})
      .describe('Saved states, from which a run is resumed.'),
    runtime: z
      .strictObject({
        engine: z
          .enum(['onnx', 'torch'])
          .default('onnx')
          .describe('Who computes: ONNX Runtime in this process, or PyTorch in worker processes (docs/gpu.md).'),
        devices: z
          .union([z.literal('auto'), count])
          .default('auto')
          .describe('Devices of the torch engine, a process each; `auto`: all GPUs, or one process on the CPU.'),
        shard: z
          .enum(['auto', 'none', 'full'])
          .default('auto')
          .describe(
            'How the devices of the torch engine hold the model: each the whole of it (`none`), or each its share of every decoder layer (`full`); `auto`: `none` where that fits, by a forecast.',
          ),
        precision: z
          .enum(['auto', 'float32', 'bfloat16'])
          .default('auto')
          .describe(
            'Type of frozen weights and of products on the torch engine; `auto`: bfloat16 on GPUs that have it, else float32. Adapter, optimizer and loss are float32.',
          ),
        restarts: z
          .int()
          .min(0)
          .default(0)
          .describe(
            'How often a run goes on by itself from its last checkpoint when a worker of the torch engine fails.',
          ),
        provider: z.enum(providers).default('cpu').describe('Provider of ONNX Runtime that runs the graph.'),
        threads: z.int().min(0).default(0).describe('Threads per operation; 0: one per physical core.'),
        prepack: z
          .boolean()
          .default(false)
          .describe(
            'Keep reordered copies of frozen float32 weights: an update is 5 % faster, and these weights need twice the memory.',
          ),
        workers: count.default(2).describe('Number of processes that decode clips.'),
        maxMemory: text
          .nullable()
          .default(null)
          .describe(
            "Maximum memory of one run of the graph in addition to the weights, such as `8GB`; compared with a forecast. A clip that needs more counts as unreadable; a `microBatch` that needs more is cut. null: four fifths of the machine's memory on the CPU, no limit elsewhere.",
          ),
        cache: z
          .boolean()
          .default(true)
          .describe(
            'Keep outputs of frozen parts of the model in the cache that all runs share (docs/cache.md). The result stays the same.',
          ),
      })
      .prefault({})
      .describe('How the machine is used.'),
  })
  .meta({ title: 'iovqa recipe' });

/** The schema of a recipe (zod 4). It fills in defaults; `resolveRecipe` adds layers, places of mistakes and cross-checks. */
export const recipeSchema: z.ZodType<Recipe, RecipeInput> = schema;
