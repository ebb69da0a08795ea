// What a recipe holds once it is read. Written from the schema by test/train/recipe.test.ts; do not edit.

/** A recipe with all values; paths are absolute. */
export interface Recipe {
  /** Recipe to start from; keys that are set here take precedence. `auto`: `small` for models of less than 100 million parameters, else `paper`. Default null. */
  recipe: 'paper' | 'small' | 'auto' | null;
  /** The base model: a folder in Hugging Face layout, or the name of a model that was pulled from the hub. Required. */
  model: string;
  /** Adapter to start from: its folder, or `shipped` for the one that ships with `models/nano`; null: a new adapter. Default null. */
  adapter: string | null;
  /** Run folder. Required, here or on the command line. */
  out: string;
  /** The clips and their scores. */
  data: {
    /** Table of clips and scores: `.csv`, `.jsonl` or `.ndjson`. Required. */
    manifest: string;
    /** Public data set that the table belongs to; it sets columns and scale. Default null. */
    preset:
      | 'taobaovd-gc'
      | 'konvid-1k'
      | 'lsvq'
      | 't2vqa-db'
      | 'fetv'
      | 'biq2021'
      | 'koniq-10k'
      | 'koniq-10k-sets'
      | 'kadid-10k'
      | 'agiqa-3k'
      | 'live-vqc'
      | 'beyond8bits'
      | null;
    /** Scale of the scores, `MIN-MAX`, or `dmos-MIN-MAX` if higher is worse; null: the preset's, else 1-5. Default null. */
    scale: string | null;
    /** Column of the score to train on; null: the preset's, else `mos`. Default null. */
    target: string | null;
    /** Names of columns, where they differ from the names of their roles. */
    columns: {
      /** The table's column for `video`; default: the preset's, else `video`. */
      video?: string;
      /** The table's column for `image`; default: the preset's, else `image`. */
      image?: string;
      /** The table's column for `mos`; default: the preset's, else `mos`. */
      mos?: string;
      /** The table's column for `prompt`; default: the preset's, else `prompt`. */
      prompt?: string;
      /** The table's column for `group`; default: the preset's, else `group`. */
      group?: string;
      /** The table's column for `split`; default: the preset's, else `split`. */
      split?: string;
      /** The table's column for `std`; default: the preset's, else `std`. */
      std?: string;
    };
    /** Folder that file names are relative to; null: the folder of the table. Default null. */
    mediaRoot: string | null;
    /** Delimiter of a text table: `comma`, `semicolon`, `tab`, `pipe` or any one character; null: detected. Default null. */
    delimiter: string | null;
    /** Whether the first line contains the names of the columns. If not, they are called `1`, `2` and so on. null: detected. Default null. */
    header: boolean | null;
    /** What a held-out share keeps together: clips with the same `group`, or with the same `prompt`; null: detected when a run starts (`prompt` if clips share prompts and none has a group), and stored in its recipe. Default null. */
    groupBy: 'group' | 'prompt' | null;
    /** Rows to train on; null: all rows that validation does not hold out, whatever their split. Default null. */
    train: {
      /** Name in the split column. */
      split: string;
    } | null;
    /** Rows that select the best checkpoint: those of a split, or a share of the training rows that keeps groups together; null: no validation. Default `{fraction:0.1}`. */
    validation:
      | {
          /** Name in the split column. */
          split: string;
        }
      | {
          /** Share of the rows, whole groups only. */
          fraction: number;
        }
      | null;
    /** A fold of the training rows that the run does not see, as `cross-validate` sets it: they are cut into `of` folds that keep groups together, by `seeds.split`; null: none. Default null. */
    fold: {
      /** Which fold, from 1. */
      index: number;
      /** Number of folds. */
      of: number;
    } | null;
    /** Share of the clips that may be unreadable; with more, the run stops. Default `0`. */
    maxBadFraction: number;
  };
  /** What the model sees of a clip. */
  frames: {
    /** Which frames of a video are selected; `random` depends on `seed`. Default `middle`. */
    pick: 'middle' | 'first' | 'uniform' | 'random' | 'keyframe';
    /** Number of frames per video; 1 with `middle` and `first`. Time and memory grow with it. Default `1`. */
    count: number;
    /** How two or more frames are given to the model: as one video (two frames share a temporal patch), or each as an image. Default `video`. */
    as: 'video' | 'images';
    /** Largest width × height of a frame, in pixels; larger frames are scaled down. The default, 448 × 448, is chosen for a CPU; published checkpoints have 12.8 million. Default `200704`. */
    maxPixels: number;
    /** Smallest width × height of a frame, in pixels; smaller frames are scaled up. Default `3136`. */
    minPixels: number;
    /** How HDR videos (PQ, HLG) are converted to SDR: by the curve of ITU-R BT.2390, or not at all (`none`: their values are taken as SDR). Default `bt2390`. */
    toneMap: 'bt2390' | 'none';
    /** How interlaced frames are deinterlaced: by FFmpeg’s filter bwdif, or not at all (`none`: both fields stay in one picture). Default `bwdif`. */
    deinterlace: 'bwdif' | 'none';
    /** Whether frames with pixels that are not square are resized to the shape in which they are shown. Default `true`. */
    squarePixels: boolean;
    /** Whether pictures with a colour profile are converted to sRGB; `ignore`: their values are taken as sRGB. Default `srgb`. */
    profile: 'srgb' | 'ignore';
    /** What decodes videos: FFmpeg’s libraries in the package node-av, or the `ffmpeg` and `ffprobe` of the system. Default `node-av`. */
    decoder: 'node-av' | 'ffmpeg';
    /** Time positions of videos: those of transformers 5.18, or those of 5.17, which truncates them to whole seconds. Default `transformers`. */
    positions: 'transformers' | 'transformers-5.17';
  };
  /** What the model is asked. */
  prompt: {
    /** `four-dimensions`, `single-dimension:NAME`, or the path of a text file (recognised by a dot or slash). In the file, `{prompt}` stands for the text prompt of the clip, and `{answer_format}` for the sentence that asks for the answer. `{frames}` at the end puts the frames after the text. Default `four-dimensions`. */
    template: string;
    /** Maximum number of text tokens of a clip (the question with the text prompt in it, without frames). A clip with more counts as unreadable. Default `4096`. */
    maxTextTokens: number;
  };
  /** Further questions about each clip that are trained together with that of `prompt`, which alone is validated and scored: the column of the scores (on the same scale) and a template each. The frames are computed once for all questions, no question sees another one, and each has the same weight. */
  questions: readonly {
    /** Column of its scores. */
    target: string;
    /** As in `prompt.template`. */
    template: string;
  }[];
  /** What the model answers. */
  answer: {
    /** How a score is written: as `34`, as `3.4`, as one of five words, or with all decimals. Default `integer`. */
    kind: 'integer' | 'decimal' | 'level' | 'raw';
    /** Distance between neighbouring answers on the scale 1–5; null: 0.1 with `integer` and `decimal`, none with the others. Default null. */
    step: 0.1 | 0.2 | 0.5 | 1 | null;
    /** Whether the answer stands in a sentence, `The overall quality of the video is 34.` (`image` if the frames are given as images); null: with `loss: sentence` alone. Default null. */
    sentence: boolean | null;
  };
  /** What is minimised: cross-entropy at the answer alone (`integer-only`); cross-entropy at the answer and at the end token (`response`); cross-entropy at a sentence around the answer and at the end token (`sentence`); cross-entropy at every text token of the conversation (`sequence`); the squared error of the expected score (`softmax-regression`); cross-entropy against a distribution around the score (`soft-label`); the squared error of the expected score with the probability that is not on a valid answer (`expected-score`); cross-entropy at the answer with `auxiliaryWeight` times the squared error of the expected score (`regression-aware`); cross-entropy at the answer with `auxiliaryWeight` times the fidelity loss on which of two clips is better (`fidelity`). Default `integer-only`. */
  loss:
    | 'integer-only'
    | 'response'
    | 'sentence'
    | 'sequence'
    | 'softmax-regression'
    | 'soft-label'
    | 'expected-score'
    | 'regression-aware'
    | 'fidelity';
  /** Standard deviation of the distribution of `loss: soft-label` on the scale 1–5, for clips without `std` in the table. Default `0.3`. */
  softLabelStd: number;
  /** Weight of the second term of the losses that have one (`regression-aware`, `fidelity`). Default `1`. */
  auxiliaryWeight: number;
  /** Train a LoRA adapter, or every weight of the model. Default `lora`. */
  method: 'lora' | 'full';
  /** The adapter, with `method: lora`. */
  lora: {
    /** Rank of the adapter. The paper uses 32 and 128. Default `32`. */
    rank: number;
    /** The output of the adapter is multiplied by alpha / rank. Default `32`. */
    alpha: number;
    /** Dropout probability of the inputs of the adapter. Default `0.1`. */
    dropout: number;
    /** Rank-stabilised LoRA: multiply by alpha / √rank instead. Default `false`. */
    rslora: boolean;
    /** Linear layers of the text model that get an adapter. */
    targets: readonly ('q_proj' | 'k_proj' | 'v_proj' | 'o_proj' | 'gate_proj' | 'up_proj' | 'down_proj')[];
    /** Decoder layers that get an adapter. The layers below the last N run once per clip instead of once per update. Default `all`. */
    layers: string;
  };
  /** AdamW and gradient clipping. */
  optimizer: {
    /** Peak learning rate of AdamW. Default `0.0003`. */
    learningRate: number;
    /** Peak learning rate that is used instead if training starts from an adapter that already predicts the training clips: its squared error is at most three quarters of that of predicting their mean. null: never. Default null. */
    gentleLearningRate: number | null;
    /** Decay rate of the first moment. Default `0.9`. */
    beta1: number;
    /** Decay rate of the second moment. Default `0.999`. */
    beta2: number;
    /** Added to the square root of the second moment. Default `1e-8`. */
    eps: number;
    /** Decoupled weight decay. The default is that of transformers' Trainer; PyTorch's is 0.01. Default `0`. */
    weightDecay: number;
    /** If the norm of all gradients together is larger, they are scaled down to this norm; null: never. Default `1`. */
    clipNorm: number | null;
  };
  /** The learning rate during the run. */
  schedule: {
    /** Shape of the learning rate after the warm-up. Default `cosine`. */
    kind: 'cosine' | 'linear' | 'constant';
    /** Share of all updates during which the learning rate rises linearly from 0. Default `0.03`. */
    warmup: number;
  };
  /** Passes over the training rows. Default `6`. */
  epochs: number;
  /** Clips per update. Default `8`. */
  batchSize: number;
  /** Clips that go through the graph at once; must divide `batchSize`. Memory grows with it; the result stays the same. Default `1`. */
  microBatch: number;
  /** How updates are made. */
  train: {
    /** Order of the clips in an epoch: shuffled; in shuffled batches of clips of similar length, which need less padding with a large `microBatch`; or in shuffled fours of one group (`data.groupBy`), which `loss: fidelity` compares. Default `shuffled`. */
    order: 'shuffled' | 'by-length' | 'by-group';
    /** Keep only the values between layers, and compute the others again in the backward pass. Needs a third more time and less memory. Default `false`. */
    gradientCheckpointing: boolean;
  };
  /** Determines the order of the clips, the split, dropout, random frames and the initial adapter. Default `0`. */
  seed: number;
  /** Seeds of single choices, to change one and keep the others. */
  seeds: {
    /** Seed of the share of rows that validation holds out; null: `seed`. Default null. */
    split: number | null;
    /** Seed of the order of the clips; null: `seed`. Default null. */
    order: number | null;
    /** Seed of the initial values of a new adapter; null: `seed`. Default null. */
    init: number | null;
    /** Seed of dropout; null: `seed`. Default null. */
    dropout: number | null;
    /** Seed of `frames.pick: random`; null: `seed`. Default null. */
    frames: number | null;
  };
  /** Validation during training. */
  evaluation: {
    /** When the validation rows are scored: after each epoch, or after this number of updates. Default `epoch`. */
    every: 'epoch' | number;
    /** Metric that selects the best checkpoint; `challenge` is (SRCC + PLCC) / 2. Default `challenge`. */
    metric: 'srcc' | 'plcc' | 'challenge';
    /** Stop after this number of evaluations in a row without improvement; null: never. Default null. */
    earlyStop: number | null;
  };
  /** Saved states, from which a run is resumed. */
  checkpoint: {
    /** When the run is saved: after each epoch, or after this number of updates. Default `epoch`. */
    every: 'epoch' | number;
    /** Number of latest checkpoints that are kept in addition to the best one. Default `2`. */
    keep: number;
  };
  /** How the machine is used. */
  runtime: {
    /** Who computes: ONNX Runtime in this process, or PyTorch in worker processes (docs/gpu.md). Default `onnx`. */
    engine: 'onnx' | 'torch';
    /** Devices of the torch engine, a process each; `auto`: all GPUs, or one process on the CPU. Default `auto`. */
    devices: 'auto' | number;
    /** How the devices of the torch engine hold the model: each the whole of it (`none`), or each its share of every decoder layer (`full`); `auto`: `none` where that fits, by a forecast. Default `auto`. */
    shard: 'auto' | 'none' | 'full';
    /** Type of frozen weights and of products on the torch engine; `auto`: bfloat16 on GPUs that have it, else float32. Adapter, optimizer and loss are float32. Default `auto`. */
    precision: 'auto' | 'float32' | 'bfloat16';
    /** How often a run goes on by itself from its last checkpoint when a worker of the torch engine fails. Default `0`. */
    restarts: number;
    /** Provider of ONNX Runtime that runs the graph. Default `cpu`. */
    provider: 'cpu' | 'cuda' | 'webgpu' | 'coreml' | 'dml';
    /** Threads per operation; 0: one per physical core. Default `0`. */
    threads: number;
    /** Keep reordered copies of frozen float32 weights: an update is 5 % faster, and these weights need twice the memory. Default `false`. */
    prepack: boolean;
    /** Number of processes that decode clips. Default `2`. */
    workers: number;
    /** Maximum memory of one run of the graph in addition to the weights, such as `8GB`; compared with a forecast. A clip that needs more counts as unreadable; a `microBatch` that needs more is cut. null: four fifths of the machine's memory on the CPU, no limit elsewhere. Default null. */
    maxMemory: string | null;
    /** Keep outputs of frozen parts of the model in the cache that all runs share (docs/cache.md). The result stays the same. Default `true`. */
    cache: boolean;
  };
}

/** A recipe before it is checked: whatever is left out, or undefined, comes from what is below it. */
export type RecipeInput = {
  [K in keyof Recipe]?:
    (Recipe[K] extends object ? { [J in keyof Recipe[K]]?: Recipe[K][J] | undefined } : Recipe[K]) | undefined;
};
