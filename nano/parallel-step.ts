// An update's gradient, computed by threads that take a share each. One op rarely keeps two cores busy in a model as small as this.
import { Worker } from 'node:worker_threads';
import { encoderLock } from '../src/synthesis/index.ts';
import type { Shapes } from './shared-numbers.ts';
import { allocate, copyInto, viewsOf } from './shared-numbers.ts';
import type { WorkerAnswer, WorkerSetup } from './step-worker.ts';

/** What the threads gave. */
export interface ParallelResult {
  /** Loss of the batch. */
  loss: number;
  /** Gradients by name, in arrays that the next step writes over. */
  gradients: ReadonlyMap<string, Float32Array>;
  /** Most seconds that a thread waited for samples, and that it computed. */
  seconds: WorkerAnswer['seconds'];
}

/** Threads that compute gradients. */
export interface ParallelStep {
  /** Computes the gradient of a step. */
  run: (step: number, parameters: ReadonlyMap<string, Float32Array>) => Promise<ParallelResult>;
  /** Ends the threads, when they have done what they are at. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * Starts the threads.
 * @param shapes - what trains
 * @param setup - model, stage, seed, photographs
 * @param numWorkers - threads; the result depends on it, the machine's cores do not matter
 */
export function openParallelStep(
  shapes: Shapes,
  setup: Pick<WorkerSetup, 'model' | 'seed' | 'stage' | 'paths' | 'maxBytes'>,
  numWorkers: number,
): ParallelStep {
  const shared = allocate(shapes);
  const current = viewsOf(shared, shapes);
  const buffers = Array.from({ length: numWorkers }, () => allocate(shapes));
  const gradients = buffers.map((buffer) => viewsOf(buffer, shapes));
  // Node 20 does not pass what reads TypeScript on to threads.
  const entry = JSON.stringify(new URL('./step-worker.ts', import.meta.url).href);
  const source = `import('tsx/esm/api').then(({ register }) => { register(); return import(${entry}); })`;
  const workers = buffers.map((buffer, worker) => {
    const workerData: WorkerSetup = {
      ...setup,
      encoders: encoderLock(),
      worker,
      numWorkers,
      shapes,
      parameters: shared,
      gradients: buffer,
    };
    return new Worker(source, { eval: true, workerData });
  });
  const ask = (worker: Worker, step: number): Promise<WorkerAnswer> =>
    new Promise((resolve, reject) => {
      const settle = (): void => {
        worker.off('message', answered).off('error', failed).off('exit', ended);
      };
      const answered = (answer: WorkerAnswer): void => {
        settle();
        if (answer.error === undefined) resolve(answer);
        else reject(new Error(`step ${step}: ${answer.error}`));
      };
      const failed = (error: Error): void => {
        settle();
        reject(error);
      };
      const ended = (code: number): void => failed(new Error(`a thread of the step ended with ${code}`));
      worker.on('message', answered).on('error', failed).on('exit', ended);
      worker.postMessage(step);
    });
  return {
    run: async (step, parameters) => {
      copyInto(current, parameters);
      const answers = await Promise.all(workers.map((worker) => ask(worker, step)));
      const [total, ...others] = gradients;
      for (const other of others) {
        for (const [name, sum] of total!) {
          const more = other.get(name)!;
          for (let i = 0; i < sum.length; i++) sum[i]! += more[i]!;
        }
      }
      return {
        loss: answers.reduce((sum, { loss }) => sum + loss, 0),
        gradients: total!,
        seconds: {
          samples: Math.max(...answers.map(({ seconds }) => seconds.samples)),
          step: Math.max(...answers.map(({ seconds }) => seconds.step)),
        },
      };
    },
    [Symbol.asyncDispose]: async () => {
      const running = workers.filter(({ threadId }) => threadId !== -1); // others have ended already
      const ended = running.map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
      for (const worker of running) worker.postMessage(null);
      await Promise.all(ended);
    },
  };
}
