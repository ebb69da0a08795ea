// Opens a model folder: its sizes, its settings, and where each weight lies.
import { createHash } from 'node:crypto';
import { open, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, invariant, show } from '../core/index.ts';
import type { FloatDtype, SafetensorsHeader } from '../files/index.ts';
import { readSafetensorsHeader, readTensor } from '../files/index.ts';
import type { ModelConfig, ProcessorConfig } from './families/sizes.ts';
import type { FamilyTable, ModelFamily } from './families/types.ts';
import { findModelFolder } from './hub/index.ts';
import { readFamilyConfig } from './model-config.ts';
import { throwProblems } from './problems.ts';
import { INDEX_FILE, readWeightMap } from './weight-index.ts';
import type { StoredTensor } from './weights.ts';

/** An opened model folder. Its weights stay on disk. Of its sizes, those that all families have are known; `family` knows the others. */
export interface Checkpoint extends ModelConfig {
  /** What knows the model: its names, graphs and feeds. */
  readonly family: ModelFamily;
  /** The folder or name of the hub, as it was given. */
  readonly name: string;
  /** Where its files are. */
  readonly folder: string;
  /** How pictures become patches. */
  readonly processor: ProcessorConfig;
  /** Canonical names of all weights: the family's. */
  readonly names: readonly string[];
  /** Where a weight lies; throws for an unknown name. */
  readonly stored: (name: string) => StoredTensor;
  /** Reads a weight as float32; throws for an unknown name. */
  readonly read: (name: string) => Promise<Float32Array>;
  /**
   * SHA-256, as 64 hexadecimal digits, that names the model: its sizes and token ids, mean and deviation of pixels, and of every
   * weight name, dtype, shape, and the bytes (of those over 64 KiB, 16 blocks of 4 KiB spread evenly from the first to the last).
   * It does not depend on how files are cut, tensors named in them, or pixel limits set. It tells models apart, also fine-tuned
   * ones; it does not find single flipped bits. Reads 64 KiB for each weight, and is computed once.
   */
  hash(): Promise<string>;
}

const graphDtype: Record<FloatDtype, StoredTensor['dtype']> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

/** A weight in a file. */
interface Found {
  header: SafetensorsHeader;
  fileName: string;
}

/** How a checkpoint is opened. */
export interface OpenOptions {
  /** Families that there are, by `model_type`; default `modelFamilies`. */
  families?: FamilyTable;
}

/**
 * Opens a checkpoint of a supported family in Hugging Face layout.
 * @param model - folder with config.json and model.safetensors, or model.safetensors.index.json and its files; or the name of a
 *   model of the hub that was pulled, `ORG/NAME` or `ORG/NAME@REVISION`
 * @param options - families beside those that there are
 * @throws UserError `bad-checkpoint` or `not-supported` that names every tensor that is missing, unexpected or of another shape
 */
export async function openCheckpoint(model: string, { families }: OpenOptions = {}): Promise<Checkpoint> {
  const folder = await findModelFolder(model);
  const { family, config } = await readFamilyConfig(folder, families);
  const processor = await family.readProcessor(folder, config.vision);
  const { headers, problems } = await openFiles(folder);
  const expected = family.weights.shapes(config.text, config.vision);
  const found = new Map<string, Found>();
  for (const header of headers) {
    for (const fileName of header.tensors.keys()) {
      const name = family.weights.canonicalName(fileName);
      const other = name === null ? undefined : found.get(name);
      if (name === null) problems.push(`${fileName}: unexpected`);
      else if (other !== undefined) problems.push(`${fileName}: a second ${name}, beside ${other.fileName}`);
      else found.set(name, { header, fileName });
    }
  }
  await dropCopies(family, config, found, problems);
  for (const [name, shape] of expected) {
    const place = found.get(name);
    if (place === undefined) {
      problems.push(`${name}: missing`);
      continue;
    }
    const entry = place.header.tensors.get(place.fileName)!;
    if (entry.shape.join() !== shape.join()) {
      problems.push(`${name}: expected shape ${show(shape)}, got ${show(entry.shape)}`);
    }
    if (!Object.hasOwn(graphDtype, entry.dtype))
      problems.push(`${name}: expected F32, F16 or BF16, got ${entry.dtype}`);
  }
  for (const [name, { fileName }] of found) if (!expected.has(name)) problems.push(`${fileName}: unexpected`);
  throwProblems(folder, 'the weights that its config.json describes', problems);

  const place = (name: string): Found => {
    const at = expected.has(name) ? found.get(name) : undefined;
    if (at === undefined) throw new Error(`${folder}: no weight is named ${show(name)}`);
    return at;
  };
  const stored = (name: string): StoredTensor => {
    const { header, fileName } = place(name);
    const { dtype, shape, offset, length } = header.tensors.get(fileName)!;
    return { dtype: graphDtype[dtype as FloatDtype], shape, source: { file: header.file, offset, length } };
  };
  let hash: Promise<string> | undefined;
  const names = [...expected.keys()];
  return {
    ...config,
    family,
    name: model,
    folder,
    processor,
    names,
    stored,
    read: async (name) => {
      const { header, fileName } = place(name);
      return readTensor(header, fileName);
    },
    hash: () => (hash ??= hashCheckpoint(config, processor, names, stored)),
  };
}

