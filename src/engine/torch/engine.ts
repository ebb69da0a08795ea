// A base model in worker processes of PyTorch.
import { UserError, invariant, machineMemory } from '../../core/index.ts';
import type { Checkpoint, FeatureArray } from '../../model/index.ts';
import { blameWeights, firstNotFinite, visionPartOf } from '../../model/index.ts';
import type { AttachedModel, Engine, EngineOptions, EngineWork, Precision, RuntimeOptions } from '../types.ts';
import { attachModel } from './attached-model.ts';
import { encodePictures } from './examples.ts';
import { DeviceMemoryError, ofClip } from './failed-error.ts';
import type { Fit } from './fit.ts';
import { chooseShard } from './fit.ts';
import type { LinkTensor } from './frames.ts';
import { meterWait } from './input-wait.ts';
import type { PythonFacts } from './python.ts';
import { askPython, findPython, requirePackages, requirePlatform, settlePrecision } from './python.ts';
import { shareWorld } from './shared-worlds.ts';
import { threadsOf } from './team.ts';
import type { World } from './world.ts';

let models = 0;
let attachedModels = 0;

/**
 * Opens a base model. Engines with the same settings share their processes.
 * @param checkpoint - the model; its files are read by the workers
 * @param options - Python, devices, precision, cache
 * @throws UserError `not-supported` where Python, a package or a device is missing; `worker-failed` when the workers do not start
 */
export async function openTorchEngine(checkpoint: Checkpoint, options: EngineOptions = {}): Promise<Engine> {
  const { runtime = {}, store = null } = options;
  requirePlatform();
  const facts = await askPython(findPython(runtime.python));
  requirePackages(facts);
  const { machines } = runtime;
  const ranksOn = (had: PythonFacts, where?: string): number => countRanks(runtime, had, where);
  const own = ranksOn(facts);
  const { device, threads, precision } = settle(runtime, facts, own);
  const others = machines && { machines, facts, ranksOn, threads: runtime.threads ?? 0 };
  const settings = { python: facts.python, ranks: own, device, threads, logs: options.logs };
  const { world: shared, leave } = await shareWorld({ ...settings, others });
  const { world, read: inputWait } = meterWait(shared);
  const { ranks } = world;
  const model = models++;
  const names = checkpoint.names.map((name) => [name, weightPlace(checkpoint, name)] as const);
  let fit: Fit;
  let deviceBytes: number;
  try {
    deviceBytes = await freeBytes(world, own);
    const { work = A_CLIP } = options;
    const devices = { ranks, precision, device };
    fit = chooseShard({ model: checkpoint, work, devices, deviceBytes, shard: runtime.shard ?? 'auto' });
    const opened = await world.askAll({
      op: 'open',
      model,
      family: checkpoint.family.modelType,
      folder: checkpoint.folder,
      precision,
      shard: fit.isSharded ? 'full' : 'none',
      weights: Object.fromEntries(names),
    });
    const rank = opened.findIndex(({ header }) => header['weights'] !== opened[0]!.header['weights']);
    if (rank > 0) {
      const message = `${checkpoint.folder}: expected the same files on all machines, got others at torch worker ${rank}`;
      throw new UserError('bad-input', message, { hint: 'Copy the folder, or use a file system that they share.' });
    }
  } catch (error) {
    await leave();
    throw error;
  }
  const { torch, transformers } = facts.versions;
  const name = `torch ${torch} ${precision}`;
  const { isSharded } = fit;
  const requireMemory = (work: EngineWork): void => {
    chooseShard({
      model: checkpoint,
      work,
      devices: { ranks, precision, device },
      deviceBytes,
      shard: isSharded ? 'full' : 'none',
    });
  };
  const attached = new Set<AttachedModel>();
  let next = 0;
  let trainsAll = false;
  return {
    name,
    precision,
    notes: ranks > 1 ? [fit.text] : [],
    checkpoint,
    tower: visionPartOf(checkpoint, `${name} transformers ${transformers} ${device} ${threads}`, precision, store),
    warmUp: () => {},
    inputWait,
    encode: async (pictures) => {
      const sent: LinkTensor[] = [];
      const header = { op: 'encode', model, pictures: encodePictures(pictures, (tensor) => sent.push(tensor) - 1) };
      const { tensors } = await world.ask(next++ % ranks, header, sent, true).catch((error: unknown) => {
        throw error instanceof DeviceMemoryError ? ofClip(error) : error;
      });
      const features = tensors[0]!.data as FeatureArray;
      const bad = firstNotFinite(features);
      if (bad === undefined) return features;
      throw await blameWeights(checkpoint, new UserError('non-finite', `expected finite vision features, got ${bad}`));
    },
    attach: async (what) => {
      invariant(!trainsAll, 'a model all of whose weights train has no room for another one');
      const isWhole = what.training !== null && what.lora === null;
      trainsAll = isWhole;
      const ids = { model, attached: attachedModels++ };
      const features = precision === 'bfloat16' ? 'bf16' : 'f32';
      const made = await attachModel({ world, checkpoint, ids, isSharded, features, requireMemory }, what);
      attached.add(made);
      const free = made[Symbol.asyncDispose];
      return Object.defineProperty(made, Symbol.asyncDispose, {
        value: async () => {
          attached.delete(made);
          if (isWhole) trainsAll = false;
          await free();
        },
      });
    },
    unload: () => Promise.resolve(),
    [Symbol.asyncDispose]: async () => {
      for (const made of attached) await made[Symbol.asyncDispose]();
      await world.askAll({ op: 'close', model }).catch(() => {}); // where the workers have ended, so has it
      await leave();
    },
  };
}

/** How many processes a machine runs. */
function countRanks({ devices = 'auto' }: RuntimeOptions, facts: PythonFacts, where?: string): number {
  const ranks = devices === 'auto' ? facts.devices : devices;
  if (facts.device === 'cpu' || ranks <= facts.devices) return ranks;
  const on = where === undefined ? '' : ` on ${where}`;
  throw new UserError('not-supported', `runtime.devices: expected at most ${facts.devices}${on}, got ${ranks}`, {
    hint: `PyTorch finds: ${facts.names.join(', ')}.`,
  });
}

/** What the settings mean on this machine. */
interface Settled {
  device: 'cuda' | 'mps' | 'cpu';
  threads: number;
  precision: Precision;
}

/** What is asked about where nothing is said: a clip that is scored. */
const A_CLIP: EngineWork = {
  lora: null,
  training: null,
  scoring: { together: 1, clip: { tokens: 2048, visionTokens: 1536, rows: 16 } },
};

/** Memory that the smallest device has left; on the CPU, what the machine has, in equal parts. */
async function freeBytes(world: World, ownRanks: number): Promise<number> {
  const answers = await world.askAll({ op: 'memory' });
  const free = answers.map(({ header }) => header['free'] as number | null);
  return Math.min(...free.map((bytes) => bytes ?? machineMemory() / ownRanks));
}

function settle({ precision = 'auto', threads = 0 }: RuntimeOptions, facts: PythonFacts, ranks: number): Settled {
  const device = facts.device ?? 'cpu';
  return {
    device,
    threads: threads === 0 ? threadsOf(ranks) : threads,
    precision: settlePrecision(precision, facts),
  };
}

function weightPlace(checkpoint: Checkpoint, name: string): Record<string, unknown> {
  const { dtype, shape, source } = checkpoint.stored(name);
  return { dtype, shape, file: source.file, offset: source.offset };
}
