// LoRA adapters as PEFT writes and reads them: adapter_config.json, adapter_model.safetensors, and our card beside them.
import { join } from 'node:path';
import { UserError, invariant, randomStream, show } from '../core/index.ts';
import { makeFolder, readSafetensorsHeader, readTensor, writeNewFile, writeSafetensors } from '../files/index.ts';
import type { AdapterConfig } from './adapter-config.ts';
import { adapterConfigJson, readAdapterConfig } from './adapter-config.ts';
import type { Card } from './card.ts';
import { readCard, writeCard } from './card.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { LoraOptions } from './lora-options.ts';
import type { ModelFamily } from './families/types.ts';
import { adapterShapes } from './lora.ts';
import { throwProblems } from './problems.ts';

/** An adapter. */
export interface Adapter {
  /** Rank, scale, dropout, targets. */
  lora: LoraOptions;
  /** The factors, by the names of `adapterShapes`. */
  tensors: Map<string, Float32Array>;
  /** How it is to be asked; null for one that iovqa did not write. */
  card: Card | null;
  /** The base model, as the trainer named it; null where unknown. */
  baseModel: string | null;
}

/** Name of the tensors' file. */
const TENSORS_FILE = 'adapter_model.safetensors';

/**
 * The file with an adapter's tensors.
 * @param folder - the adapter's
 */
export function adapterTensorsFile(folder: string): string {
  return join(folder, TENSORS_FILE);
}

/**
 * Reads an adapter.
 * @param checkpoint - the base model
 * @throws UserError `bad-checkpoint` for another base model than its card's, and naming every tensor that is missing, unexpected or
 *   of another shape;
 *   `not-supported` for other kinds than plain LoRA on the language model
 */
export async function readAdapter(folder: string, checkpoint: Checkpoint): Promise<Adapter> {
  const config = await readAdapterConfig(folder);
  const card = await readCard(folder);
  if (card?.baseHash != null && card.baseHash !== (await checkpoint.hash())) {
    const got = `another at ${checkpoint.folder}`;
    throw new UserError('bad-checkpoint', `${folder}: expected the base model that it was trained on, got ${got}`, {
      hint: 'The hashes differ; its numbers would mean nothing there. Say where the right one is.',
    });
  }
  const { family, text } = checkpoint;
  const header = await readSafetensorsHeader(adapterTensorsFile(folder));
  const found = new Map<string, string>();
  const problems: string[] = [];
  for (const fileName of header.tensors.keys()) {
    const name = family.lora.canonicalName(fileName);
    if (name === null) problems.push(`${fileName}: unexpected`);
    else if (found.has(name)) problems.push(`${fileName}: a second ${name}, beside ${found.get(name)}`);
    else found.set(name, fileName);
  }
  const lora: LoraOptions = { ...config.lora, ...readPlaces(config, checkpoint, folder, new Set(found.keys())) };
  const expected = adapterShapes(family.lora, lora, text.numLayers, (name) => checkpoint.stored(name).shape);
  for (const [name, shape] of expected) {
    const fileName = found.get(name);
    const got = fileName === undefined ? undefined : header.tensors.get(fileName)!.shape;
    if (got === undefined) problems.push(`${name}: missing`);
    else if (got.join() !== shape.join()) problems.push(`${name}: expected shape ${show(shape)}, got ${show(got)}`);
  }
  for (const [name, fileName] of found) if (!expected.has(name)) problems.push(`${fileName}: unexpected`);
  throwProblems(header.file, `LoRA of rank ${lora.rank} that fits ${checkpoint.folder}`, problems);
  const tensors = new Map<string, Float32Array>();
  for (const name of expected.keys()) tensors.set(name, await readTensor(header, found.get(name)!));
  return { lora, tensors, card, baseModel: config.baseModel };
}

/**
 * The linear layers that the adapter is on: the same in every decoder layer or in the last ones, and none elsewhere. PEFT matches the
 * config with the names of the transformers that it runs on. Which version that was, the config does not say: it is the one by whose
 * names the config chooses the modules that the file has factors for.
 */
