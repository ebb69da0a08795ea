// The training loop: order of updates, evaluations, early stopping and checkpoints, and how a run goes on after an interruption. It knows
// nothing of clips, recipes or engines: pretraining runs by it as well.
import type { InputWait, UpdateResult } from '../engine/index.ts';
import type { LoopEvent, ValidationScores } from './events.ts';
import type { RunPosition } from './state.ts';
import { checkpointFolder, findLatestState, prune, saveState } from './state.ts';

/** What a loop trains. */
export interface Learner<Batch> {
  /**
   * Makes one update.
   * @param batch - what it learns from
   * @param learningRate - of this update
   */
  update: (batch: Batch, learningRate: number) => Promise<UpdateResult>;
  /**
   * Writes parameters and optimizer into a folder that is empty.
   * @param folder - of the checkpoint
   * @param step - updates done
   */
  write: (folder: string, step: number) => Promise<void>;
  /**
   * Loads what {@link Learner.write} wrote.
   * @param folder - of the checkpoint
   * @param step - updates done
   */
  read: (folder: string, step: number) => Promise<void>;
}

/** How a loop evaluates. */
export interface LoopEvaluation {
  /** Whether it evaluates after so many updates. */
  isDue: (step: number) => boolean;
  /** Evaluates. */
  run: () => Promise<ValidationScores>;
  /** What selects the best checkpoint. */
  metric: 'srcc' | 'plcc' | 'challenge';
  /** Evaluations in a row without improvement after which the run ends; null: never. */
  earlyStop: number | null;
}

/** How a loop is run. */
export interface LoopOptions<Batch> {
  /** The run folder. */
  out: string;
  /** Where it begins: from {@link resumeLoop}. */
  position: RunPosition;
  /** Updates in all. */
  totalSteps: number;
  /** Updates of an epoch. */
  stepsPerEpoch: number;
  /** Samples of a full batch. */
  batchSize: number;
  /** Samples of a batch, for the speed. */
  sizeOf: (batch: Batch) => number;
  /**
   * What an update learns from.
   * @param step - updates done before it
   */
  batchOf: (step: number) => Promise<Batch>;
  /** What trains. */
  learner: Learner<Batch>;
  /**
   * The learning rate of an update.
   * @param step - updates done before it
   */
  learningRateOf: (step: number) => number;
  /** Evaluations; null for none. */
  evaluation: LoopEvaluation | null;
  /** Whether a checkpoint is written after so many updates, besides the last one and better ones. */
  isCheckpointDue: (step: number) => boolean;
  /** Number of latest checkpoints to keep in addition to the best one. */
  keep: number;
  /** How long worker processes waited for input so far; left out where there are none. */
  inputWait?: (() => InputWait) | undefined;
  /** Called before a checkpoint is written. */
  beforeCheckpoint?: () => Promise<void>;
  /** Stops the run after the present update, with a checkpoint. */
  signal?: AbortSignal | undefined;
}

/**
 * Loads the latest checkpoint of a run, if there is one.
 * @param out - the run folder
 * @param learner - what trains
 * @param keep - number of latest checkpoints to keep in addition to the best one
 * @returns the place in the run
 */
export async function resumeLoop(
  out: string,
  learner: Pick<Learner<unknown>, 'read'>,
  keep: number,
): Promise<RunPosition> {
  const saved = await findLatestState(out);
  if (saved === null) return { step: 0, best: null, evaluationsSinceBest: 0, ended: false };
  await learner.read(saved.folder, saved.position.step);
  await prune(out, saved.position, keep);
  return saved.position;
}

/**
 * Trains from a place in a run to its end.
 * @param options - what is trained, from what, for how long
 * @returns the events, in order; the last one is `end`
 */
export async function* runLoop<Batch>(options: LoopOptions<Batch>): AsyncGenerator<LoopEvent, void> {
  const { out, totalSteps, stepsPerEpoch, batchSize, learner, evaluation, signal } = options;
  let { position } = options;
  const speed = speedometer();
  const waiting = waitingSince(options.inputWait);
  // A run that early stopping ended, and that is resumed, has nothing to do.
  let reason: 'finished' | 'early-stop' | 'aborted' = position.ended ? 'early-stop' : 'finished';
  let saved = position.step;

  while (position.step < totalSteps && !position.ended) {
    // Told to stop while the last checkpoint was written: there is nothing to save.
    if (signal?.aborted === true && position.step > 0 && position.step === saved) {
      reason = 'aborted';
      break;
    }
    const batch = await options.batchOf(position.step);
    const learningRate = options.learningRateOf(position.step);
    const { loss, gradientNorm } = await learner.update(batch, learningRate);
    position = { ...position, step: position.step + 1 };
    const { step } = position;
    const samplesLeft = (totalSteps - step) * batchSize;
    const clipsPerSecond = speed(options.sizeOf(batch));
    yield {
      type: 'step',
      step,
      totalSteps,
      epoch: step / stepsPerEpoch,
      loss,
      learningRate,
      gradientNorm,
      clipsPerSecond,
      secondsLeft: samplesLeft / clipsPerSecond,
      ...waiting(),
    };

    let improved = false;
    if (evaluation?.isDue(step) === true) {
      const scores = await evaluation.run();
      const score = scores[evaluation.metric];
      improved = score !== null && (position.best === null || score > position.best.score);
      position = improved
        ? { ...position, best: { step, score: score! }, evaluationsSinceBest: 0 }
        : { ...position, evaluationsSinceBest: position.evaluationsSinceBest + 1 };
      yield { type: 'evaluation', step, best: improved, ...scores };
      if (evaluation.earlyStop !== null && position.evaluationsSinceBest >= evaluation.earlyStop) {
        reason = 'early-stop';
        position = { ...position, ended: true };
      }
      speed(0);
    }
    const isLast = step >= totalSteps || position.ended;
    const aborted = signal?.aborted === true && !isLast;
    if (improved || aborted || isLast || options.isCheckpointDue(step)) {
      await options.beforeCheckpoint?.();
      await saveState(out, position, (folder) => learner.write(folder, step), options.keep);
      saved = step;
      yield { type: 'checkpoint', step, path: checkpointFolder(out, step) };
      speed(0);
    }
    if (aborted) {
      reason = 'aborted';
      break;
    }
  }
  const { step, best } = position;
  yield { type: 'end', step, reason, best: checkpointFolder(out, best?.step ?? step) };
}

/** Samples a second over about the last twenty updates; called with 0 when time passed that was not training. */
function speedometer(): (samples: number) => number {
  let last = performance.now();
  let rate: number | null = null;
  return (samples) => {
    const now = performance.now();
    const seconds = (now - last) / 1000;
    last = now;
    if (samples > 0 && seconds > 0) {
      const current = samples / seconds;
      rate = rate === null ? current : 1 / (0.9 / rate + 0.1 / current);
    }
    return rate ?? 0;
  };
}

/** The share of waiting since the last call. */
function waitingSince(read: (() => InputWait) | undefined): () => { waiting?: number } {
  let last = read?.();
  return () => {
    const now = read?.();
    if (now === undefined || last === undefined) return {};
    const [waited, elapsed] = [now.waited - last.waited, now.elapsed - last.elapsed];
    last = now;
    return elapsed > 0 ? { waiting: waited / elapsed } : {};
  };
}
