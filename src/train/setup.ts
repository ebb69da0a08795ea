// Everything a run works with, opened from its recipe: rows, model, engine, clips, and how checkpoints are written.
import type { Disposer } from '../core/index.ts';
import { UserError, createDisposer, invariant, packageVersion, parseSize } from '../core/index.ts';
import { findPreset, groupedBy } from '../dataset/index.ts';
import type { AttachedModel, Engine, EngineWork, OpenEngine } from '../engine/index.ts';
import { openEngine as openDefaultEngine } from '../engine/index.ts';
import type { ClipPreparer, PreparedClip } from '../inputs/index.ts';
import {
  answerTrie,
  createClipCache,
  createClipPreparer,
  createClipViewer,
  frameOptions,
  loadPromptProcessor,
  positionsOf,
  sharedRows,
} from '../inputs/index.ts';
import type { Adapter, Checkpoint, LoraOptions } from '../model/index.ts';
import {
  adapterShapes,
  initLora,
  openCacheStore,
  openCheckpoint,
  readAdapter,
  startAdapter,
  writeAdapter,
  writeCard,
  writeCheckpoint,
} from '../model/index.ts';
import type { Objective, ObjectiveContext } from '../objectives/index.ts';
import { formOf, objectives } from '../objectives/index.ts';
import type { ClipPredictor } from '../score/index.ts';
import {
  checkCard,
  createClipPredictor,
  goldenScores,
  makeCard,
  openTrustedEngine,
  sizeOfPrompt,
} from '../score/index.ts';
import { openFrameReader } from '../video/index.ts';
import { numParameters } from './choose-recipe.ts';
import type { ClipStore } from './clip-store.ts';
import { createClipStore } from './clip-store.ts';
import type { RunData } from './data.ts';
import { readRunData } from './data.ts';
import type { Learner } from './loop.ts';
import type { ExampleSource } from './examples.ts';
import { createExampleSource, furtherProcessors } from './examples.ts';
import { requireGroups } from './order.ts';
import type { Recipe } from './recipe/index.ts';
import { engineRuntime } from './recipe/index.ts';
import { readSamples, workOf } from './samples.ts';
import { scorerSettings } from './scorer-settings.ts';
import { seedsOf } from './seeds.ts';
import { readOptimizer, writeOptimizer } from './state.ts';

