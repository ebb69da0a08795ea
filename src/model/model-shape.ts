// What an estimate must know of a model: sizes, and where its weights would lie. None of its weights has to be here.
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UserError } from '../core/index.ts';
import { readJson } from '../files/index.ts';
import type { Checkpoint } from './checkpoint.ts';
import { openCheckpoint } from './checkpoint.ts';
import { embeddedModel } from './embedded.ts';
import { sizeNamed } from './families/index.ts';
import type { ModelFamily } from './families/types.ts';
import { findConfigFolder } from './hub/index.ts';
import { readFamilyConfig } from './model-config.ts';
import type { StoredTensor } from './weights.ts';

/** A model without its weights. */
export interface ModelShape extends Pick<
  Checkpoint,
  'name' | 'folder' | 'family' | 'text' | 'vision' | 'tokens' | 'processor' | 'names' | 'stored'
> {
  /** What the sizes and the tokenizer are of, where it is not the model's own folder. */
  readonly notes: readonly string[];
}

/**
 * Finds a model's sizes: of the checkpoint itself; where its weights are not here, of its config.json (`models pull --config-only`);
 * else of the table of published sizes, with the tokenizer of the model that ships.
 * @param model - folder, name of the hub, or name of a size
 * @throws UserError as `openCheckpoint` where neither is found
 */
export async function openModelShape(model: string): Promise<ModelShape> {
  try {
    return { ...(await openCheckpoint(model)), notes: [] };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const folder = await findConfigFolder(model);
    if (folder !== null && !(await hasWeights(folder))) return ofConfig(model, folder);
    // A recipe takes the name of a size for that of a folder beside it.
    const name = sizeNamed(model) === null ? basename(model) : model;
    const named = existsSync(model) ? null : sizeNamed(name);
    if (named === null) throw error;
    const nano = await openCheckpoint(embeddedModel());
    const { family, random, size } = named;
    const { text, vision } = random.config(size, nano.text.vocabSize) as Pick<Checkpoint, 'text' | 'vision'>;
    const note = `${name} is not here: its sizes are those that are published, and questions are counted with the tokenizer of models/nano`;
    const processor = { ...nano.processor, patchSize: vision.patchSize };
    return {
      ...weightsOf(family, text, vision, 'bfloat16'),
      family,
      name,
      folder: nano.folder,
      tokens: nano.tokens,
      processor,
      text,
      vision,
      notes: [note],
    };
  }
}

/** A checkpoint with some of its weights is a broken one. */
async function hasWeights(folder: string): Promise<boolean> {
  return (await readdir(folder)).some((name) => name.endsWith('.safetensors'));
}

async function ofConfig(model: string, folder: string): Promise<ModelShape> {
  const { family, config } = await readFamilyConfig(folder);
  const { text, vision, tokens } = config as Pick<Checkpoint, 'text' | 'vision' | 'tokens'>;
  const processor = await family.readProcessor(folder, vision);
  const json = (await readJson(join(folder, 'config.json'), 'bad-checkpoint')) as {
    torch_dtype?: unknown;
    dtype?: unknown;
  };
  const dtype = json.dtype ?? json.torch_dtype;
  const isNarrow = dtype === 'bfloat16' || dtype === 'float16';
  const note = `the weights of ${model} are not here: their sizes are those that its config.json gives`;
  return {
    text,
    vision,
    tokens,
    family,
    ...weightsOf(family, text, vision, isNarrow ? dtype : 'float32'),
    processor,
    name: model,
    folder,
    notes: [note],
  };
}

/** Weights as they would be stored, in no file. */
function weightsOf(
  family: ModelFamily,
  text: Checkpoint['text'],
  vision: Checkpoint['vision'],
  dtype: StoredTensor['dtype'],
): Pick<Checkpoint, 'names' | 'stored'> {
  const shapes = family.weights.shapes(text, vision);
  const width = dtype === 'float32' ? 4 : 2;
  return {
    names: [...shapes.keys()],
    stored: (name) => {
      const shape = shapes.get(name);
      if (shape === undefined) throw new Error(`no weight is named ${name}`);
      const length = width * shape.reduce((a, b) => a * b, 1);
      return { dtype, shape, source: { file: '', offset: 0, length } };
    },
  };
}
