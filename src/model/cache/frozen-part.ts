// The cache key of a frozen part of a model. It covers everything that can change the last bits of an output: all bytes of the weights,
// the sizes, the settings of the runtime, and the machine.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import type { RunOptions } from '../../graph/index.ts';
import type { Checkpoint } from '../checkpoint.ts';
import { towerRun } from '../tower-run.ts';
import type { FrozenPart } from './feature-cache.ts';
import { identifyFile, isSameFile } from './file-identity.ts';
import type { FileIdentity } from './file-identity.ts';
import type { CacheStore } from './store.ts';
import { cacheKey } from './store.ts';

/**
 * Version of all code between pixels and features: how patches are cut and fed, the graph, its ONNX form, session settings.
 * Raise it whenever one of these changes; `npx vitest run test/model/cache/version.test.ts` sees that it is.
 */
export const FEATURES_VERSION = 1;

/** What {@link frozenPart} needs. */
export interface FrozenPartOptions {
  /** What the part is, such as `vision`. */
  what: string;
  /** The model. */
  checkpoint: Checkpoint;
  /** Whether a weight belongs to the part. */
  has: (name: string) => boolean;
  /** Its sizes and whatever else its graph is made from, as JSON. */
  sizes: unknown;
  /** How it is run on ONNX Runtime. */
  run?: RunOptions | undefined;
  /** Another engine that runs it: everything of it that can change bits; default: none. */
  engine?: string | undefined;
  /** Element type of its numbers; default float32. */
  dtype?: FrozenPart['dtype'];
  /** Remembers the hash of weights whose files have not changed; null: they are hashed anew. */
  store: CacheStore | null;
}

/**
 * The frozen tower of a model.
 * @param run - how the tower is run
 * @param store - remembers the hash of its weights
 */
export function visionPart(checkpoint: Checkpoint, run: RunOptions | undefined, store: CacheStore | null): FrozenPart {
  const has = isOfTower(checkpoint);
  return frozenPart({ what: 'vision', checkpoint, has, sizes: checkpoint.vision, run: towerRun(run), store });
}

/**
 * The frozen tower of a model on another engine than that of the project.
 * @param engine - name, versions, element type, device, threads: everything that can change bits
 * @param precision - of its numbers
 * @param store - remembers the hash of its weights
 */
export function visionPartOf(
  checkpoint: Checkpoint,
  engine: string,
  precision: 'float32' | 'bfloat16',
  store: CacheStore | null,
): FrozenPart {
  return frozenPart({
    what: 'vision',
    checkpoint,
    has: isOfTower(checkpoint),
    sizes: checkpoint.vision,
    engine,
    dtype: precision === 'bfloat16' ? 'bf16' : 'f32',
    store,
  });
}

const isOfTower =
  ({ family }: Checkpoint) =>
  (name: string): boolean =>
    family.weights.placeOf(name).part === 'vision';

/**
 * The frozen decoder layers below an adapter, with the embedding.
 * @param count - how many layers
 * @param run - how they are run
 * @param store - remembers the hash of their weights
 */
export function prefixPart(
  checkpoint: Checkpoint,
  count: number,
  run: RunOptions | undefined,
  store: CacheStore | null,
): FrozenPart {
  const has = (name: string): boolean => {
    const place = checkpoint.family.weights.placeOf(name);
    return place.part === 'layer' ? place.layer < count : place.part === 'embedding';
  };
  // What it was called before: caches of then are read.
  return frozenPart({ what: 'lower layers', checkpoint, has, sizes: [checkpoint.text, count], run, store });
}

/**
 * A part of a model as what computes cached numbers.
 * @param options - which part, how it is run
 */
