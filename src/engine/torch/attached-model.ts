// A base model with an adapter on it, in the worker processes: updates and predictions as messages, its state tensor by tensor.
import { UserError, invariant } from '../../core/index.ts';
import type { PreparedExample } from '../../inputs/index.ts';
import type { Checkpoint } from '../../model/index.ts';
import { adapterShapes } from '../../model/index.ts';
import { batchByLength } from '../batches.ts';
import { DEFAULT_BATCH } from '../default-batch.ts';
import type { AnswerDistribution } from '../distribution.ts';
import { answerDistribution } from '../distribution.ts';
import { countPairs } from '../pairs.ts';
import type { AttachOptions, AttachedModel, EngineWork, StateTensor } from '../types.ts';
import type { FeatureType, SharedExample } from './examples.ts';
import { encodeExamples, encodePairs, encodeTree } from './examples.ts';
import { DeviceMemoryError, ofClip } from './failed-error.ts';
import type { LinkMessage, LinkTensor } from './frames.ts';
import { createPasses } from './passes.ts';
import { scheduleUpdate } from './schedule.ts';
import type { World } from './world.ts';

/** Most elements of a tensor in one message. */
const PIECE = 2 ** 26;
/** Most tokens of a batch that is predicted, padding included. */
const BATCH_TOKENS = 16_384;

/** What an attached model works with. */
export interface AttachParts {
  /** The processes. */
  world: World;
  /** The base model. */
  checkpoint: Checkpoint;
  /** Its number, and that of the attached model. */
  ids: { model: number; attached: number };
  /** Whether all ranks must compute together. */
  isSharded: boolean;
  /** Element type of features on the link. */
  features: FeatureType;
  /** Refuses a clip that needs more memory than a device has. */
  requireMemory: (work: EngineWork) => void;
}

/**
 * Attaches an adapter.
 * @param parts - processes, base
 * @param options - adapter, objective
 */
