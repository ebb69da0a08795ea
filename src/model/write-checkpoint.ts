// Writes a model folder in the layout of Hugging Face: the weights new, everything else as in the folder it comes from.
import { copyFile, readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { invariant } from '../core/index.ts';
import type { FloatDtype, TensorToWrite } from '../files/index.ts';
import { bytesOf, makeFolder, readJson, writeNewFile, writeSafetensors } from '../files/index.ts';
import type { Checkpoint } from './checkpoint.ts';
import { isModelFile } from './model-files.ts';

/** Names of element types in config.json. */
export const torchDtype: Readonly<Record<FloatDtype, string>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

const fileDtype = { float32: 'F32', bfloat16: 'BF16', float16: 'F16' } as const;

/** The element type of a model, as files name it: that of its embedding, since some keep small weights in another. */
export function modelDtype({ names, family, stored }: Pick<Checkpoint, 'names' | 'family' | 'stored'>): FloatDtype {
  const embedding = names.find((name) => family.weights.placeOf(name).part === 'embedding');
  invariant(embedding !== undefined, `${family.name}: a model without an embedding`);
  return fileDtype[stored(embedding).dtype];
}

/**
 * Writes a model folder.
 * @param folder - an empty folder, or a new one; the caller sees to it that it becomes whole or nothing
 * @param from - the model whose settings and tokenizer it has
 * @param tensors - every weight, by canonical name, or what gives it when its turn comes
 * @param dtype - element type in the file; default F32
 */
export async function writeCheckpoint(
  folder: string,
  from: Checkpoint,
  tensors: ReadonlyMap<string, TensorToWrite['data']>,
  dtype: FloatDtype = 'F32',
): Promise<void> {
  await makeFolder(folder);
  // Cards and states stay behind.
  for (const entry of await readdir(from.folder, { recursive: true, withFileTypes: true })) {
    const name = relative(from.folder, join(entry.parentPath, entry.name)).split('\\').join('/');
    if (entry.isDirectory() || !isModelFile(name) || name === 'config.json') continue;
    await makeFolder(dirname(join(folder, name)));
    await copyFile(join(from.folder, name), join(folder, name));
  }
  const config = withDtype(await readJson(join(from.folder, 'config.json')), torchDtype[dtype]);
  await writeNewFile(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
  const stored = new Map(
    from.names.map((name) => {
      const data = tensors.get(name);
      invariant(data !== undefined, `no values for ${name}`);
      return [from.family.weights.fileName(name), { data, shape: from.stored(name).shape }];
    }),
  );
  invariant(stored.size === tensors.size, `${tensors.size} tensors for ${stored.size} weights`);
  await writeWeights(folder, stored, dtype);
}

/** Most bytes of a file before weights are cut into several: 5 GB, as transformers cut them for the hub's checkpoints. */
const MAX_SHARD_BYTES = 5e9;

/**
 * Writes the weights of a folder: model.safetensors, or, when that would be more than 5 GB, model-0000N-of-0000M.safetensors with
 * their index, as transformers writes them. A tensor is asked for when its turn comes, and only one is held.
 * @param folder - where they go
 * @param tensors - by the names that they get in the files
 * @param dtype - element type in the files
 * @param maxShardBytes - when another file is begun; default 5 GB
 */
export async function writeWeights(
  folder: string,
  tensors: ReadonlyMap<string, TensorToWrite>,
  dtype: FloatDtype,
  maxShardBytes: number = MAX_SHARD_BYTES,
): Promise<void> {
  const shards: [string, TensorToWrite][][] = [];
  let [size, total] = [Infinity, 0];
  for (const [name, tensor] of tensors) {
    const bytes = tensor.shape.reduce((a, b) => a * b, 1) * bytesOf[dtype];
    if (size + bytes > maxShardBytes) {
      shards.push([]);
      size = 0;
    }
    shards.at(-1)!.push([name, tensor]);
    size += bytes;
    total += bytes;
  }
  const digits = (n: number): string => String(n).padStart(5, '0');
  const nameOf = (shard: number): string =>
    shards.length === 1 ? 'model.safetensors' : `model-${digits(shard + 1)}-of-${digits(shards.length)}.safetensors`;
  const weightMap: Record<string, string> = {};
  for (const [i, shard] of shards.entries()) {
    for (const [name] of shard) weightMap[name] = nameOf(i);
    await writeSafetensors(join(folder, nameOf(i)), new Map(shard), { format: 'pt' }, dtype);
  }
  if (shards.length === 1) return;
  const index = { metadata: { total_size: total }, weight_map: weightMap };
  await writeNewFile(join(folder, 'model.safetensors.index.json'), `${JSON.stringify(index, null, 2)}\n`);
}

/** transformers loads a model as the type that its config names, whatever the file has. */
function withDtype(config: unknown, dtype: string): unknown {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) return config;
  const changed = Object.entries(config).map(([key, value]) => {
    if (key === 'dtype' || key === 'torch_dtype') return [key, dtype];
    return [key, key === 'text_config' || key === 'vision_config' ? withDtype(value, dtype) : value];
  });
  return Object.fromEntries(changed) as unknown;
}
