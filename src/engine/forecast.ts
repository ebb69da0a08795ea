// What a run will cost, as an engine forecasts it.
import type { MachineSpeed } from '../graph/index.ts';
import type { PreparedExample } from '../inputs/index.ts';
import type { LoraOptions, ModelShape } from '../model/index.ts';
import type { AnswerTreeSizes, RuntimeOptions, TrainingOptions } from './types.ts';

/** A clip of a run, for its sizes. */
export interface ForecastSample {
  /** As it is trained on, with pixels. */
  train: PreparedExample;
  /** As it is scored, with pixels. */
  score: PreparedExample;
}

/** About what a forecast is made. */
export interface ForecastOptions {
  /** The model; its weights need not be here. */
  model: ModelShape;
  /** The adapter; null where every weight trains. */
  lora: LoraOptions | null;
  /** Loss, gradient checkpointing. */
  training: Pick<TrainingOptions, 'form' | 'gradientCheckpointing'>;
  /** The tree of legal answers; null where answers are generated. */
  answers: AnswerTreeSizes | null;
  /** A few clips of the run; at least one. */
  samples: readonly ForecastSample[];
  /** Clips of an update. */
  batchSize: number;
  /** Clips that go through a step at a time. */
  microBatch: number;
  /** Clips that are scored at a time. */
  together: number;
  /** Clips whose features are held, and the most memory for them, in bytes. */
  heldClips: { count: number; maxBytes: number };
  /** How the machine is used. */
  runtime: RuntimeOptions;
  /** Cores of the machine that is asked about; default: this one's. */
  threads?: number | undefined;
}

/** Cost of a kind of work. */
export interface WorkCost {
  /** Seconds of one run, its memory being there. */
  seconds: number;
  /** Floating point operations of the matrix products of one run. */
  flops: number;
  /** Memory of its own while it runs, in bytes (RssAnon); what others hold besides is not in it. */
  ownBytes: number;
  /** Bytes of weights that it maps from the checkpoint (RssFile). */
  mappedBytes: number;
}

/** What a run costs. */
export interface RunForecast {
  /** The frozen vision tower for one clip; null where it trains. */
  encode: WorkCost | null;
  /** The frozen layers below an adapter on the last ones, for one clip; null without any. */
  prefix: WorkCost | null;
  /** A step of a micro-batch. */
  update: WorkCost;
  /** A scoring pass. */
  predict: WorkCost;
  /** Memory that is held all the time, in bytes: parameters, moments, gradients, features. */
  heldBytes: number;
  /** Whether kinds of work make room for each other, so that only the largest counts. */
  takesTurns: boolean;
  /** Tokens of a clip that stand for frames, the mean. */
  visionTokens: number;
  /** Speeds that were measured. */
  speed: MachineSpeed;
}
