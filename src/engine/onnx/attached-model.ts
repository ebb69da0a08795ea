// A base model with an adapter on it, or with all its weights in training: the sessions that it needs, and its state.
import { UserError, invariant } from '../../core/index.ts';
import type { RunOptions } from '../../graph/index.ts';
import type { CacheStore, Checkpoint, LoraOptions } from '../../model/index.ts';
import { adapterShapes, createFeatureCache, firstLoraLayer, prefixPart } from '../../model/index.ts';
import type { AttachOptions, AttachedModel, ExampleSize, StateTensor, TrainingOptions } from '../types.ts';
import { initAdamW } from './adamw.ts';
import type { AnswerScorer } from './answer-graph.ts';
import { createFrozenPrefix } from './frozen-prefix.ts';
import type { FrozenPrefix } from './frozen-prefix.ts';
import type { Generator } from './generate.ts';
import type { Lazy } from './lazy.ts';
import { lazily } from './lazy.ts';
import { createPredict } from './predict.ts';
import { predictMemory, sizeOf } from './predict-memory.ts';
import { compilePrefix } from './prefix-session.ts';
import type { Residency } from './residency.ts';
import type { SharedText } from './shared-text.ts';
import { compileStep } from './step.ts';
import { stepMemory } from './step-memory.ts';
import type { TrainerOptions } from './trainer.ts';
import { makeUpdate } from './trainer.ts';

/** What models that are attached to one base share. */
export interface AttachParts {
  /** The base model. */
  checkpoint: Checkpoint;
  /** How graphs are run. */
  run: RunOptions;
  /** Most memory of one run, in bytes. */
  maxMemory: number;
  /** Where outputs of the frozen prefix are kept; null: nowhere. */
  store: CacheStore | null;
  /** Which sessions hold memory. */
  residency: Residency;
  /** The scoring pass for adapters of a shape; shared. */
  scorer: (shape: PassShape) => Lazy<AnswerScorer>;
  /** The generating pass for adapters of a shape; shared. */
  generator: (shape: PassShape) => Lazy<Generator>;
  /** The pass over shared text for adapters of a shape; shared. */
  sharedText: (lora: LoraOptions | null) => Lazy<SharedText>;
  /** Says with an error about numbers that are not finite which mapped weights are to blame. */
  explain: (error: unknown) => Promise<unknown>;
}

/** What a compiled pass depends on. */
export interface PassShape {
  /** The adapter's shape; null for none. */
  lora: LoraOptions | null;
  /** Whether the model's own weights are mapped, or fed. */
  frozen: boolean;
  /** Tokens on edges of the tree of legal answers. */
  numColumns: number;
}

/**
 * Attaches an adapter, or opens all weights for training.
 * @param parts - what is shared
 * @param options - adapter, objective
 */