export async function attachModel(parts: AttachParts, options: AttachOptions): Promise<AttachedModel> {
  const { world, checkpoint, ids, features } = parts;
  const { lora, training, parameters } = options;
  const shapes: ReadonlyMap<string, readonly number[]> =
    lora === null
      ? new Map(training === null ? [] : checkpoint.names.map((name) => [name, checkpoint.stored(name).shape] as const))
      : adapterShapes(checkpoint.family.lora, lora, checkpoint.text.numLayers, (name) => checkpoint.stored(name).shape);
  let step = 0;
  let isOpen = true;
  const about = { attached: ids.attached };
  const answers = await world.askAll({ op: 'attach', ...ids, lora, training, shapes: Object.fromEntries(shapes) });
  const notes = [...new Set(answers.flatMap(({ header }) => (header['notes'] as string[] | undefined) ?? []))];
  const load = async (name: string, values: Float32Array): Promise<void> => {
    for (let start = 0; start < values.length; start += PIECE) {
      const data = values.subarray(start, start + PIECE);
      const tensor = { dtype: 'f32', shape: [data.length], data } as const;
      await world.askAll({ op: 'load', ...about, parts: [[name, start]] }, [tensor]);
    }
  };
  for (const [name, values] of parameters ?? []) await load(name, values);

  const read = async (name: string, length: number): Promise<Float32Array> => {
    const values = new Float32Array(length);
    for (let start = 0; start < length; start += PIECE) {
      const end = Math.min(length, start + PIECE);
      const answers = await world.askAll({ op: 'read', ...about, name, start, end });
      values.set(answers[0]!.tensors[0]!.data, start);
    }
    return values;
  };
  const send = (
    rank: number,
    op: string,
    some: readonly SharedExample[],
    { numPairs = 0, goesOn = false } = {},
  ): Promise<LinkMessage> => {
    const { examples, tensors } = encodeExamples(some, features);
    const { wanted } = some[0]!.example;
    const tree = wanted.kind === 'answers' ? encodeTree(wanted.tree) : null;
    const pairs = numPairs === 0 ? {} : encodePairs(some, training!.form.groupSize, numPairs, tensors);
    return world.ask(rank, { op, ...about, examples, tree, pairs }, tensors, goesOn);
  };
  const { ranks } = world;
  const pass = createPasses({
    ranks,
    isSharded: parts.isSharded,
    send: async (rank, batch) => send(rank, 'predict', batch, { goesOn: !parts.isSharded }),
  });

  return {
    shapes,
    notes,
    hasFrozenPrefix: false,
    // A group of clips is two batches or more.
    predictsAhead: 2 * ranks + 1,
    prepare: () => Promise.resolve(),
    update: async (examples, learningRate) => {
      invariant(training !== null, 'a model that was attached without an objective cannot be trained');
      const { form } = training;
      const rounds = scheduleUpdate(examples, training, world.ranks);
      const hasPairs = form.over === 'answers' && form.terms.includes('fidelity');
      const numPairs = hasPairs ? countPairs(examples.length, form.groupSize) : 0;
      await Promise.all(
        rounds.flatMap((round) => round.map((some, rank) => send(rank, 'accumulate', some, { numPairs }))),
      );
      const [{ header }] = (await world.askAll({ op: 'apply', ...about, learningRate })) as [LinkMessage];
      const [loss, gradientNorm] = [Number(header['loss']), Number(header['gradientNorm'])];
      if (header['finite'] !== true) {
        const got = Number.isFinite(loss) ? `gradients of norm ${gradientNorm}` : `a loss of ${loss}`;
        throw new UserError('non-finite', `expected finite numbers, got ${got}`, {
          hint: 'Nothing was changed by this step. A smaller optimizer.learningRate, or a longer warm-up, may help.',
        });
      }
      step++;
      return { loss, gradientNorm };
    },
    predict: async (examples, { batching = 'by-length', batchSize = DEFAULT_BATCH } = {}) => {
      const lengths = examples.map(({ rows }) => rows.tokenIds.length);
      const batches =
        batching === 'as-given'
          ? [examples.map((_, i) => i)]
          : batchByLength(lengths, { clips: batchSize, tokens: BATCH_TOKENS });
      const results: (AnswerDistribution | UserError)[] = [];
      // Ranks that hold the model together are in the middle of a pass where one of them fails: they cannot begin another.
      const take = async (batch: readonly number[]): Promise<void> => {
        const some = batch.map((i) => ({ example: examples[i]!, share: 1 }));
        const answer = await pass(some).catch((error: unknown) => {
          if (!parts.isSharded && error instanceof DeviceMemoryError) return error;
          throw error;
        });
        if (answer instanceof DeviceMemoryError) {
          const half = Math.ceil(batch.length / 2);
          if (half < batch.length) {
            await take(batch.slice(0, half));
            await take(batch.slice(half));
          } else results[batch[0]!] = ofClip(answer);
          return;
        }
        const { tensors } = answer;
        const edges = tensors[0]!.data as Float32Array;
        const size = edges.length / batch.length;
        batch.forEach((i, b) => (results[i] = distributionOf(examples[i]!, edges.subarray(b * size, (b + 1) * size))));
      };
      await Promise.all(batches.map(take));
      return results;
    },
    generate: async (examples, limits) => {
      const generateOne = async (
        example: PreparedExample,
        ask: (header: LinkMessage['header'], tensors: readonly LinkTensor[]) => Promise<LinkMessage>,
      ): Promise<readonly number[] | UserError> => {
        const { examples: encoded, tensors } = encodeExamples([{ example, share: 1 }], features);
        const answer = await ask({ op: 'generate', ...about, ...limits, examples: encoded, tree: null }, tensors);
        const tokens = answer.header['tokens'] as number[] | null;
        return tokens ?? new UserError('non-finite', 'expected finite logits from the model, got others');
      };
      if (!parts.isSharded) {
        return Promise.all(
          examples.map((example, i) => generateOne(example, (...asked) => world.ask(i % ranks, ...asked))),
        );
      }
      const results: (readonly number[] | UserError)[] = [];
      for (const example of examples) {
        results.push(await generateOne(example, async (...asked) => (await world.askAll(...asked))[0]!));
      }
      return results;
    },
    requireMemory: ({ tokens, visionTokens, targets = 0 }, use) => {
      const clip = { tokens, visionTokens, rows: Math.max(targets, options.answers?.numNodes ?? 1) };
      const { gradientCheckpointing = false } = training ?? {};
      parts.requireMemory({
        lora,
        training: use === 'update' ? { microBatch: 1, gradientCheckpointing, clip } : null,
        scoring: { together: 1, clip },
      });
      return Promise.resolve();
    },
    get step() {
      return step;
    },
    exportState: (what) =>
      [...(what === 'optimizer' && training === null ? [] : shapes)].flatMap(([name, shape]): StateTensor[] => {
        const length = shape.reduce((a, b) => a * b, 1);
        const names = what === 'parameters' ? [name] : [`m.${name}`, `v.${name}`];
        return names.map((part) => ({ name: part, shape, read: () => read(part, length) }));
      }),
    importState: async (part) => {
      const missing = new Set(
        [...shapes.keys()].flatMap((name) => (part.what === 'parameters' ? [name] : [`m.${name}`, `v.${name}`])),
      );
      for await (const [name, values] of part.tensors) {
        invariant(missing.delete(name), `a state with ${name}, of which the model has none`);
        await load(name, values);
      }
      invariant(missing.size === 0, `a state without ${[...missing].join(', ')}`);
      if (part.what === 'parameters') return;
      step = part.step;
      await world.askAll({ op: 'load_step', ...about, step });
    },
    [Symbol.asyncDispose]: async () => {
      if (!isOpen) return;
      isOpen = false;
      await world.askAll({ op: 'detach', ...about }).catch(() => {}); // where the workers have ended, so has it
    },
  };
}

function distributionOf({ wanted }: PreparedExample, edges: Float32Array): AnswerDistribution | UserError {
  invariant(wanted.kind === 'answers', 'an example that wants no answers cannot be scored');
  try {
    return answerDistribution(edges, wanted.tree.columns.length, wanted.tree.answers);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}
