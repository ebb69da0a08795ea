// What a recipe holds once it is read. Written from the schema by test/train/recipe.test.ts; do not edit.

/** A recipe with all values; paths are absolute. */
export interface Recipe {
  /** Recipe to start from; keys that are set here take precedence. `auto`: `small` for models of less than 100 million parameters, else `paper`. Default null. */
  recipe: 'paper' | 'small' | 'auto' | null;
  /** The base model: a folder in Hugging Face layout, or the name of a model of the hub that was pulled. Required. */
  model: string;
  /** Folder of an adapter to start from, or `shipped`: the one that ships with `models/nano`; null: a fresh one. Default null. */
  adapter: string | null;
  /** Run folder. Required, here or on the command line. */
  out: string;
  /** The clips and their scores. */
  data: {
    /** Table of clips and scores: `.csv`, `.jsonl` or `.ndjson`. Required. */
    manifest: string;
    /** Public data set whose label file the manifest is: gives columns and scale. Default null. */
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
    /** Scale of the scores, `MIN-MAX` or `dmos-MIN-MAX` where up is worse; null: the preset's, else 1-5. Default null. */
    scale: string | null;
    /** Column of the score to learn; null: the preset's, else `mos`. Default null. */
    target: string | null;
    /** Columns whose name is not that of their role. */
    columns: {
      /** The manifest's column for `video`; default: the preset's, else `video`. */
      video?: string;
      /** The manifest's column for `image`; default: the preset's, else `image`. */
      image?: string;
      /** The manifest's column for `mos`; default: the preset's, else `mos`. */
      mos?: string;
      /** The manifest's column for `prompt`; default: the preset's, else `prompt`. */
      prompt?: string;
      /** The manifest's column for `group`; default: the preset's, else `group`. */
      group?: string;
      /** The manifest's column for `split`; default: the preset's, else `split`. */
      split?: string;
      /** The manifest's column for `std`; default: the preset's, else `std`. */
      std?: string;
    };
    /** Folder that media names are relative to; null: the manifest's folder. Default null. */
    mediaRoot: string | null;
    /** What separates the fields of a text table: `comma`, `semicolon`, `tab`, `pipe` or any one character; null: detected. Default null. */
    delimiter: string | null;
    /** Whether the first line names the columns; without, their names are `1`, `2` and so on; null: detected. Default null. */
    header: boolean | null;
    /** What a held-out share keeps together: clips of one `group`, or of one `prompt`; null: detected when a run begins (`prompt` where clips share prompts and none has a group) and kept in its recipe. Default null. */
    groupBy: 'group' | 'prompt' | null;
    /** Rows to train on; null: all that validation does not hold out, whatever their split. Default null. */
    train: {
      /** Name in the split column. */
      split: string;
    } | null;
    /** Rows to select checkpoints on: a split, or a share of the training rows that keeps groups together; null: none. Default `{fraction:0.1}`. */
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
    /** Share of the clips that may be unreadable before the run stops. Default `0`. */
    maxBadFraction: number;
  };
  /** What the model sees of a clip. */
  frames: {
    /** Which frames of a video are looked at; `random` depends on `seed`. Default `middle`. */
    pick: 'middle' | 'first' | 'uniform' | 'random' | 'keyframe';
    /** Frames of a video; 1 with `middle` and `first`. Time and memory grow with it. Default `1`. */
    count: number;
    /** How two or more frames go in: as one video (two frames share a temporal patch) or as an image each. Default `video`. */
    as: 'video' | 'images';
    /** Largest width × height of a frame, in pixels; larger ones are scaled down. 448 × 448, chosen for a CPU; checkpoints ship 12.8 million. Default `200704`. */
    maxPixels: number;
    /** Smallest width × height of a frame, in pixels; smaller ones are scaled up. Default `3136`. */
    minPixels: number;
    /** HDR videos (PQ, HLG) to SDR by the curve of ITU-R BT.2390; `none` takes their numbers as SDR. Default `bt2390`. */
    toneMap: 'bt2390' | 'none';
    /** Interlaced frames by FFmpeg’s filter bwdif; `none` shows both fields as one picture. Default `bwdif`. */
    deinterlace: 'bwdif' | 'none';
    /** Frames whose pixels are not square get the shape in which they are shown. Default `true`. */
    squarePixels: boolean;
    /** Pictures with a colour profile are converted to sRGB; `ignore` takes their numbers as sRGB. Default `srgb`. */
    profile: 'srgb' | 'ignore';
    /** What decodes videos: FFmpeg’s libraries in the package node-av, or the `ffmpeg` and `ffprobe` of the system. Default `node-av`. */
    decoder: 'node-av' | 'ffmpeg';
    /** Time positions of videos: those of transformers 5.18, or the old ones, truncated to whole seconds. Default `transformers`. */
    positions: 'transformers' | 'transformers-5.17';
  };
  /** What the model is asked. */
  prompt: {
    /** `four-dimensions`, `single-dimension:NAME`, or the path of a text file (with a dot or slash in it): in it, `{prompt}` is the text prompt of the clip, `{answer_format}` the sentence that asks for the answer, and `{frames}` at the end puts the frames behind the text. Default `four-dimensions`. */
    template: string;
    /** Most tokens of a clip's text (the question with the text prompt in it, frames aside); a clip with more counts as unreadable. Default `4096`. */
    maxTextTokens: number;
  };
  /** What the model answers. */
  answer: {
    /** How a score is written: `34`, `3.4`, one of five words, or with all decimals. Default `integer`. */
    kind: 'integer' | 'decimal' | 'level' | 'raw';
    /** Distance of neighbouring answers on 1–5; null: 0.1 with `integer` and `decimal`, none with the others. Default null. */
    step: 0.1 | 0.2 | 0.5 | 1 | null;
  };
  /** Cross-entropy at the answer alone, or at answer and end token; squared error of the expected score, alone or with the share of the probability that is on no legal answer (`expected-score`); cross-entropy against a distribution around the score. Default `integer-only`. */
  loss: 'integer-only' | 'response' | 'softmax-regression' | 'soft-label' | 'expected-score';
  /** Width of that distribution on 1–5, with `loss: soft-label`, where the manifest has no `std`. Default `0.3`. */
  softLabelStd: number;
  /** Train a LoRA adapter, or every weight of the model. Default `lora`. */
  method: 'lora' | 'full';
  /** The adapter, with `method: lora`. */
  lora: {
    /** Rank of the update. The paper: 32 or 128. Default `32`. */
    rank: number;
    /** The update is scaled with alpha / rank. Default `32`. */
    alpha: number;
    /** Probability that an input of the update is dropped. Default `0.1`. */
    dropout: number;
    /** Scale with alpha / √rank instead. Default `false`. */
    rslora: boolean;
    /** Linear layers of the text model that get an update. */
    targets: readonly ('q_proj' | 'k_proj' | 'v_proj' | 'o_proj' | 'gate_proj' | 'up_proj' | 'down_proj')[];
    /** Decoder layers that get an update; those below the last N run once for each clip, not at every step. Default `all`. */
    layers: string;
  };
  /** AdamW and gradient clipping. */
  optimizer: {
    /** Peak learning rate of AdamW. Default `0.0003`. */
    learningRate: number;
    /** Peak learning rate instead, where the adapter that training starts from already predicts the training clips, with at most three quarters of the squared error that their mean has; null: never. Default null. */
    gentleLearningRate: number | null;
    /** Decay of the first moment. Default `0.9`. */
    beta1: number;
    /** Decay of the second moment. Default `0.999`. */
    beta2: number;
    /** Added to the root of the second moment. Default `1e-8`. */
    eps: number;
    /** Decoupled decay. 0 as in transformers' Trainer; torch's own default is 0.01. Default `0`. */
    weightDecay: number;
    /** Gradients are scaled down to this norm, taken over all of them together; null: never. Default `1`. */
    clipNorm: number | null;
  };
  /** The learning rate over the run. */
  schedule: {
    /** Course of the learning rate after the warm-up. Default `cosine`. */
    kind: 'cosine' | 'linear' | 'constant';
    /** Share of all updates over which it rises linearly from 0. Default `0.03`. */
    warmup: number;
  };
  /** Passes over the training rows. Default `6`. */
  epochs: number;
  /** Clips per update. Default `8`. */
  batchSize: number;
  /** Clips per run of the graph; divides `batchSize`. Memory grows with it, the result stays the same. Default `1`. */
  microBatch: number;
  /** How updates are made. */
  train: {
    /** Order of the clips in an epoch: all shuffled, or shuffled batches of similar length, in which a large `microBatch` needs less padding. Default `shuffled`. */
    order: 'shuffled' | 'by-length';
    /** Gradient checkpointing: keep only the values between layers and compute the rest again in the backward pass. A third more time, less memory. Default `false`. */
    recompute: boolean;
  };
  /** Fixes order, split, dropout, random frames and initial adapter. Default `0`. */
  seed: number;
  /** Validation during training. */
  evaluation: {
    /** When the validation rows are scored: each epoch, or every so many updates. Default `epoch`. */
    every: 'epoch' | number;
    /** Metric that selects the best checkpoint; `challenge` is (SRCC + PLCC) / 2. Default `challenge`. */
    metric: 'srcc' | 'plcc' | 'challenge';
    /** Stop after this many evaluations in a row without a better one; null: never. Default null. */
    earlyStop: number | null;
  };
  /** What a run can be resumed from. */
  checkpoint: {
    /** When the run is saved: each epoch, or every so many updates. Default `epoch`. */
    every: 'epoch' | number;
    /** Latest checkpoints that are kept besides the best. Default `2`. */
    keep: number;
  };
  /** How the machine is used. */
  run: {
    /** What ONNX Runtime runs the graph on. Default `cpu`. */
    provider: 'cpu' | 'cuda' | 'webgpu' | 'coreml' | 'dml';
    /** Threads of one op; 0: one for each physical core. Default `0`. */
    threads: number;
    /** Keep reordered copies of frozen float32 weights: a step is 5 % faster, and these weights take twice the memory. Default `false`. */
    prepack: boolean;
    /** Processes that decode clips. Default `2`. */
    workers: number;
    /** Most memory that one run of the graph may take beside the weights, as it is forecast, such as `8GB`: a clip that needs more counts as unreadable, and a `microBatch` that does is cut. null: four fifths of the machine's on the CPU, else no limit. Default null. */
    maxMemory: string | null;
    /** Keep what frozen parts of the model compute in the cache that all runs share (docs/cache.md). The result stays the same. Default `true`. */
    cache: boolean;
  };
}

/** A recipe before it is checked: whatever is left out, or undefined, comes from what is below it. */
export type RecipeInput = {
  [K in keyof Recipe]?:
    (Recipe[K] extends object ? { [J in keyof Recipe[K]]?: Recipe[K][J] | undefined } : Recipe[K]) | undefined;
};
