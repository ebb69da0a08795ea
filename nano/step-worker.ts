// A share of each update, in a thread of its own: makes its samples, runs the step on one core, and adds its gradients up.
import { parentPort, workerData } from 'node:worker_threads';
import { invariant } from '../src/core/index.ts';
import { openCheckpoint } from '../src/model/index.ts';
import { shareEncoderLock } from '../src/synthesis/index.ts';
import { createPhotos } from './content.ts';
import { openLearner } from './learners.ts';
import type { Stage } from './samples.ts';
import { groupsOf } from './samples.ts';
import type { Shapes } from './shared-numbers.ts';
import { copyInto, viewsOf } from './shared-numbers.ts';

/** What a worker is started with. */
export interface WorkerSetup {
  /** Its number, from 0. */
  worker: number;
  /** How many there are. */
  numWorkers: number;
  /** Folder of the model. */
  model: string;
  /** Of the run. */
  seed: number;
  /** What is learned. */
  stage: Stage;
  /** Encoders of all threads take turns by it. */
  encoders: SharedArrayBuffer;
  /** All photographs. */
  paths: readonly string[];
  /** Bytes of decoded photographs that are kept. */
  maxBytes: number;
  /** Names and shapes of what trains, in the order in which they lie in memory. */
  shapes: Shapes;
  /** Current parameters. */
  parameters: SharedArrayBuffer;
  /** Where the gradients go. */
  gradients: SharedArrayBuffer;
}

/** What a worker answers to the number of a step. */
export interface WorkerAnswer {
  /** The step. */
  step: number;
  /** Its part of the loss. */
  loss: number;
  /** Seconds for making samples, and for computing. */
  seconds: { samples: number; step: number };
  /** What went wrong. */
  error?: string;
}

const port = parentPort;
invariant(port !== null, 'step-worker.ts runs in a worker thread');
const { worker, numWorkers, model, seed, stage, paths, maxBytes, shapes, parameters, gradients, encoders } =
  workerData as WorkerSetup;
const content = { paths, open: createPhotos(maxBytes) };
const checkpoint = await openCheckpoint(model);
const learner = await openLearner(stage, checkpoint);
invariant(
  [...learner.parameters.keys()].sort().join() === [...shapes.keys()].sort().join(),
  'the step trains other parameters than the run',
);
shareEncoderLock(encoders);
const current = viewsOf(parameters, shapes);
const sums = viewsOf(gradients, shapes);
// ONNX Runtime takes no shared memory.
const own = new Map([...current].map(([name, values]) => [name, new Float32Array(values.length)]));

/**
 * Updates that see the same samples. Other questions are asked of them then, and making one takes a third of the time of learning from
 * it; of cells there is nothing else to ask.
 */
const ECHO = stage === 'questions' ? 2 : 1;
const roundOf = (at: number): number => Math.floor(at / ECHO);

type Made = Awaited<ReturnType<typeof learner.make>>[];

async function makeRound(round: number): Promise<Made> {
  const made: Made = [];
  for (const [g, group] of groupsOf(seed, round, stage).entries()) {
    made.push(await learner.make(content, group, seed, 2, round, worker, g));
  }
  return made;
}

async function compute(at: number): Promise<WorkerAnswer> {
  const started = performance.now();
  const groups = await groupsFor(at);
  const sampled = performance.now();
  copyInto(own, current);
  const all = Array.from({ length: numWorkers }, () => groupsOf(seed, roundOf(at), stage)).flat();
  let loss = 0;
  for (const [g, learn] of groups.entries()) {
    const result = await learn(own, all, seed, 3, at, worker, g);
    loss += result.loss;
    if (g === 0) copyInto(sums, result.gradients);
    else {
      for (const [name, sum] of sums) {
        const more = result.gradients.get(name)!;
        for (let i = 0; i < sum.length; i++) sum[i]! += more[i]!;
      }
    }
  }
  const seconds = { samples: (sampled - started) / 1000, step: (performance.now() - sampled) / 1000 };
  return { step: at, loss, seconds };
}

/** What was made last, and the round that it is of. */
let last: { round: number; groups: Promise<Made> } | null = null;

function groupsFor(at: number): Promise<Made> {
  const round = roundOf(at);
  if (last?.round !== round) {
    last = { round, groups: makeRound(round) };
    last.groups.catch(() => {}); // met when they are waited for
  }
  return last.groups;
}

/** The thread ends by itself, with no encoder open: terminated in the middle, it would keep the others from theirs. */
async function end(): Promise<void> {
  await last?.groups.catch(() => {});
  await learner[Symbol.asyncDispose]();
  port!.close();
}

port.on('message', (at: number | null) => {
  if (at === null) {
    void end();
    return;
  }
  compute(at).then(
    (answer) => {
      port.postMessage(answer);
      void groupsFor(at + 1); // made while the main thread updates the parameters
    },
    (error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      port.postMessage({ step: at, loss: NaN, seconds: { samples: 0, step: 0 }, error: text } satisfies WorkerAnswer);
    },
  );
});
