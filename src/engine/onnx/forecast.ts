// Forecasts the memory and time of a run's kinds of work: costs from their graphs, speeds from this machine.
import { availableParallelism } from 'node:os';
import type { GraphCost, MachineSpeed, RunOptions, Value } from '../../graph/index.ts';
import { ARENA, gradients, graphCost, measureSpeed, runSeconds } from '../../graph/index.ts';
import type { PreparedExample } from '../../inputs/index.ts';
import { firstLoraLayer } from '../../model/index.ts';
import type { ForecastOptions, RunForecast, WorkCost } from '../forecast.ts';
import { edgeLogProbs } from './answer-graph.ts';
import { predictingGraph } from './model.ts';
import { LARGE_MODEL_BYTES } from './residency.ts';
import { stepGraph } from './step.ts';

/** Node, the runtime and a graph of a few thousand nodes. */
const BASE_BYTES = 0.18e9;

/** Symbols of a graph with their values. */
type Sizes = ReadonlyMap<string, number>;

/**
 * Forecasts what the work of a run costs. Measures the machine for a second or two.
 * @param options - model, adapter, examples
 */
export async function forecastRun(options: ForecastOptions): Promise<RunForecast> {
  const { model, lora, training, answers, samples, microBatch, together, batchSize, heldClips } = options;
  const { family, text, stored } = model;
  const speed = await speedOf(options.runtime, options.threads);
  const numColumns = answers?.numColumns ?? 1;
  const firstLayer = lora === null ? 0 : firstLoraLayer(lora, text.numLayers);
  const { loss, parameters } = stepGraph({ model, lora, form: training.form, numColumns, firstLayer });
  const trained = [...parameters.values()];
  const trainedBytes = 4 * trained.reduce((total, value) => total + count(value), 0);

  const isOfTower = (name: string): boolean => family.weights.placeOf(name).part === 'vision';
  const mapped = (isTower: boolean): number =>
    model.names
      .filter((name) => isOfTower(name) === isTower && family.memory.readsWhole(name, text))
      .reduce((total, name) => total + stored(name).source.length, 0);
  const costOf = (outputs: readonly Value[], sizes: readonly Sizes[], mappedBytes: number): WorkCost => {
    const costs = sizes.map((size): GraphCost => graphCost(outputs, size));
    const mean = (of: (cost: GraphCost) => number): number =>
      costs.reduce((total, cost) => total + of(cost), 0) / costs.length;
    return {
      seconds: mean((cost) => runSeconds(cost, speed)),
      flops: mean((cost) => cost.flops),
      ownBytes: ARENA * Math.max(...costs.map((cost) => cost.peakBytes)),
      mappedBytes: lora === null ? 0 : mappedBytes,
    };
  };
  const sizesOf = sizesFor(model);
  const train = samples.map((sample) => sizesOf(sample.train, 1));
  const score = samples.map((sample) => sizesOf(sample.score, 1));
  const step = [loss, ...gradients(loss, trained, { gradientCheckpointing: training.gradientCheckpointing })];
  const pass = [
    edgeLogProbs(family.graphs.whole(model, predictingGraph(lora, lora !== null, false)).logits, numColumns),
  ];
  // Values, both moments, gradients, and their sum where a batch runs in pieces; features of all clips.
  const copies = batchSize > microBatch ? 5 : 4;
  const visionTokens = score.reduce((total, sizes) => total + sizes.get('M')!, 0) / score.length;
  const clipBytes = 4 * text.hiddenSize * visionTokens;
  return {
    encode: lora === null ? null : costOf([family.graphs.vision(model)], score, mapped(true)),
    prefix:
      lora === null || firstLayer === 0
        ? null
        : costOf([family.graphs.prefix(model, firstLayer)], train, mapped(false)),
    update: costOf(
      step,
      samples.map((sample) => sizesOf(sample.train, microBatch)),
      mapped(false),
    ),
    predict: costOf(
      pass,
      samples.map((sample) => sizesOf(sample.score, together)),
      mapped(false),
    ),
    heldBytes: BASE_BYTES + copies * trainedBytes + Math.min(heldClips.maxBytes, heldClips.count * clipBytes),
    takesTurns: mapped(true) + mapped(false) >= LARGE_MODEL_BYTES,
    visionTokens,
    speed,
  };
}

/** This machine's speeds; for other threads, products and other ops as many times as fast. */
async function speedOf(run: RunOptions, threads: number | undefined): Promise<MachineSpeed> {
  const here = await measureSpeed(run);
  if (threads === undefined) return here;
  const times = threads / (run.threads || availableParallelism());
  return { ...here, flops: here.flops * times, writtenBytes: here.writtenBytes * times };
}

const count = (value: Value): number => value.shape.reduce<number>((total, d) => total * (d as number), 1);

/** The symbols of a model's graphs. */
function sizesFor({ family, vision: config }: ForecastOptions['model']) {
  return ({ rows, vision, wanted }: PreparedExample, clips: number): Sizes => {
    const sizes = new Map([
      ['B', clips],
      ['T', rows.tokenIds.length],
    ]);
    if (wanted.kind === 'tokens') sizes.set('Q', wanted.targets.length);
    else if (wanted.kind === 'answers')
      sizes.set('Q', wanted.tree.nodeRows.length).set('A', wanted.tree.answers.length);
    else sizes.set('Q', 1);
    const pictures = vision.kind === 'pictures' ? vision.pictures : [];
    for (const [symbol, size] of family.memory.visionSizes(pictures, config, clips)) sizes.set(symbol, size);
    return sizes;
  };
}