export async function attachModel(parts: AttachParts, options: AttachOptions): Promise<AttachedModel> {
  const { checkpoint, maxMemory, residency } = parts;
  const { lora, training, answers } = options;
  const trainsAll = training !== null && lora === null;
  invariant(lora === null || options.parameters !== null, 'an adapter is attached with its parameters');
  let parameters = options.parameters ?? (trainsAll ? await readWeights(checkpoint) : new Map<string, Float32Array>());
  const trainer = training === null ? null : await openTrainer(parts, options, training);
  const shapes = trainer?.step.parameters ?? shapesOf(checkpoint, lora);
  let optimizer = initAdamW(training === null ? new Map() : parameters);
  let isFirstUpdate = true;

  const pass: PassShape = { lora, frozen: !trainsAll, numColumns: answers?.numColumns ?? 0 };
  const memory = predictMemory(checkpoint, lora, answers?.numNodes ?? null, maxMemory);
  const explain = trainsAll ? async (error: unknown) => error : parts.explain;
  const makeRoom = (): Promise<void> => residency.makeRoom('predict');
  const newPredict = () =>
    createPredict({
      checkpoint,
      scorer: parts.scorer(pass),
      sharedText: trainsAll ? null : parts.sharedText(lora),
      memory,
      parameters,
      makeRoom,
      explain,
    });
  let predict = newPredict();

  return {
    shapes,
    hasFrozenPrefix: trainer?.prefix != null,
    prepare: async (examples) => {
      for (const example of examples) await trainer?.prefix?.get(example);
    },
    update: async (examples, learningRate) => {
      invariant(trainer !== null, 'a model that was attached without an objective cannot be trained');
      // Outputs are kept by now; the session is needed only for those that did not fit.
      if (isFirstUpdate) await trainer.prefix?.unload();
      isFirstUpdate = false;
      try {
        return await makeUpdate(trainer, examples, parameters, optimizer, learningRate);
      } catch (error) {
        throw await explain(error);
      } finally {
        predict = newPredict();
      }
    },
    predict: (examples, how) => predict(examples, how),
    generate: async (examples, limits) => {
      const results: (readonly number[] | UserError)[] = [];
      for (const example of examples) {
        try {
          memory.require([sizeOf(example)], 0);
          await makeRoom();
          results.push(await (await parts.generator(pass).get()).generate(parameters, example, limits));
        } catch (error) {
          const explained = await explain(error);
          if (!(explained instanceof UserError)) throw explained;
          results.push(explained);
        }
      }
      return results;
    },
    requireMemory: async (size, use) => {
      if (use === 'predict') memory.require([size], 0);
      else trainer?.requireMemory(size);
    },
    get step() {
      return optimizer.step;
    },
    exportState: (what) =>
      [...(what === 'optimizer' && training === null ? [] : shapes)].flatMap(([name, shape]): StateTensor[] =>
        what === 'parameters'
          ? [{ name, shape, read: () => parameters.get(name)! }]
          : (['m', 'v'] as const).map((moment) => ({
              name: `${moment}.${name}`,
              shape,
              read: () => optimizer[moment].get(name)!,
            })),
      ),
    importState: async (part) => {
      const into = new Map(
        part.what === 'parameters'
          ? parameters
          : [...shapes.keys()].flatMap((name) => [
              [`m.${name}`, optimizer.m.get(name)!] as const,
              [`v.${name}`, optimizer.v.get(name)!] as const,
            ]),
      );
      for await (const [name, values] of part.tensors) {
        const own = into.get(name);
        invariant(own?.length === values.length, `${name}: ${values.length} numbers for ${own?.length ?? 'no tensor'}`);
        own.set(values);
        into.delete(name);
      }
      invariant(into.size === 0, `a state without ${[...into.keys()].join(', ')}`);
      if (part.what === 'optimizer') optimizer.step = part.step;
      predict = newPredict();
    },
    [Symbol.asyncDispose]: async () => {
      await trainer?.[Symbol.asyncDispose]();
      parameters = new Map();
      optimizer = initAdamW(parameters);
      predict = newPredict();
    },
  };
}

/** The step of a model that trains, with what belongs to it. */
interface Trainer extends TrainerOptions, AsyncDisposable {
  requireMemory: (size: ExampleSize) => void;
}

async function openTrainer(
  { checkpoint, run, maxMemory, store, residency }: AttachParts,
  { lora, answers }: AttachOptions,
  training: TrainingOptions,
): Promise<Trainer> {
  const firstLayer = lora === null ? 0 : firstLoraLayer(lora, checkpoint.text.numLayers);
  const prefix = firstLayer === 0 ? null : openPrefix(checkpoint, firstLayer, run, store);
  if (prefix !== null) residency.add('prefix', prefix);
  const { form, gradientCheckpointing } = training;
  const numColumns = answers?.numColumns ?? 0;
  const step = residency.add(
    'update',
    await compileStep({ model: checkpoint, lora, form, numColumns, firstLayer, gradientCheckpointing, run }),
  );
  const room = stepMemory({ model: checkpoint, lora, training, answers, firstLayer, maxMemory });
  return {
    training,
    model: checkpoint,
    dropout: lora !== null && lora.dropout > 0,
    step,
    prefix,
    isRoomFor: room.isRoomFor,
    makeRoom: () => residency.makeRoom('update'),
    requireMemory: room.require,
    [Symbol.asyncDispose]: async () => {
      residency.remove(step);
      await step[Symbol.asyncDispose]();
      if (prefix === null) return;
      residency.remove(prefix);
      await prefix[Symbol.asyncDispose]();
    },
  };
}

function openPrefix(checkpoint: Checkpoint, count: number, run: RunOptions, store: CacheStore | null): FrozenPrefix {
  const layers = lazily(() => compilePrefix(checkpoint, count, run));
  const cache = createFeatureCache(store, prefixPart(checkpoint, count, run, store));
  return createFrozenPrefix({ layers, model: checkpoint, cache });
}

function shapesOf(checkpoint: Checkpoint, lora: LoraOptions | null): ReadonlyMap<string, readonly number[]> {
  if (lora === null) return new Map();
  const { family, text, stored } = checkpoint;
  return adapterShapes(family.lora, lora, text.numLayers, (name) => stored(name).shape);
}

async function readWeights(checkpoint: Checkpoint): Promise<Map<string, Float32Array>> {
  const weights = new Map<string, Float32Array>();
  for (const name of checkpoint.names) weights.set(name, await checkpoint.read(name));
  return weights;
}
