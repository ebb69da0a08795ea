// A share of each update, in a thread of its own: makes its samples, runs the step on one core, and adds its gradients up.
import { parentPort, workerData } from 'node:worker_threads';
import { invariant } from '../src/core/index.ts';
import { openCheckpoint } from '../src/model/index.ts';
import { loadQuestioner } from '../src/score/index.ts';
import { compileStep, tokenFeeds } from '../src/train/index.ts';
import { createPhotos } from './content.ts';
import { lessonOf } from './learn.ts';
import type { Sample, Stage } from './samples.ts';
import { groupsOf, makeSample } from './samples.ts';
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
  /** Updates in which only statistics of pictures are asked for. */
  statisticSteps: number;
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
const { worker, numWorkers, model, seed, paths, maxBytes, shapes, parameters, gradients, statisticSteps } =
  workerData as WorkerSetup;
const content = { paths, open: createPhotos(maxBytes) };
const checkpoint = await openCheckpoint(model);
const questioner = await loadQuestioner(checkpoint, {
  prompt: { template: 'four-dimensions', source: null },
  answer: { kind: 'integer', step: null },
});
const { text, vision, stored } = checkpoint;
const step = await compileStep({
  text,
  vision,
  stored,
  lora: null,
  loss: 'response',
  numColumns: 0,
  firstLayer: 0,
  run: { threads: 1, prepack: false },
});
invariant(
  [...step.parameters.keys()].sort().join() === [...shapes.keys()].sort().join(),
  'the step trains other parameters than the run',
);
const current = viewsOf(parameters, shapes);
const sums = viewsOf(gradients, shapes);
// ONNX Runtime takes no shared memory.
const own = new Map([...current].map(([name, values]) => [name, new Float32Array(values.length)]));

/** Updates that see the same samples, asked about otherwise: making one takes a third of the time of learning from it. */
const ECHO = 2;

const stageOf = (round: number): Stage => (ECHO * round < statisticSteps ? 'statistics' : 'all');

async function makeRound(round: number): Promise<Sample[][]> {
  const groups: Sample[][] = [];
  for (const [g, group] of groupsOf(seed, round, stageOf(round)).entries()) {
    const samples: Sample[] = [];
    for (let i = 0; i < group.count; i++) samples.push(await makeSample(content, group, seed, 2, round, worker, g, i));
    groups.push(samples);
  }
  return groups;
}

async function compute(at: number): Promise<WorkerAnswer> {
  const started = performance.now();
  const groups = await samplesOf(at);
  const sampled = performance.now();
  copyInto(own, current);
  const clips = numWorkers * groups.reduce((total, group) => total + group.length, 0);
  const stage = stageOf(Math.floor(at / ECHO));
  let loss = 0;
  for (const [g, group] of groups.entries()) {
    const items = group.map(
      (sample, i) => lessonOf(sample, { checkpoint, questioner }, stage, seed, 3, at, worker, g, i).item,
    );
    const result = await step.run(own, tokenFeeds(items, clips, checkpoint, false));
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

/** Samples that were made last, and the round that they are of. */
let made: { round: number; samples: Promise<Sample[][]> } | null = null;

function samplesOf(at: number): Promise<Sample[][]> {
  const round = Math.floor(at / ECHO);
  if (made?.round !== round) {
    made = { round, samples: makeRound(round) };
    made.samples.catch(() => {}); // met when they are waited for
  }
  return made.samples;
}

port.on('message', (at: number) => {
  compute(at).then(
    (answer) => {
      port.postMessage(answer);
      void samplesOf(at + 1); // made while the main thread updates the parameters
    },
    (error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      port.postMessage({ step: at, loss: NaN, seconds: { samples: 0, step: 0 }, error: text } satisfies WorkerAnswer);
    },
  );
});
