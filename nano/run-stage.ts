// A stage of pretraining: the training loop with an optimizer and a source of samples of its own.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { StateTensor } from '../src/engine/index.ts';
import type { AdamWState } from '../src/engine/onnx/index.ts';
import { gradientNorm, initAdamW } from '../src/engine/onnx/index.ts';
import { openJsonLines, truncateJsonLines } from '../src/files/index.ts';
import type { Learner } from '../src/train/index.ts';
import {
  checkpointFolder,
  learningRateFactor,
  readOptimizer,
  resumeLoop,
  runLoop,
  writeOptimizer,
} from '../src/train/index.ts';
import type { Muon, MuonOptions } from './muon.ts';
import { openMuon } from './muon.ts';
import type { ParallelResult, ParallelStep } from './parallel-step.ts';
import type { Stage } from './samples.ts';
import type { Shapes } from './shared-numbers.ts';

/** Updates over which the learning rate rises. */
const WARMUP = 100;
/** Norm that gradients are cut down to. */
const CLIP = 1;

/** A stage. */
export interface StageOptions {
  /** What it is called in what is printed. */
  stage: Stage;
  /** Starts the threads that compute gradients; only where there is something left to do. */
  openStep: () => ParallelStep;
  /** Where its checkpoints and log go. */
  out: string;
  /** Names and shapes of what trains, in a fixed order. */
  shapes: Shapes;
  /** Values that it begins with; not changed. */
  parameters: ReadonlyMap<string, Float32Array>;
  /** Updates. */
  steps: number;
  /** Highest learning rate, of a cosine. */
  learningRate: number;
  /** Of the optimizer. */
  muon: MuonOptions;
  /** Updates between checkpoints. */
  saveEvery: number;
  /** Writes the parameters into a folder that is empty. */
  write: (folder: string, parameters: ReadonlyMap<string, Float32Array>) => Promise<void>;
  /** Reads what `write` wrote. */
  read: (folder: string) => Promise<Map<string, Float32Array>>;
  /** Stops after the update that is computed; what is done is kept. */
  signal: AbortSignal;
}

/**
 * Runs a stage.
 * @param options - what is learned, from what, how
 * @returns the folder that holds the parameters after its last update; null where it was stopped before
 */
export async function runStage(options: StageOptions): Promise<string | null> {
  const { stage, out, steps, signal, saveEvery } = options;
  const state = openState(options);
  const position = await resumeLoop(out, state, 1);
  if (position.step === steps) return checkpointFolder(out, steps);
  if (signal.aborted) return null;
  if (position.step > 0) process.stderr.write(`${stage}: goes on behind step ${position.step}\n`);
  await mkdir(out, { recursive: true });
  const logFile = join(out, 'events.jsonl');
  await truncateJsonLines(logFile, (event) => (event as { step: number }).step <= position.step);
  await using log = await openLog(logFile);
  await using muon = await openMuon(options.shapes, options.muon);
  await using step = options.openStep();
  const learner = { ...state, ...learn(state, step, muon) };
  const print = printer(options, position.step);
  const started = performance.now();
  const events = runLoop({
    out,
    position,
    totalSteps: steps,
    stepsPerEpoch: steps,
    batchSize: 1,
    sizeOf: () => 1,
    batchOf: (done) => Promise.resolve(done),
    learner,
    learningRateOf: (done) => options.learningRate * Math.max(0.01, learningRateFactor('cosine', done, WARMUP, steps)),
    evaluation: null,
    isCheckpointDue: (done) => done % saveEvery === 0,
    keep: 1,
    beforeCheckpoint: () => log.sync(),
    signal,
  });
  for await (const event of events) {
    if (event.type !== 'step') continue;
    const seconds = (performance.now() - started) / 1000;
    await log.append({ step: event.step, loss: event.loss, gradientNorm: event.gradientNorm, seconds });
    print(event, seconds, learner.seconds());
  }
  return state.done() === steps ? checkpointFolder(out, steps) : null;
}

/** Parameters and optimizer, and their checkpoints. */
interface StageState extends Pick<Learner<number>, 'read' | 'write'> {
  parameters: () => Map<string, Float32Array>;
  optimizer: () => AdamWState;
  /** Updates done. */
  done: () => number;
}

function openState({ shapes, parameters: first, read, write }: StageOptions): StageState {
  let parameters = copied(first);
  let optimizer = initAdamW(parameters);
  const moments = (): StateTensor[] =>
    [...shapes].flatMap(([name, shape]) =>
      (['m', 'v'] as const).map((moment) => ({
        name: `${moment}.${name}`,
        shape,
        read: () => optimizer[moment].get(name)!,
      })),
    );
  return {
    parameters: () => parameters,
    optimizer: () => optimizer,
    done: () => optimizer.step,
    read: async (folder, step) => {
      parameters = await read(folder);
      const saved = initAdamW(parameters);
      for await (const [name, values] of readOptimizer(folder, moments())) {
        saved[name.startsWith('m.') ? 'm' : 'v'].set(name.slice(2), values);
      }
      optimizer = { ...saved, step };
    },
    write: async (folder) => {
      await write(folder, parameters);
      await writeOptimizer(folder, moments());
    },
  };
}

/** Updates by Muon, from gradients that threads compute of samples of their own. */
function learn(
  state: StageState,
  step: ParallelStep,
  muon: Muon,
): Pick<Learner<number>, 'update'> & { seconds: () => ParallelResult['seconds'] } {
  let seconds: ParallelResult['seconds'] = { samples: 0, step: 0 };
  return {
    seconds: () => seconds,
    update: async (done, learningRate) => {
      const { loss, gradients, seconds: times } = await step.run(done, state.parameters());
      seconds = times;
      const norm = gradientNorm(gradients);
      if (!Number.isFinite(loss + norm)) throw new Error(`step ${done + 1}: loss ${loss}, gradients of norm ${norm}`);
      const scale = Math.min(1, CLIP / (norm + 1e-6));
      await muon.update(state.parameters(), gradients, state.optimizer(), learningRate, scale);
      return { loss, gradientNorm: norm };
    },
  };
}

/** Prints a line every ten updates. */
function printer(
  { stage, steps }: StageOptions,
  first: number,
): (
  event: { step: number; loss: number; gradientNorm: number },
  seconds: number,
  times: ParallelResult['seconds'],
) => void {
  let smooth = NaN;
  return ({ step, loss, gradientNorm: norm }, seconds, times) => {
    smooth = Number.isNaN(smooth) ? loss : 0.98 * smooth + 0.02 * loss;
    if (step % 10 !== 0) return;
    const left = ((steps - step) * seconds) / (step - first) / 60;
    process.stderr.write(
      `${stage} ${step}/${steps}  loss ${smooth.toFixed(4)}  norm ${norm.toFixed(2)}  ` +
        `samples ${times.samples.toFixed(2)} s, step ${times.step.toFixed(2)} s  ` +
        `${(seconds / (step - first)).toFixed(2)} s a step, ${left.toFixed(0)} min left\n`,
    );
  };
}

type Log = Awaited<ReturnType<typeof openJsonLines>>;

async function openLog(file: string): Promise<Pick<Log, 'append' | 'sync'> & AsyncDisposable> {
  const log = await openJsonLines(file);
  return {
    append: (line) => log.append(line),
    sync: () => log.sync(),
    [Symbol.asyncDispose]: () => log.close(),
  };
}

function copied(values: ReadonlyMap<string, Float32Array>): Map<string, Float32Array> {
  return new Map([...values].map(([name, array]) => [name, array.slice()]));
}
