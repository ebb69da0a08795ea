// `iovqa cache`: what the cache of vision features holds, how much it may hold, and emptying it.
import { UserError, formatSize, parseSize } from '../../core/index.ts';
import { cacheFolder, cacheInfo, clearCache, setCacheLimit } from '../../model/index.ts';
import { printJson, printLines } from '../output.ts';
import type { Terminal } from '../terminal.ts';

/** Flags of the commands. */
export interface CacheFlags {
  /** Write a JSON value. */
  json?: boolean;
}

/**
 * Runs `iovqa cache info`.
 * @param terminal - where it is shown
 */
export async function showCache(terminal: Terminal, { json = false }: CacheFlags): Promise<void> {
  const info = await cacheInfo(folder());
  if (json) {
    printJson(terminal, info);
    return;
  }
  const { sizeBytes, limitBytes, numFeatures, numFacts, oldestUse } = info;
  printLines(terminal, [
    info.folder,
    `${formatSize(sizeBytes)} of ${formatSize(limitBytes)}`,
    `${numFeatures} entries of features, ${numFacts} hashes of decoded clips`,
    ...(oldestUse === null ? [] : [`least recently used entry: ${oldestUse}`]),
  ]);
}

/**
 * Runs `iovqa cache clear`.
 * @param terminal - where it is shown
 */
export async function emptyCache(terminal: Terminal, { json = false }: CacheFlags): Promise<void> {
  const cleared = await clearCache(folder());
  if (json) printJson(terminal, { folder: folder(), ...cleared });
  else printLines(terminal, [`${folder()}: ${cleared.numEntries} entries removed, ${formatSize(cleared.sizeBytes)}`]);
}

/**
 * Runs `iovqa cache limit`.
 * @param terminal - where it is shown
 * @param size - such as `50GB`
 */
export async function limitCache(terminal: Terminal, size: string, { json = false }: CacheFlags): Promise<void> {
  const limitBytes = parseSize(size);
  await setCacheLimit(folder(), limitBytes);
  if (json) printJson(terminal, await cacheInfo(folder()));
  else printLines(terminal, [`${folder()}: at most ${formatSize(limitBytes)}`]);
}

function folder(): string {
  const found = cacheFolder();
  if (found !== null) return found;
  throw new UserError('bad-input', 'IOVQA_CACHE: expected a folder, got off', {
    hint: 'Unset it, or set it to the folder that is meant.',
  });
}
