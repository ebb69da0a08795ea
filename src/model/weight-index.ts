// Reads model.safetensors.index.json: which file holds which tensor.
import { UserError, show } from '../core/index.ts';
import { readJson } from '../files/index.ts';

/** Name of the index of weights in several files. */
export const INDEX_FILE = 'model.safetensors.index.json';

/** Most tensors of a checkpoint, as of one safetensors file. */
const MAX_TENSORS = 100_000;

/**
 * Reads the index of weights in several files.
 * @param path - the index
 * @returns file names by the names of tensors; at least one and at most 100,000, all beside the index
 * @throws UserError `bad-checkpoint` for anything else
 */
export async function readWeightMap(path: string): Promise<Map<string, string>> {
  const index = (await readJson(path, 'bad-checkpoint')) as { weight_map?: Record<string, unknown> } | null | undefined;
  const map = index?.weight_map;
  if (typeof map !== 'object' || map === null || Object.keys(map).length === 0) {
    throw new UserError('bad-checkpoint', `${path}: expected a weight_map of file names, got ${show(map)}`);
  }
  const count = Object.keys(map).length;
  if (count > MAX_TENSORS) {
    throw new UserError('bad-checkpoint', `${path}: expected at most ${MAX_TENSORS} tensors, got ${count}`);
  }
  const beside = /^[^/\\\p{Cc}]{1,200}\.safetensors$/u;
  const outside = Object.values(map).find((file) => typeof file !== 'string' || !beside.test(file));
  if (outside !== undefined) {
    throw new UserError('bad-checkpoint', `${path}: expected names of files beside it, got ${show(outside)}`);
  }
  return new Map(Object.entries(map as Record<string, string>));
}
