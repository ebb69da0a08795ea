// Which files of a repo are needed: those of a model, or of an adapter.
import { join } from 'node:path';
import { UserError } from '../../core/index.ts';
import { CARD_FILE } from '../card.ts';
import { modelFamilies } from '../families/index.ts';
import { readFamilyConfig } from '../model-config.ts';
import { isLicence, isModelFile } from '../model-files.ts';
import { INDEX_FILE, readWeightMap } from '../weight-index.ts';
import type { HubFile, HubListing } from './listing.ts';

const isOfModel = (name: string): boolean => isModelFile(name) || name === CARD_FILE;
const isOfAdapter = (name: string): boolean => name === 'adapter_config.json' || name === CARD_FILE || isLicence(name);

/**
 * Chooses the files of a model or an adapter. For a model, config.json and the index of its weights say what is needed, and so come
 * first.
 * @param repo - `ORG/NAME`
 * @param listing - files of the repo
 * @param folder - where `get` puts files
 * @param get - gets a file
 * @returns the files, the weights last: a snapshot that has them has the rest
 * @throws UserError `not-supported` for a repo without safetensors, and for models of other families; `bad-checkpoint` for one
 *   that lacks files that it names itself
 */
export async function chooseFiles(
  repo: string,
  listing: HubListing,
  folder: string,
  get: (file: HubFile) => Promise<void>,
): Promise<HubFile[]> {
  const has = (file: string): boolean => listing.names.includes(file);
  const find = (file: string): HubFile => {
    const found = listing.file(file);
    if (found === undefined) throw new UserError('bad-checkpoint', `${repo}: expected ${file}, got a repo without it`);
    return found;
  };
  const small = (isOf: (name: string) => boolean): HubFile[] =>
    listing.names.filter(isOf).map((file) => smallFile(repo, find(file)));

  const isIndexed = !has('model.safetensors') && has(INDEX_FILE);
  const hasWeights = isIndexed || has('model.safetensors');
  if (!hasWeights && has('adapter_config.json') && has('adapter_model.safetensors')) {
    return [...small(isOfAdapter), find('adapter_model.safetensors')];
  }
  if (!hasWeights || !has('config.json')) {
    const pickled = listing.names.find((file) => /\.(?:bin|pt|pth|ckpt)$/.test(file));
    const names = Object.values(modelFamilies).map(({ name }) => name);
    const expected = `config.json with model.safetensors or ${INDEX_FILE}, or an adapter`;
    throw new UserError('not-supported', `${repo}: expected ${expected}, got ${pickled ?? 'neither'}`, {
      hint: `Only ${names.join(' and ')} models and LoRA adapters as safetensors are pulled. Pickle files can run code and are never read.`,
    });
  }
  await get(smallFile(repo, find('config.json')));
  await readFamilyConfig(folder);
  if (!isIndexed) return [...small(isOfModel), find('model.safetensors')];
  const index = smallFile(repo, find(INDEX_FILE));
  await get(index);
  const shards = new Set((await readWeightMap(join(folder, INDEX_FILE))).values());
  return [...small(isOfModel), index, ...[...shards].sort().map(find)];
}

/** Whatever is no weights is read into memory as a whole. */
const MAX_SMALL_BYTES = 256 * 2 ** 20;

function smallFile(repo: string, file: HubFile): HubFile {
  if (file.size <= MAX_SMALL_BYTES) return file;
  throw new UserError(
    'bad-checkpoint',
    `${repo}: expected ${file.name} of at most ${MAX_SMALL_BYTES} bytes, got ${file.size}`,
  );
}