/** Finds the weight files and reads their headers. */
async function openFiles(folder: string): Promise<{ headers: SafetensorsHeader[]; problems: string[] }> {
  const names = await readdir(folder);
  if (names.includes('model.safetensors'))
    return { headers: [await openFile(folder, 'model.safetensors')], problems: [] };
  if (!names.includes(INDEX_FILE)) {
    const pickled = names.find((name) => /\.(bin|pt|pth|ckpt)$/.test(name));
    if (pickled !== undefined) {
      throw new UserError('not-supported', `${folder}: expected safetensors, got ${pickled}`, {
        hint: 'Pickle files can run code and are never read. Save the model as safetensors with transformers: model.save_pretrained(folder).',
      });
    }
    throw new UserError('bad-checkpoint', `${folder}: expected model.safetensors or ${INDEX_FILE}, got neither`);
  }
  const map = await readWeightMap(join(folder, INDEX_FILE));
  const headers: SafetensorsHeader[] = [];
  const problems: string[] = [];
  const listed = new Map(map);
  for (const file of new Set(map.values())) {
    const header = await openFile(folder, file);
    headers.push(header);
    for (const name of header.tensors.keys()) {
      if (listed.get(name) === file) listed.delete(name);
      else problems.push(`${name}: in ${file}, but the index says ${show(map.get(name))}`);
    }
  }
  for (const [name, file] of listed) problems.push(`${name}: not in ${file}, where the index has it`);
  return { headers, problems };
}

/** Links are resolved: the hub's cache links to its blobs, and the runtime maps the file itself. */
async function openFile(folder: string, name: string): Promise<SafetensorsHeader> {
  const path = join(folder, name);
  const file = await realpath(path).catch((cause: unknown) => {
    throw new UserError('bad-checkpoint', `${path}: expected a file, got none`, { cause });
  });
  return readSafetensorsHeader(file);
}

/** A weight that is another one may be in a file as well; that is right as long as they are equal. */
async function dropCopies(
  family: ModelFamily,
  config: ModelConfig,
  found: Map<string, Found>,
  problems: string[],
): Promise<void> {
  for (const { copy, of } of family.weights.tied(config.text)) {
    const [tied, own] = [found.get(copy), found.get(of)];
    if (tied === undefined || own === undefined) continue;
    found.delete(copy);
    const [a, b] = [tied, own].map(({ header, fileName }) => header.tensors.get(fileName)!);
    const same = a!.dtype === b!.dtype && a!.shape.join() === b!.shape.join();
    if (same && (await sameBytes(tied, own))) continue;
    problems.push(`${copy}: not equal to ${of}, although config.json ties them`);
  }
}

async function sameBytes(a: Found, b: Found): Promise<boolean> {
  const digest = async ({ header, fileName }: Found): Promise<string> => {
    const { offset, length } = header.tensors.get(fileName)!;
    const hash = createHash('sha256');
    const file = await open(header.file);
    try {
      if (length === 0) return '';
      for await (const chunk of file.createReadStream({ start: offset, end: offset + length - 1, autoClose: false })) {
        hash.update(chunk as Buffer);
      }
    } finally {
      await file.close();
    }
    return hash.digest('hex');
  };
  return (await digest(a)) === (await digest(b));
}

const BLOCK = 4096;
const BLOCKS = 16;

async function hashCheckpoint(
  { text, vision, tokens }: ModelConfig,
  { mean, std }: ProcessorConfig,
  names: readonly string[],
  stored: (name: string) => StoredTensor,
): Promise<string> {
  const hash = createHash('sha256');
  const sorted = (object: object): [string, unknown][] => Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1));
  hash.update(JSON.stringify(['iovqa checkpoint 1', sorted(text), sorted(vision), sorted(tokens), mean, std]));
  const bytes = Buffer.alloc(BLOCK * BLOCKS);
  const files = new Map<string, Awaited<ReturnType<typeof open>>>();
  try {
    for (const name of [...names].sort()) {
      const { dtype, shape, source } = stored(name);
      if (!files.has(source.file)) files.set(source.file, await open(source.file));
      const file = files.get(source.file)!;
      hash.update(JSON.stringify([name, dtype, shape]));
      const { offset, length } = source;
      const whole = length <= bytes.length;
      for (let i = 0; i < (whole ? 1 : BLOCKS); i++) {
        const start = whole ? 0 : Math.floor(((length - BLOCK) * i) / (BLOCKS - 1));
        const count = whole ? length : BLOCK;
        const { bytesRead } = await file.read(bytes, 0, count, offset + start);
        invariant(bytesRead === count, `${source.file} became shorter`);
        hash.update(bytes.subarray(0, count));
      }
    }
  } finally {
    for (const file of files.values()) await file.close();
  }
  return hash.digest('hex');
}
