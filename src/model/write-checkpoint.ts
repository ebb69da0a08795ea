// Writes a model folder in the layout of Hugging Face: the weights new, everything else as in the folder it comes from.
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { invariant } from '../core/index.ts';
import type { FloatDtype } from '../files/index.ts';
import { writeSafetensors } from '../files/index.ts';
import type { Checkpoint } from './checkpoint.ts';

/** Files that go along: settings, tokenizer, chat template, licence. Weights, cards and states do not. */
const goesAlong = /^(.*config\.json|tokenizer.*|vocab\.json|merges\.txt|chat_template\..*|LICENSE.*|NOTICE.*)$/;
const staysBehind = /^adapter_config\.json$/;

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
  for (const name of await readdir(from.folder)) {
    if (goesAlong.test(name) && !staysBehind.test(name)) await copyFile(join(from.folder, name), join(folder, name));
  }
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

/**
 * The name of a weight in the files of transformers 5.
 * @param name - canonical name
 */
export function fileName(name: string): string {
  if (name === 'lm_head.weight') return name;
  return name.startsWith('visual.') ? `model.${name}` : `model.language_model.${name}`;
}
