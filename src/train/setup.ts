// Everything a run works with, opened from its recipe: rows, model, clips, the compiled step and the readout for validation.
import { findPreset } from '../dataset/index.ts';
import type { Disposer } from '../core/index.ts';
import { UserError, createDisposer, packageVersion, parseSize } from '../core/index.ts';
import type { RunOptions } from '../graph/index.ts';
import type { Adapter, CacheStore, Checkpoint, FrozenPart, LoraOptions } from '../model/index.ts';
import {
  blameWeights,
  compileLowerLayers,
  createFeatureCache,
  firstLoraLayer,
  frozenPart,
  initLora,
  loraShapes,
  openCacheStore,
  openCheckpoint,
  readAdapter,
  startAdapter,
  writeAdapter,
  writeCard,
  writeCheckpoint,
} from '../model/index.ts';
import { buildAnswerTrie, encodePrompt } from '../prompt/index.ts';
import type { EncodedClip, Questioner, Readout, ScorerSettings } from '../score/index.ts';
import {
  createClipEncoder,
  createReadout,
  createClipCache,
  frameOptions,
  goldenScores,
  loadQuestioner,
  positionOptions,
  makeCard,
  withDecoder,
} from '../score/index.ts';
import { openFrameReader } from '../video/index.ts';
import { initAdamW } from './adamw.ts';
import { numParameters } from './choose-recipe.ts';
import type { ClipStore } from './clip-store.ts';
import { createClipStore } from './clip-store.ts';
import type { RunData } from './data.ts';
import { readRunData } from './data.ts';
import { createLowerOutputs } from './lower-outputs.ts';
import type { Recipe } from './recipe/index.ts';
import type { TrainStep } from './step.ts';
import { stepRoom } from './step-room.ts';
import { compileStep } from './step.ts';
import type { Feeder, Learner } from './update.ts';