function readPlaces(
  config: AdapterConfig,
  checkpoint: Checkpoint,
  folder: string,
  tensors: ReadonlySet<string>,
): Required<Pick<LoraOptions, 'targets' | 'layers'>> {
  const { names, stored, text, family } = checkpoint;
  const matrices = names.filter((name) => name.endsWith('.weight') && stored(name).shape.length > 1);
  const modules = [...new Set([...family.lora.tiedModules, ...matrices.map((name) => name.replace(/\.weight$/, ''))])];
  const choices = family.lora.namings.map((nameOf) => {
    const isChosen = config.chosen(modules.map(nameOf));
    return modules.filter((_, i) => isChosen[i]);
  });
  const isInFile = (module: string): boolean => tensors.has(`${module}.lora_A.weight`);
  const chosen =
    choices.find((list) => list.length > 0 && list.every(isInFile) && list.length * 2 === tensors.size) ??
    choices.find((list) => list.length > 0) ??
    [];
  const where = `${join(folder, 'adapter_config.json')}: target_modules`;
  if (chosen.length === 0) {
    throw new UserError('bad-checkpoint', `${where}: expected layers of ${checkpoint.folder}, got a choice of none`);
  }
  const other = chosen.find((module) => family.lora.placeOf(module) === null);
  if (other !== undefined) {
    throw new UserError('not-supported', `${where}: expected layers of the language model alone, got ${other} too`, {
      hint: family.lora.targetHint,
    });
  }
  const places = chosen.map((module) => family.lora.placeOf(module)!);
  const targets = family.lora.targets.filter((target) => places.some((place) => place.target === target));
  const layers = new Set(places.map(({ layer }) => layer));
  const first = Math.min(...layers);
  if (chosen.length !== targets.length * (text.numLayers - first)) {
    const got = `${chosen.length} for ${targets.join(', ')} in layers ${[...layers].join(', ')} of ${text.numLayers}`;
    throw new UserError(
      'not-supported',
      `${where}: expected the same modules in all layers or the last ones, got ${got}`,
    );
  }
  return { targets, layers: first === 0 ? 'all' : `last ${text.numLayers - first}` };
}

/**
 * Writes an adapter into a folder.
 * @param folder - an empty folder, or a new one; the caller sees to it that it becomes whole or nothing
 * @param adapter - what to write
 * @param family - the base model's
 */
export async function writeAdapter(
  folder: string,
  adapter: Pick<Adapter, 'lora' | 'card' | 'baseModel'> & { tensors: ReadonlyMap<string, Float32Array> },
  family: ModelFamily,
): Promise<void> {
  const { lora, tensors, card, baseModel } = adapter;
  // An adapter is always on the last layer.
  const numLayers = 1 + Math.max(...[...tensors.keys()].map((name) => layerOf(family, name)));
  await makeFolder(folder);
  const stored = [...tensors].map(([name, data]) => {
    const rows = name.endsWith('.lora_A.weight') ? lora.rank : data.length / lora.rank;
    return [family.lora.fileName(name), { data, shape: [rows, data.length / rows] }] as const;
  });
  await writeSafetensors(adapterTensorsFile(folder), new Map(stored));
  const config = adapterConfigJson(family, lora, numLayers, baseModel);
  await writeNewFile(join(folder, 'adapter_config.json'), `${JSON.stringify(config, null, 2)}\n`);
  if (card !== null) await writeCard(folder, card);
}

function layerOf(family: ModelFamily, tensor: string): number {
  const place = family.lora.placeOf(tensor.replace(/\.lora_[AB]\.weight$/, ''));
  invariant(place !== null, `${tensor}: no tensor of an adapter of ${family.name}`);
  return place.layer;
}

/**
 * The factors of a fresh adapter: A uniform with Kaiming's bound for a = √5 (that is ±1/√in), B zero, as PEFT initialises them.
 * @param shapes - from `adapterShapes`
 * @param seed - fixes A
 */
export function initLora(shapes: ReadonlyMap<string, readonly number[]>, seed: number): Map<string, Float32Array> {
  const tensors = new Map<string, Float32Array>();
  let index = 0;
  for (const [name, [rows, columns]] of shapes) {
    invariant(rows !== undefined && columns !== undefined, `${name} is no matrix`);
    const values = new Float32Array(rows * columns);
    if (name.endsWith('.lora_A.weight')) {
      const stream = randomStream(seed, 7, index);
      const bound = 1 / Math.sqrt(columns);
      for (let i = 0; i < values.length; i++) values[i] = (2 * stream.uniform() - 1) * bound;
    }
    tensors.set(name, values);
    index++;
  }
  return tensors;
}
