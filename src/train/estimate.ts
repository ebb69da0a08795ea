// Forecasts memory and time of a run before it: sizes from a few of its clips, costs from its graphs, speeds from this machine.
import { availableParallelism } from 'node:os';
import { UserError, machineMemory } from '../core/index.ts';
import { buildExample, buildScoringExample, trimToTargets } from '../example/index.ts';
import type { GraphCost, MachineSpeed, RunOptions, Value } from '../graph/index.ts';
import { ARENA, gradients, graphCost, input, measureSpeed, runSeconds } from '../graph/index.ts';
import type { ModelShape } from '../model/index.ts';
import {
  embedTokens,
  firstLoraLayer,
  frozenWeights,
  joinedVisionFeeds,
  layerInputs,
  lowerLayers,
  modelGraph,
  openModelShape,
  visionFeatures,
  visionInputs,
} from '../model/index.ts';
import { askAbout, edgeLogProbs, frameOptions, loadQuestioner, positionOptions } from '../score/index.ts';
import type { ClipFrames } from '../video/index.ts';
import { openFrameReader } from '../video/index.ts';
import { readForecastData } from './data.ts';
import { adoptAdapter } from './adopt-adapter.ts';
import { adoptGroups } from './adopt-groups.ts';
import { adoptTable } from './adopt-table.ts';
import { chooseRecipe } from './choose-recipe.ts';
import { MAX_BYTES } from './clip-store.ts';
import { isOverAnswers } from './objective.ts';
import type { Recipe, ResolvedRecipe } from './recipe/index.ts';
import { LARGE, answerTrie, scorerSettings } from './setup.ts';
import { stepGraph } from './step.ts';
import { VALIDATION_BATCH } from './validate.ts';