/** What a run works with. Dispose of it to free sessions and processes. */
export interface TrainingSetup {
  /** The recipe. */
  recipe: Recipe;
  /** The rows; bad clips leave them. */
  data: RunData;
  /** Gives clips. */
  store: ClipStore;
  /** How clips become feeds. */
  feeder: Feeder;
  /** Step, parameters and optimizer, at the beginning of the run. */
  learner: Learner;
  /** Shapes of what trains, by name. */
  shapes: ReadonlyMap<string, readonly number[]>;
  /** Scores the validation rows. */
  readout: Readout;
  /**
   * Refuses a clip that needs more memory than there is, to train on or to validate with.
   * @throws UserError `not-supported`
   */
  requireMemory: (clip: Pick<EncodedClip, 'prompt'>, isTrained: boolean) => void;
  /** Numbers of the whole model. */
  numModelParameters: number;
  /** Reads what trains from a checkpoint of the run. */
  readParameters: (folder: string) => Promise<Map<string, Float32Array>>;
  /** Writes adapter or model into an empty folder. */
  writeModel: (folder: string, parameters: ReadonlyMap<string, Float32Array>, step: number) => Promise<void>;
  /** Adds to an error about numbers that are not finite which of the model's mapped weights are so. */
  explain: (error: unknown) => Promise<unknown>;
  /** What the cache on disk may take, in bytes; 0 without one. */
  cacheBytes: () => Promise<number>;
  /** What a user should know that turned up since the last call. */
  takeNotes: () => string[];
  /** Frees everything. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * Opens what a recipe names: first what is quick to be wrong, then what takes time.
 * @param recipe - the recipe, with an adapter's own settings in it (`adoptAdapter`)
 * @throws UserError for mistakes in data, model, adapter or template
 */
export async function openTraining(recipe: Recipe): Promise<TrainingSetup> {
  const disposer = createDisposer();
  try {
    return await openWith(recipe, disposer);
  } catch (error) {
    await disposer[Symbol.asyncDispose]();
    throw error;
  }
}

async function openWith(recipe: Recipe, disposer: Disposer): Promise<TrainingSetup> {
  const data = await readRunData(recipe);
  const checkpoint = await openCheckpoint(recipe.model);
  const base = recipe.adapter === null ? null : await readAdapter(startAdapter(recipe.adapter), checkpoint);
  const settings = scorerSettings(recipe, data);
  const questioner = await loadQuestioner(checkpoint, settings, recipe.prompt);
  const lora = recipe.method === 'full' ? null : recipe.lora;
  const numModelParameters = numParameters(checkpoint);

  const { run } = recipe;
  const { recompute } = recipe.train;
  const reader = disposer.own(openFrameReader({ workers: run.workers }));
  const frames = frameOptions(checkpoint, settings.frames);
  const notes = [...data.dataset.notes, ...data.notes];
  const kept = run.cache ? openCacheStore({ onNote: (note) => notes.push(note) }) : null;
  const cache = lora === null ? null : createClipCache(kept, checkpoint, frames, run);
  const encoder = disposer.own(createClipEncoder({ checkpoint, questioner, frames, reader, cache, run }));
  const { text, vision, stored } = checkpoint;
  const maxMemory = run.maxMemory === null ? undefined : parseSize(run.maxMemory);
  const trie = answerTrie(checkpoint, questioner);
  const numColumns = trie?.columns.length ?? 0;
  const firstLayer = lora === null ? 0 : firstLoraLayer(lora, text.numLayers);
  const lower = firstLayer === 0 ? null : disposer.own(await compileLowerLayers(text, stored, firstLayer, run));
  const lowerOutputs =
    lower === null
      ? null
      : createLowerOutputs({
          lower,
          model: checkpoint,
          cache: createFeatureCache(kept, lowerPart(checkpoint, firstLayer, run, kept)),
        });
  const [step, readout] = inTurns(
    checkpoint,
    lower === null ? [encoder] : [encoder, lower],
    disposer.own(
      await compileStep({ text, vision, stored, lora, loss: recipe.loss, numColumns, firstLayer, recompute, run }),
    ),
    disposer.own(createReadout({ checkpoint, lora, frozen: lora !== null, questioner, settings, run, maxMemory })),
  );
  const parameters = await initialParameters(checkpoint, lora, base, recipe.seed);
  const room = stepRoom({
    recipe,
    checkpoint,
    lora,
    numColumns,
    firstLayer,
    maxMemory,
    numNodes: trie?.nodes.length ?? 1,
  });
  return {
    recipe,
    data,
    store: createClipStore(encoder),
    feeder: {
      loss: recipe.loss,
      model: checkpoint,
      dropout: lora !== null && lora.dropout > 0,
      seed: recipe.seed,
      questioner,
      positions: positionOptions(checkpoint, settings.positions),
      trie,
      softLabelStd: recipe.softLabelStd,
      microBatch: recipe.microBatch,
      isRoomFor: room.isRoomFor,
      lowerOutputs,
    },
    learner: {
      step,
      parameters,
      optimizer: initAdamW(parameters),
      adamW: recipe.optimizer,
      clipNorm: recipe.optimizer.clipNorm,
    },
    shapes: step.parameters,
    readout,
    requireMemory: (clip, isTrained) => (isTrained ? room.requireMemory(clip) : readout.requireMemory([clip])),
    numModelParameters,
    readParameters: (folder) => readParameters(folder, checkpoint, lora),
    writeModel: async (folder, values, step) => {
      const card = await makeCard(checkpoint, questioner, settings, {
        training: {
          manifestSha256: data.dataset.sha256,
          targetColumn: targetColumn(recipe),
          numClips: data.train.length,
          step,
        },
        isAdapter: lora !== null,
        goldenScores: await goldenScores(
          encoder,
          readout,
          values,
          checkpoint.vision.patchSize * checkpoint.vision.spatialMergeSize,
        ).catch((error: unknown) => {
          // Weights that overflow are saved all the same; the next update stops the run and names its clips.
          if (error instanceof UserError && error.code === 'non-finite') return [];
          throw error;
        }),
        writtenBy: `iovqa ${packageVersion}`,
      });
      if (lora === null) {
        await writeCheckpoint(folder, checkpoint, values);
        await writeCard(folder, card);
      } else await writeAdapter(folder, { lora, tensors: values, card, baseModel: checkpoint.name });
    },
    cacheBytes: async () => (cache === null ? 0 : ((await kept?.limit().catch(() => 0)) ?? 0)),
    takeNotes: () => notes.splice(0),
    explain: async (error) => (lora === null ? error : blameWeights(checkpoint, error)),
    [Symbol.asyncDispose]: disposer[Symbol.asyncDispose],
  };
}

/** The layers below an adapter on the last ones, as what computes kept numbers. */
function lowerPart(checkpoint: Checkpoint, count: number, run: RunOptions, store: CacheStore | null): FrozenPart {
  const has = (name: string): boolean => {
    const layer = /^layers\.(\d+)\./.exec(name);
    return layer === null ? name.startsWith('embed_tokens.') : Number(layer[1]) < count;
  };
  return frozenPart({ what: 'lower layers', checkpoint, has, sizes: [checkpoint.text, count], run, store });
}

/** Bytes of weights from which on tower, training and validation do not hold their sessions at the same time. */
export const LARGE = 1e9;

/** The same step and readout; with a large model they free the memory of the others before they run: its weights are mapped once. */
function inTurns(
  checkpoint: Checkpoint,
  below: readonly { rest: () => Promise<void> }[],
  step: TrainStep,
  readout: Readout,
): [TrainStep, Readout] {
  const bytes = checkpoint.names.reduce((total, name) => total + checkpoint.stored(name).source.length, 0);
  if (bytes < LARGE) return [step, readout];
  return [
    {
      ...step,
      run: async (...args) => {
        for (const other of [...below, readout]) await other.rest();
        return step.run(...args);
      },
    },
    {
      ...readout,
      read: async (...args) => {
        for (const other of [...below, step]) await other.rest();
        return readout.read(...args);
      },
    },
  ];
}

/**
 * What scoring must know of a recipe.
 * @param recipe - the recipe
 * @param data - its rows
 */
export function scorerSettings(recipe: Recipe, { dataset }: Pick<RunData, 'dataset'>): ScorerSettings {
  const { positions, decoder, ...frames } = recipe.frames;
  const assumed = dataset.assumedFps === undefined ? {} : { assumedFps: dataset.assumedFps };
  return {
    frames: withDecoder({ ...frames, seed: recipe.seed, ...assumed }, decoder),
    prompt: { template: recipe.prompt.template, source: null },
    answer: recipe.answer,
    positions,
    scale: dataset.scale,
  };
}

/** The manifest's column of the score. */
function targetColumn({ data }: Recipe): string {
  const preset = data.preset === null ? undefined : findPreset(data.preset);
  return data.target ?? data.columns.mos ?? preset?.columns.mos ?? 'mos';
}

/** All prompts end alike, so any prompt gives the trie. */
export function answerTrie(
  checkpoint: Pick<Checkpoint, 'tokens'>,
  { tokenizer, chat, codec }: Questioner,
): Feeder['trie'] {
  const legal = codec.legalAnswers();
  if (legal === null) return null;
  const { tail } = encodePrompt({ tokenizer, chat, question: '?', visions: [], padTokens: checkpoint.tokens });
  return buildAnswerTrie(tokenizer, tail, legal);
}

async function initialParameters(
  checkpoint: Checkpoint,
  lora: LoraOptions | null,
  base: Adapter | null,
  seed: number,
): Promise<Map<string, Float32Array>> {
  if (lora === null) return readWeights(checkpoint);
  if (base !== null) return base.tensors;
  return initLora(
    loraShapes(lora, checkpoint.text.numLayers, (name) => checkpoint.stored(name).shape),
    seed,
  );
}

async function readWeights(checkpoint: Checkpoint): Promise<Map<string, Float32Array>> {
  const weights = new Map<string, Float32Array>();
  for (const name of checkpoint.names) weights.set(name, await checkpoint.read(name));
  return weights;
}

async function readParameters(
  folder: string,
  checkpoint: Checkpoint,
  lora: LoraOptions | null,
): Promise<Map<string, Float32Array>> {
  if (lora === null) return readWeights(await openCheckpoint(folder));
  return (await readAdapter(folder, checkpoint)).tensors;
}
