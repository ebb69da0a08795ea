// What a training run tells while it goes on; the lines of events.jsonl.

/** How well the validation rows are predicted. */
export interface ValidationScores {
  /** Spearman's rank correlation; null where it is undefined. */
  srcc: number | null;
  /** Pearson's correlation of the raw scores; null where it is undefined. */
  plcc: number | null;
  /** (SRCC + PLCC) / 2; null where one of them is undefined. */
  challenge: number | null;
  /** Root mean squared error on the user's scale; null where an answer is no score. */
  rmse: number | null;
  /** The error of predicting the mean opinion score of these rows for each of them. */
  rmseOfMean: number | null;
  /** Mean share of the full-vocabulary probability that lies on legal answers, 0 to 1; null with `raw` answers. */
  legalMass: number | null;
  /** Why something is undefined; empty when nothing is. */
  undefinedBecause: string;
}

/** An event of a training run. */
export type TrainEvent =
  | {
      /** The run begins or goes on. */
      type: 'start';
      /** Updates done before. */
      step: number;
      /** Updates of the whole run. */
      totalSteps: number;
      /** Rows to train on. */
      numTrain: number;
      /** Rows to select checkpoints on. */
      numValidation: number;
      /** Numbers that train. */
      numParameters: number;
      /** Numbers of the whole model. */
      numModelParameters: number;
      /** Who computes: the engine with its version and element type. */
      engine: string;
    }
  | {
      /** A clip was read, and its features are there. */
      type: 'prepared';
      /** Clips so far. */
      done: number;
      /** Clips so far whose features came from the cache. */
      cached: number;
      /** Clips in all. */
      total: number;
    }
  | {
      /** The layers below the adapter ran for a clip, with `lora.layers: last N`. */
      type: 'prepared-layers';
      /** Clips so far. */
      done: number;
      /** Clips in all. */
      total: number;
    }
  | {
      /** A clip cannot be used, and `data.maxBadFraction` allows to go on without it. */
      type: 'bad-clip';
      /** Its name in the manifest. */
      id: string;
      /** Why. */
      reason: string;
    }
  | {
      /** What a user should know, such as a cache that cannot be written; the run goes on. */
      type: 'note';
      /** Updates done, where it is about an evaluation. */
      step?: number;
      /** One line. */
      text: string;
    }
  | {
      /** The first example, in runs of tokens: what trains and what does not. */
      type: 'mask';
      /** The report. */
      text: string;
    }
  | {
      /** An update was made. */
      type: 'step';
      /** Updates so far. */
      step: number;
      /** Updates of the whole run. */
      totalSteps: number;
      /** Passes over the data, with the part of the present one. */
      epoch: number;
      /** Loss of the batch. */
      loss: number;
      /** Learning rate of the update. */
      learningRate: number;
      /** Norm of the gradients before clipping. */
      gradientNorm: number;
      /** Clips trained on a second, over the last updates. */
      clipsPerSecond: number;
      /** Seconds until the last update at that speed. */
      secondsLeft: number;
      /**
       * Share of the time since the update before, 0 to 1, for which worker processes waited for input; left out where the engine has
       * none, or nothing was computed.
       */
      waiting?: number;
    }
  | ({
      /** The validation rows were scored. */
      type: 'evaluation';
      /** Updates so far. */
      step: number;
      /** Whether no evaluation before was better. */
      best: boolean;
    } & ValidationScores)
  | {
      /** A checkpoint was written. */
      type: 'checkpoint';
      /** Updates so far. */
      step: number;
      /** Its folder. */
      path: string;
    }
  | {
      /** The run ended. */
      type: 'end';
      /** Updates in all. */
      step: number;
      /** `finished`; `early-stop` when validation did not get better; `aborted` when the signal said so. */
      reason: 'finished' | 'early-stop' | 'aborted';
      /** Folder of the best checkpoint; the last one without validation. */
      best: string;
    };

/** An event of the loop itself; the others come from what is around it. */
export type LoopEvent = Extract<TrainEvent, { type: 'step' | 'evaluation' | 'checkpoint' | 'end' }>;