/** One kind of work of a run. */
export interface EstimatedPart {
  /** What it is. */
  name: 'vision tower' | 'layers below the adapter' | 'training step' | 'scoring pass';
  /** How often it runs. */
  runs: number;
  /** Seconds of one run, its memory being there. */
  seconds: number;
  /** Floating point operations of the matrix products of one run. */
  flops: number;
  /** Memory of its own while it runs, in bytes (RssAnon); what others hold besides is not in it. */
  ownBytes: number;
  /** Bytes of weights that it maps from the checkpoint (RssFile). */
  mappedBytes: number;
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

/** Clips that are opened. */
const SAMPLES = 6;
/** Node, the runtime and a graph of a few thousand nodes. */
const BASE_BYTES = 0.18e9;

interface Sample {
  /** Rows of the training example and of the scoring pass. */
  step: Map<string, number>;
  score: Map<string, number>;
}

/** What a few clips of a run are like. */
interface Samples {
  sizes: Sample[];
  /** Tokens on edges of the trie; 1 without one. */
  numColumns: number;
  /** Means of a clip: its tokens, those of frames, and scoring passes. */
  tokens: number;
  visionTokens: number;
  passes: number;
}

/**
 * Forecasts a run. Opens a few clips of it, and measures the machine for a second or two; nothing is written.
 * @param resolved - the run, from `resolveRecipe`; its model need not be here (`openModelShape`)
 * @param options - another machine
 * @throws UserError as training does for mistakes in data and model; `unreadable-media` for a clip that cannot be opened
 */
export async function estimateRun(resolved: ResolvedRecipe, options: EstimateOptions = {}): Promise<RunEstimate> {
  const { recipe } = await adoptAdapter(await adoptGroups(await chooseRecipe(await adoptTable(resolved))));
  const data = await readForecastData(recipe);
  const checkpoint = await openModelShape(recipe.model);
  const samples = await readSamples(recipe, checkpoint, data);
  const speed = await speedOf(recipe.run, options.threads);
  const { text, vision, stored } = checkpoint;
  const lora = recipe.method === 'full' ? null : recipe.lora;

  const firstLayer = lora === null ? 0 : firstLoraLayer(lora, text.numLayers);
  const { loss, parameters } = stepGraph({
    text,
    vision,
    stored,
    lora,
    loss: recipe.loss,
    numColumns: samples.numColumns,
    firstLayer,
  });
  const trained = [...parameters.values()];
  const trainedBytes = 4 * trained.reduce((total, value) => total + count(value), 0);
  const model = { text, vision, stored, lora, frozen: lora !== null, dropout: false };
  const step = [loss, ...gradients(loss, trained, { recompute: recipe.train.recompute })];
  const score = [edgeLogProbs(modelGraph(model).logits, samples.numColumns)];
  const tower = [visionFeatures(visionInputs(vision), vision, frozenWeights(stored))];

  // Of an embedding that is not the head, only the rows of a prompt's tokens are read.
  const isRead = (name: string): boolean => text.tieWordEmbeddings || name !== 'embed_tokens.weight';
  const mapped = (isTower: boolean): number =>
    checkpoint.names
      .filter((name) => name.startsWith('visual.') === isTower && isRead(name))
      .reduce((total, name) => total + stored(name).source.length, 0);
  const clips = data.train.length + data.validation.length;
  const [whole, rest] = [Math.floor(data.train.length / recipe.batchSize), data.train.length % recipe.batchSize];
  const updates = Math.ceil(data.train.length / recipe.batchSize) * recipe.epochs;
  const microBatch = Math.min(recipe.microBatch, recipe.batchSize, data.train.length);
  const times = (every: 'epoch' | number): number =>
    Math.ceil(updates / (every === 'epoch' ? Math.ceil(data.train.length / recipe.batchSize) : every));
  // A checkpoint comes with the scores of two golden pictures.
  const golden = 2 * times(recipe.checkpoint.every);
  const together = Math.max(1, Math.min(VALIDATION_BATCH, data.validation.length));
  const scored = Math.ceil(data.validation.length / together) * times(recipe.evaluation.every) + golden;
  const part = (
    name: EstimatedPart['name'],
    runs: number,
    outputs: readonly Value[],
    sizes: readonly ReadonlyMap<string, number>[],
    mappedBytes: number,
  ): EstimatedPart => {
    const costs = sizes.map((size): GraphCost => graphCost(outputs, size));
    const mean = (of: (cost: GraphCost) => number): number =>
      costs.reduce((total, cost) => total + of(cost), 0) / costs.length;
    return {
      name,
      runs,
      seconds: mean((cost) => runSeconds(cost, speed)),
      flops: mean((cost) => cost.flops),
      ownBytes: ARENA * Math.max(...costs.map((cost) => cost.peakBytes)),
      mappedBytes: lora === null ? 0 : mappedBytes,
    };
  };
  const parts = [
    part(
      'training step',
      recipe.epochs * (whole * Math.ceil(recipe.batchSize / microBatch) + Math.ceil(rest / microBatch)),
      step,
      samples.sizes.map((sample) => ofBatch(sample.step, microBatch)),
      mapped(false),
    ),
    part(
      'scoring pass',
      Math.round(scored * samples.passes),
      score,
      samples.sizes.map((sample) => ofBatch(sample.score, together)),
      mapped(false),
    ),
  ];
  if (lora !== null) {
    const sizes = samples.sizes.map((sample) => sample.score);
    if (firstLayer > 0) {
      const weights = frozenWeights(stored);
      const embedded = embedTokens(input('features', 'float32', ['M', text.hiddenSize]), weights);
      const lower = lowerLayers(embedded, firstLayer, layerInputs(text), text, weights);
      const examples = samples.sizes.map((sample) => sample.step);
      parts.unshift(part('layers below the adapter', data.train.length, [lower], examples, mapped(false)));
    }
    parts.unshift(part('vision tower', clips + golden, tower, sizes, mapped(true)));
  }

  // Values, both moments, gradients, and their sum where a batch runs in pieces; features of all clips.
  const copies = recipe.batchSize > microBatch ? 5 : 4;
  const clipBytes = 4 * text.hiddenSize * samples.visionTokens;
  const held = BASE_BYTES + copies * trainedBytes + Math.min(MAX_BYTES, clips * clipBytes);
  const isLarge = mapped(true) + mapped(false) >= LARGE;
  const most = (of: (part: EstimatedPart) => number): number =>
    isLarge ? Math.max(...parts.map(of)) : parts.reduce((total, one) => total + of(one), 0);
  const ownBytes = held + most((one) => one.ownBytes);
  const residentBytes = held + most((one) => one.ownBytes + one.mappedBytes);
  const work = parts.reduce((total, one) => total + one.runs * one.seconds, 0);
  return {
    numSampled: samples.sizes.length,
    tokens: samples.tokens,
    visionTokens: samples.visionTokens,
    parts,
    seconds: work + residentBytes / speed.freshBytes,
    ownBytes,
    residentBytes,
    machineBytes: options.memoryBytes ?? machineMemory(),
    notes: [
      ...checkpoint.notes,
      ...(options.threads === undefined ? [] : [`speeds are this machine's, times its threads`]),
    ],
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

/** The sizes of a micro-batch of clips of one size. */
function ofBatch(sizes: ReadonlyMap<string, number>, clips: number): Map<string, number> {
  const grown = new Map(sizes);
  for (const name of ['B', 'M', 'W', 'S']) grown.set(name, (sizes.get(name) ?? 1) * clips);
  return grown;
}

async function readSamples(
  recipe: Recipe,
  checkpoint: ModelShape,
  data: Awaited<ReturnType<typeof readForecastData>>,
): Promise<Samples> {
  const settings = scorerSettings(recipe, data);
  const questioner = await loadQuestioner(checkpoint, settings, recipe.prompt);
  const { tokenizer, codec, endTokenId } = questioner;
  const trie = answerTrie(checkpoint, questioner);
  const positions = positionOptions(checkpoint, settings.positions);
  const stride = Math.max(1, Math.floor(data.train.length / SAMPLES));
  const rows = data.train.filter((_, i) => i % stride === 0).slice(0, SAMPLES);
  await using reader = openFrameReader({ workers: recipe.run.workers });
  const sizes: Sample[] = [];
  let [tokens, visionTokens, passes] = [0, 0, 0];
  let bad: UserError | undefined;
  for (const row of rows) {
    let clip: ClipFrames;
    try {
      clip = await reader.read(row, frameOptions(checkpoint, settings.frames));
    } catch (error) {
      // A run may leave some out; which, it says when it reads them.
      if (!(error instanceof UserError) || recipe.data.maxBadFraction === 0) throw error;
      bad = error;
      continue;
    }
    const { plan, visions } = clip;
    const prompt = askAbout({ as: plan.as, shapes: visions }, checkpoint, questioner, row.prompt);
    const seen = new Map<string, number>();
    for (const [name, { shape }] of Object.entries(joinedVisionFeeds(visions, checkpoint.vision))) {
      if (name === 'pixels') seen.set('M', shape[0]!);
      if (name === 'windowSlots') seen.set('W', shape[0]!).set('L', shape[1]!);
      if (name === 'frameSlots') seen.set('S', shape[0]!).set('F', shape[1]!);
    }
    const answer = codec.encode(row.unit5);
    const targets = recipe.loss === 'response' ? 'response' : 'integer-only';
    const asked = { ...positions, prompt, answer, tokenizer, endTokenId };
    const example = trimToTargets(buildExample({ ...asked, targets }));
    const branches = trie === null ? null : buildScoringExample(prompt, trie, positions);
    const score = new Map(seen)
      .set('B', 1)
      .set('T', branches?.tokenIds.length ?? prompt.tokenIds.length)
      .set('Q', branches?.nodeRows.length ?? 1);
    const step = isOverAnswers(recipe.loss)
      ? new Map(score).set('A', trie?.answers.length ?? 0)
      : new Map(seen).set('B', 1).set('T', example.tokenIds.length).set('Q', example.targets.length);
    sizes.push({ step, score });
    tokens += example.tokenIds.length;
    // Generated answers take a pass for each token and for the end.
    passes += trie === null ? buildExample({ ...asked, targets: 'response' }).targets.length : 1;
    visionTokens += seen.get('M')!;
  }
  if (sizes.length === 0) throw bad!;
  const mean = (total: number): number => total / sizes.length;
  return {
    sizes,
    numColumns: trie?.columns.length ?? 1,
    tokens: mean(tokens),
    visionTokens: mean(visionTokens),
    passes: mean(passes),
  };
}
