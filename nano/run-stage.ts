// A stage of pretraining: updates from where its last checkpoint stands to its end, logged and checkpointed.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openJsonLines, truncateJsonLines } from '../src/files/index.ts';
import {
  checkpointFolder,
  gradientNorm,
  initAdamW,
  learningRateFactor,
  loadLatestState,
  saveState,
} from '../src/train/index.ts';
import type { MuonOptions } from './muon.ts';
import { openMuon } from './muon.ts';
import type { ParallelStep } from './parallel-step.ts';
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
  const { stage, out, shapes, steps, saveEvery, signal } = options;
  const saved = await loadLatestState(out, shapes);
  let done = saved?.position.step ?? 0;
  if (saved !== null && done === steps) return saved.folder;
  const current = saved === null ? copied(options.parameters) : await options.read(saved.folder);
  const optimizer = saved?.optimizer ?? initAdamW(current);
  if (saved !== null) process.stderr.write(`${stage}: goes on behind step ${done}\n`);
  await mkdir(out, { recursive: true });
  const logFile = join(out, 'events.jsonl');
  await truncateJsonLines(logFile, (event) => (event as { step: number }).step <= done);
  await using log = await openLog(logFile);
  await using muon = await openMuon(shapes, options.muon);
  await using step = options.openStep();
  let smooth = NaN;
  const [started, first] = [performance.now(), done];
  while (done < steps && !signal.aborted) {
    const { loss, gradients, seconds: times } = await step.run(done, current);
    const norm = gradientNorm(gradients);
    if (!Number.isFinite(loss + norm)) throw new Error(`step ${done + 1}: loss ${loss}, gradients of norm ${norm}`);
    const rate = options.learningRate * Math.max(0.01, learningRateFactor('cosine', done, WARMUP, steps));
    await muon.update(current, gradients, optimizer, rate, Math.min(1, CLIP / (norm + 1e-6)));
    done++;
    smooth = Number.isNaN(smooth) ? loss : 0.98 * smooth + 0.02 * loss;
    const seconds = (performance.now() - started) / 1000;
    await log.append({ step: done, loss, gradientNorm: norm, seconds });
    if (done % 10 === 0) {
      const left = ((steps - done) * seconds) / (done - first) / 60;
      process.stderr.write(
        `${stage} ${done}/${steps}  loss ${smooth.toFixed(4)}  norm ${norm.toFixed(2)}  ` +
          `samples ${times.samples.toFixed(2)} s, step ${times.step.toFixed(2)} s  ` +
          `${(seconds / (done - first)).toFixed(2)} s a step, ${left.toFixed(0)} min left\n`,
      );
    }
    if (done % saveEvery === 0 || done === steps || signal.aborted) {
      await log.sync();
      const position = { step: done, best: null, stale: 0, ended: done === steps };
      await saveState(out, position, optimizer, shapes, (folder) => options.write(folder, current), 1);
    }
  }
  return done === steps ? checkpointFolder(out, done) : null;
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
