// Writes a model folder in the layout of Hugging Face: the weights new, everything else as in the folder it comes from.
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { invariant } from '../core/index.ts';
import type { FloatDtype } from '../files/index.ts';
import { readJson, writeSafetensors } from '../files/index.ts';
import type { Checkpoint } from './checkpoint.ts';

/** Files that go along: settings, tokenizer, chat template, licence. Weights, cards and states do not. */
const goesAlong = /^(.*config\.json|tokenizer.*|vocab\.json|merges\.txt|chat_template\..*|LICENSE.*|NOTICE.*)$/;
const staysBehind = /^adapter_config\.json$/;

/** Names of element types in config.json. */
export const torchDtype: Readonly<Record<FloatDtype, string>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

/**
 * Writes a model folder.
 * @param folder - an empty folder, or a new one; the caller sees to it that it becomes whole or nothing
 * @param from - the model whose settings and tokenizer it has
 * @param tensors - every weight, by canonical name
 * @param dtype - element type in the file; default F32
 */
export async function writeCheckpoint(
  folder: string,
  from: Checkpoint,
  tensors: ReadonlyMap<string, Float32Array>,
  dtype: FloatDtype = 'F32',
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const entry of await readdir(from.folder, { withFileTypes: true })) {
    const { name } = entry;
    if (entry.isDirectory() || !goesAlong.test(name) || staysBehind.test(name)) continue;
    if (name !== 'config.json') await copyFile(join(from.folder, name), join(folder, name));
  }
  const config = withDtype(await readJson(join(from.folder, 'config.json')), torchDtype[dtype]);
  await writeFile(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
  const stored = new Map(
    from.names.map((name) => {
      const data = tensors.get(name);
      invariant(data !== undefined, `no values for ${name}`);
      return [fileName(name), { data, shape: from.stored(name).shape }];
    }),
  );
  invariant(stored.size === tensors.size, `${tensors.size} tensors for ${stored.size} weights`);
  await writeSafetensors(join(folder, 'model.safetensors'), stored, { format: 'pt' }, dtype);
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

/**
 * The name of a weight in the files of transformers 5.
 * @param name - canonical name
 */
export function fileName(name: string): string {
  if (name === 'lm_head.weight') return name;
  return name.startsWith('visual.') ? `model.${name}` : `model.language_model.${name}`;
}
