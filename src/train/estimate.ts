// Forecasts memory and time of a run before it: sizes from a few of its clips, costs from the engine.
import { UserError, commandLine, machineMemory } from '../core/index.ts';
import type { MachineSpeed, WorkCost } from '../engine/index.ts';
import { forecastRun } from '../engine/index.ts';
import { openModelShape } from '../model/index.ts';
import { formOf, objectives } from '../objectives/index.ts';
import { inheritAdapterSettings } from './inherit-adapter.ts';
import { detectGrouping } from './detect-grouping.ts';
import { inheritTableOptions } from './inherit-table.ts';
import { chooseRecipe } from './choose-recipe.ts';
import { MAX_BYTES } from './clip-store.ts';
import { readForecastData } from './data.ts';
import type { ResolvedRecipe } from './recipe/index.ts';
import { readSamples } from './samples.ts';
import { VALIDATION_BATCH } from './validate.ts';

/** One kind of work of a run. */
export interface EstimatedPart extends WorkCost {
  /** What it is. */
  name: 'vision tower' | 'layers below the adapter' | 'training step' | 'scoring pass';
  /** How often it runs. */
  runs: number;
}

/** What a run will take. */
export interface RunEstimate {
  /** Clips that were opened for their sizes. */
  numSampled: number;
  /** Tokens of a clip with its question, the mean of those. */
  tokens: number;
  /** Tokens of it that stand for frames. */
  visionTokens: number;
  /** Kinds of work. */
  parts: EstimatedPart[];
  /** Seconds of the whole run, decoding aside. */
  seconds: number;
  /** Most memory of its own (RssAnon), in bytes. */
  ownBytes: number;
  /** Most resident memory (VmHWM): its own and the weights that are mapped, in bytes. */
  residentBytes: number;
  /** Memory of the machine, in bytes: this one's, or what was asked about. */
  machineBytes: number;
  /** What a reader must know of the figures, such as that the model's sizes are those of a table. */
  notes: readonly string[];
  /** Speeds that were measured. */
  speed: MachineSpeed;
}

/** About which machine a forecast is made. */
export interface EstimateOptions {
  /** Its memory, in bytes; default: this machine's. */
  memoryBytes?: number;
  /** Its cores; default: this machine's, or the recipe's threads. Products are taken to be as many times as fast. */
  threads?: number;
}

/**
 * Forecasts a run. Opens a few clips of it, and measures the machine for a second or two; nothing is written.
 * @param resolved - the run, from `resolveRecipe`; its model need not be here (`openModelShape`)
 * @param options - another machine
 * @throws UserError as training does for mistakes in data and model; `unreadable-media` for a clip that cannot be opened
 */
export async function estimateRun(resolved: ResolvedRecipe, options: EstimateOptions = {}): Promise<RunEstimate> {
  const { recipe } = await inheritAdapterSettings(
    await detectGrouping(await chooseRecipe(await inheritTableOptions(resolved))),
  );
  if (recipe.runtime.engine === 'torch') {
    throw new UserError('not-supported', 'runtime.engine: expected onnx to forecast time, got torch', {
      hint: `${commandLine('estimate --engine torch')} forecasts memory.`,
    });
  }
  const data = await readForecastData(recipe);
  const model = await openModelShape(recipe.model);
  const samples = await readSamples(recipe, model, data);
  const { trie } = samples.context;
  const [numTrain, numValidation] = [data.train.length, data.validation.length];
  const microBatch = Math.min(recipe.microBatch, recipe.batchSize, numTrain);
  const together = Math.max(1, Math.min(VALIDATION_BATCH, numValidation));
  const { provider, threads, prepack } = recipe.runtime;
  const costs = await forecastRun({
    model,
    lora: recipe.method === 'full' ? null : recipe.lora,
    training: {
      form: formOf(objectives[recipe.loss], recipe.auxiliaryWeight),
      gradientCheckpointing: recipe.train.gradientCheckpointing,
    },
    answers: trie === null ? null : { numNodes: trie.nodes.length, numColumns: trie.columns.length },
    samples: samples.clips,
    batchSize: recipe.batchSize,
    microBatch,
    together,
    heldClips: { count: numTrain + numValidation, maxBytes: MAX_BYTES },
    runtime: { provider, threads, prepack },
    threads: options.threads,
  });

  const [whole, rest] = [Math.floor(numTrain / recipe.batchSize), numTrain % recipe.batchSize];
  const stepsPerEpoch = Math.ceil(numTrain / recipe.batchSize);
  const times = (every: 'epoch' | number): number =>
    Math.ceil((stepsPerEpoch * recipe.epochs) / (every === 'epoch' ? stepsPerEpoch : every));
  // A checkpoint comes with the scores of two golden pictures.
  const golden = 2 * times(recipe.checkpoint.every);
  const scored = Math.ceil(numValidation / together) * times(recipe.evaluation.every) + golden;
  const steps = recipe.epochs * (whole * Math.ceil(recipe.batchSize / microBatch) + Math.ceil(rest / microBatch));
  const part = (name: EstimatedPart['name'], runs: number, cost: WorkCost | null): EstimatedPart[] =>
    cost === null ? [] : [{ name, runs, ...cost }];
  const parts = [
    ...part('vision tower', numTrain + numValidation + golden, costs.encode),
    ...part('layers below the adapter', numTrain, costs.prefix),
    ...part('training step', steps, costs.update),
    ...part('scoring pass', Math.round(scored * samples.passes), costs.predict),
  ];
  const most = (of: (part: EstimatedPart) => number): number =>
    costs.takesTurns ? Math.max(...parts.map(of)) : parts.reduce((total, one) => total + of(one), 0);
  const residentBytes = costs.heldBytes + most((one) => one.ownBytes + one.mappedBytes);
  const work = parts.reduce((total, one) => total + one.runs * one.seconds, 0);
  return {
    numSampled: samples.clips.length,
    tokens: samples.tokens,
    visionTokens: costs.visionTokens,
    parts,
    seconds: work + residentBytes / costs.speed.freshBytes,
    ownBytes: costs.heldBytes + most((one) => one.ownBytes),
    residentBytes,
    machineBytes: options.memoryBytes ?? machineMemory(),
    notes: [...model.notes, ...(options.threads === undefined ? [] : [`speeds are this machine's, times its threads`])],
    speed: costs.speed,
  };
}