/** What a run works with. Dispose of it to free sessions and processes. */
export interface TrainingSetup {
  /** The recipe. */
  recipe: Recipe;
  /** The rows; bad clips leave them. */
  data: RunData;
  /** Gives clips. */
  store: ClipStore;
  /** The model, and what is trained on it. */
  model: AttachedModel;
  /** How long its engine's workers waited for input; undefined where it has none. */
  inputWait: Engine['inputWait'];
  /** What is minimised. */
  objective: Objective;
  /** What the objective works with. */
  context: ObjectiveContext;
  /** The base model. */
  checkpoint: Checkpoint;
  /** Gives examples to train on. */
  examples: ExampleSource;
  /** Scores clips with the present parameters. */
  predictor: ClipPredictor;
  /** Writes and reads what trains with its optimizer. */
  state: Pick<Learner<unknown>, 'read' | 'write'>;
  /**
   * Refuses a clip that needs more memory than there is, to train on or to validate with.
   * @throws UserError `not-supported`
   */
  requireMemory: (clip: Pick<PreparedClip, 'prompt' | 'further'>, isTrained: boolean) => Promise<void>;
  /** Numbers of the whole model. */
  numModelParameters: number;
  /** Name of the engine, with its version and element type. */
  engine: string;
  /** What the cache on disk may take, in bytes; 0 without one. */
  cacheBytes: () => Promise<number>;
  /** What a user should know that turned up since the last call. */
  takeNotes: () => string[];
  /** Frees everything. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * Opens what a recipe names; cheap checks come first.
 * @param recipe - the recipe, with an adapter's own settings in it (`inheritAdapterSettings`)
 * @param openEngine - opens the base model; default: the engine of the project
 * @throws UserError for mistakes in data, model, adapter or template
 */
export async function openTraining(recipe: Recipe, openEngine: OpenEngine = openDefaultEngine): Promise<TrainingSetup> {
  const disposer = createDisposer();
  try {
    return await openWith(recipe, openEngine, disposer);
  } catch (error) {
    await disposer[Symbol.asyncDispose]();
    throw error;
  }
}

async function openWith(recipe: Recipe, openEngine: OpenEngine, disposer: Disposer): Promise<TrainingSetup> {
  const data = await readRunData(recipe);
  requireGroups(
    recipe.train.order,
    groupedBy(data.train, recipe.data.groupBy ?? 'group').map(({ group }) => group),
  );
  const checkpoint = await openCheckpoint(recipe.model);
  const base = recipe.adapter === null ? null : await readAdapter(startAdapter(recipe.adapter), checkpoint);
  const settings = scorerSettings(recipe, data);
  const processor = await loadPromptProcessor(checkpoint, settings, recipe.prompt);
  const further = await furtherProcessors(recipe, checkpoint, settings, processor);
  const lora = recipe.method === 'full' ? null : recipe.lora;
  const trie = answerTrie(checkpoint, processor);
  const objective = objectives[recipe.loss];
  const context: ObjectiveContext = {
    processor,
    positions: positionsOf(checkpoint, settings.positions),
    trie,
    softLabelStd: recipe.softLabelStd,
  };

  const { workers, cache, maxMemory } = recipe.runtime;
  const reader = disposer.own(openFrameReader({ workers }));
  const notes = [...data.dataset.notes, ...data.notes];
  const kept = cache ? openCacheStore({ onNote: (note) => notes.push(note) }) : null;
  const work = recipe.runtime.engine === 'torch' ? await workAhead(recipe, checkpoint, data) : undefined;
  const engine = disposer.own(
    await openTrustedEngine(openEngine, checkpoint, {
      ...(work === undefined ? {} : { work }),
      runtime: engineRuntime(recipe.runtime),
      store: kept,
      logs: recipe.out,
      ...(maxMemory === null ? {} : { maxMemory: parseSize(maxMemory) }),
    }),
  );
  notes.push(...(engine.notes ?? []));
  if (recipe.runtime.engine === 'torch' && recipe.adapter !== null && base?.card != null) {
    await checkCard({ engine, adapter: base, card: base.card, folder: startAdapter(recipe.adapter) });
  }
  const frames = frameOptions(checkpoint, settings.frames);
  const features =
    lora === null
      ? null
      : { encoder: engine, cache: createClipCache(kept, engine.tower, frames, settings.frames.seed) };
  const preparer = createClipPreparer(createClipViewer({ frames, reader, features }), checkpoint, processor, further);
  const store = createClipStore(preparer);
  const model = await engine.attach({
    lora,
    parameters: lora === null ? null : (base?.tensors ?? freshAdapter(checkpoint, lora, seedsOf(recipe).init)),
    training: {
      form: formOf(objective, recipe.auxiliaryWeight),
      optimizer: recipe.optimizer,
      clipNorm: recipe.optimizer.clipNorm,
      microBatch: recipe.microBatch,
      gradientCheckpointing: recipe.train.gradientCheckpointing,
    },
    answers: trie === null ? null : { numNodes: trie.nodes.length, numColumns: trie.columns.length },
  });
  notes.push(...(model.notes ?? []));
  const predictor = createClipPredictor({ model, checkpoint, processor, trie, settings });

  const writeModel = async (folder: string, step: number): Promise<void> => {
    const card = await makeCard(checkpoint, processor, settings, {
      training: {
        manifestSha256: data.dataset.sha256,
        targetColumn: targetColumn(recipe),
        numClips: data.train.length,
        step,
      },
      isAdapter: lora !== null,
      goldenScores: await goldenOrNone(preparer, predictor, checkpoint),
      precision: engine.precision,
      writtenBy: `iovqa ${packageVersion}`,
    });
    const tensors = model.exportState('parameters');
    if (lora === null) {
      await writeCheckpoint(folder, checkpoint, new Map(tensors.map(({ name, read }) => [name, read])));
      await writeCard(folder, card);
      return;
    }
    const factors = new Map<string, Float32Array>();
    for (const { name, read } of tensors) factors.set(name, await read());
    await writeAdapter(folder, { lora, tensors: factors, card, baseModel: checkpoint.name }, checkpoint.family);
  };
  return {
    recipe,
    data,
    store,
    model,
    objective,
    context,
    checkpoint,
    examples: createExampleSource(data, store, { objective, context, seed: seedsOf(recipe).dropout }),
    predictor,
    inputWait: engine.inputWait,
    state: {
      write: async (folder, step) => {
        invariant(model.step === step, `step ${step} with an engine at ${model.step}`);
        await writeModel(folder, step);
        await writeOptimizer(folder, model.exportState('optimizer'));
      },
      read: async (folder, step) => {
        const moments = readOptimizer(folder, model.exportState('optimizer'));
        await model.importState({ what: 'parameters', tensors: readParameters(folder, checkpoint, lora) });
        await model.importState({ what: 'optimizer', tensors: moments, step });
      },
    },
    requireMemory: async ({ prompt, further: others }, isTrained) => {
      const size = sizeOfPrompt(prompt);
      if (!isTrained) return model.requireMemory(size, 'predict');
      const targets = objective.targets === 'sequence' ? size.tokens - size.visionTokens : 0;
      const tokens = others.reduce((total, one) => total + one.tokenIds.length - sharedRows(one), size.tokens);
      return model.requireMemory({ ...size, tokens, targets }, 'update');
    },
    numModelParameters: numParameters(checkpoint),
    engine: engine.name,
    cacheBytes: async () => (features === null ? 0 : ((await kept?.limit().catch(() => 0)) ?? 0)),
    takeNotes: () => notes.splice(0),
    [Symbol.asyncDispose]: disposer[Symbol.asyncDispose],
  };
}

/** What the engine is opened for, from a few clips; undefined where they cannot be read, which the run says of all of them later. */
async function workAhead(recipe: Recipe, checkpoint: Checkpoint, data: RunData): Promise<EngineWork | undefined> {
  try {
    return workOf(recipe, await readSamples(recipe, checkpoint, data), data);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** Golden scores; none of weights that overflow, which are saved all the same: the next update stops the run and names its clips. */
async function goldenOrNone(
  preparer: ClipPreparer,
  predictor: ClipPredictor,
  { vision }: Checkpoint,
): ReturnType<typeof goldenScores> {
  try {
    return await goldenScores(preparer, predictor, vision.patchSize * vision.spatialMergeSize);
  } catch (error) {
    if (error instanceof UserError && error.code === 'non-finite') return [];
    throw error;
  }
}

/** The manifest's column of the score. */
function targetColumn({ data }: Recipe): string {
  const preset = data.preset === null ? undefined : findPreset(data.preset);
  return data.target ?? data.columns.mos ?? preset?.columns.mos ?? 'mos';
}

function freshAdapter(checkpoint: Checkpoint, lora: LoraOptions, seed: number): Adapter['tensors'] {
  return initLora(
    adapterShapes(checkpoint.family.lora, lora, checkpoint.text.numLayers, (name) => checkpoint.stored(name).shape),
    seed,
  );
}

/** What trains, from a checkpoint of the run. */
async function* readParameters(
  folder: string,
  checkpoint: Checkpoint,
  lora: LoraOptions | null,
): AsyncGenerator<readonly [string, Float32Array], void> {
  if (lora !== null) {
    yield* (await readAdapter(folder, checkpoint)).tensors;
    return;
  }
  const saved = await openCheckpoint(folder);
  for (const name of saved.names) yield [name, await saved.read(name)];
}