export function frozenPart(options: FrozenPartOptions): FrozenPart {
  const { what, checkpoint, has, sizes, run = {}, engine, dtype = 'f32', store } = options;
  const names = checkpoint.names.filter(has).sort();
  const files = [...new Set(names.map((name) => checkpoint.stored(name).source.file))];
  let seen: FileIdentity[] | undefined;
  const identify = (): Promise<FileIdentity[]> => Promise.all(files.map((file) => identifyFile(file)));
  const makeKey = async (): Promise<string> => {
    const before = await identify();
    const hash = await rememberHash(store, before, names, checkpoint, identify);
    seen = before;
    if (engine !== undefined) {
      return cacheKey('part', [what, hash, sizes, engine, { version: FEATURES_VERSION }, await machine()]);
    }
    const { provider = 'cpu', threads = 0, prepack = true } = run;
    const code = { version: FEATURES_VERSION, onnxruntime: versionOf('onnxruntime-node') };
    return cacheKey('part', [what, hash, sizes, { provider, threads, prepack }, code, await machine()]);
  };
  let made: Promise<string> | undefined;
  return {
    what,
    dtype,
    // Once: caches that share the part must agree on the weights that it is of.
    key: () => (made ??= makeKey()),
    isCurrent: async () => {
      const now = await identify().catch(() => null);
      return now !== null && seen !== undefined && now.every((identity, i) => isSameFile(identity, seen![i]!));
    },
  };
}

async function rememberHash(
  store: CacheStore | null,
  before: readonly FileIdentity[],
  names: readonly string[],
  checkpoint: Checkpoint,
  identify: () => Promise<FileIdentity[]>,
): Promise<string> {
  const places = names.map((name) => [name, checkpoint.stored(name)]);
  const key = cacheKey('weights', [before.map(({ id }) => id), places]);
  const kept = await store?.read(key, 'json');
  if (kept !== null && kept !== undefined) return Buffer.from(kept).toString();
  const hash = await hashWeights(names, checkpoint);
  const after = await identify();
  if (after.every((identity, i) => identity.settled && isSameFile(identity, before[i]!))) {
    await store?.write(key, 'json', Buffer.from(hash));
  }
  return hash;
}

/** SHA-256 over name, dtype, shape and every byte of the weights. */
async function hashWeights(names: readonly string[], checkpoint: Checkpoint): Promise<string> {
  const hash = createHash('sha256');
  for (const name of names) {
    const { dtype, shape, source } = checkpoint.stored(name);
    hash.update(JSON.stringify([name, dtype, shape]));
    if (source.length === 0) continue;
    const file = await open(source.file);
    try {
      const range = { start: source.offset, end: source.offset + source.length - 1, highWaterMark: 1 << 20 };
      for await (const chunk of file.createReadStream({ ...range, autoClose: false })) hash.update(chunk as Buffer);
    } finally {
      await file.close();
    }
  }
  return hash.digest('hex');
}

/**
 * The version of an installed package, also of one that does not let its package.json be imported.
 * @param name - the package
 * @throws Error when it is not installed
 */
export function versionOf(name: string): string {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  const file = folders.map((folder) => join(folder, name, 'package.json')).find((path) => existsSync(path));
  if (file === undefined) throw new Error(`${name} is not installed`);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

let machineText: Promise<string> | undefined;

/**
 * What of this machine moves the last bits of a result: its processor with the instructions that it knows, the number of cores
 * (threads share products out by it), and the engine of JavaScript, whose sines and cosines go in.
 */
export function machine(): Promise<string> {
  return (machineText ??= describeMachine());
}

async function describeMachine(): Promise<string> {
  const { platform, arch, versions } = process;
  const cores = `${cpus().length} ${availableParallelism()}`;
  const text = platform === 'linux' ? await readFile('/proc/cpuinfo', 'utf8').catch(() => '') : '';
  const first = text.split('\n\n')[0]!.split('\n');
  const lasting = first.filter((line) =>
    /^(vendor_id|cpu family|model|model name|flags|Features|CPU \w+)\s*:/.test(line),
  );
  return [platform, arch, cpus()[0]?.model ?? '', cores, versions.v8, ...lasting].join('\n');
}
