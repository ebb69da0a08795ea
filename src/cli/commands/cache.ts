// `iovqa cache`: what the cache of vision features holds, how much it may hold, and emptying it.
import { UserError, show } from '../../core/index.ts';
import { cacheFolder, cacheInfo, clearCache, setCacheLimit } from '../../model/index.ts';
import { printJson, printLines } from '../output.ts';

/** Flags of the commands. */
export interface CacheFlags {
  /** Write a JSON value. */
  json?: boolean;
}

/**
 * Runs `iovqa cache info`.
 * @param flags - flags
 */
export async function showCache({ json = false }: CacheFlags): Promise<void> {
  const info = await cacheInfo(folder());
  if (json) {
    printJson(info);
    return;
  }
  const { sizeBytes, limitBytes, numFeatures, numFacts, oldestUse } = info;
  printLines([
    info.folder,
    `${formatSize(sizeBytes)} of ${formatSize(limitBytes)}`,
    `${numFeatures} entries of features, ${numFacts} of what files gave`,
    ...(oldestUse === null ? [] : [`the entry that leaves next was used ${oldestUse}`]),
  ]);
}

/**
 * Runs `iovqa cache clear`.
 * @param flags - flags
 */
export async function emptyCache({ json = false }: CacheFlags): Promise<void> {
  const cleared = await clearCache(folder());
  if (json) printJson({ folder: folder(), ...cleared });
  else printLines([`${folder()}: ${cleared.numEntries} entries removed, ${formatSize(cleared.sizeBytes)}`]);
}

/**
 * Runs `iovqa cache limit`.
 * @param size - such as `50GB`
 * @param flags - flags
 */
export async function limitCache(size: string, { json = false }: CacheFlags): Promise<void> {
  const limitBytes = parseSize(size);
  await setCacheLimit(folder(), limitBytes);
  if (json) printJson(await cacheInfo(folder()));
  else printLines([`${folder()}: at most ${formatSize(limitBytes)}`]);
}

function folder(): string {
  const found = cacheFolder();
  if (found !== null) return found;
  throw new UserError('bad-input', 'IOVQA_CACHE: expected a folder, got off', {
    hint: 'Unset it, or set it to the folder that is meant.',
  });
}

const units: Readonly<Record<string, number>> = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

function parseSize(text: string): number {
  const [, number, unit = 'B'] = /^(\d+(?:\.\d+)?)\s*([KMGT]?B)?$/i.exec(text) ?? [];
  const bytes = Math.round(Number(number) * units[unit.toUpperCase()]!);
  if (number !== undefined && Number.isSafeInteger(bytes)) return bytes;
  throw new UserError('bad-input', `size: expected one like 50GB or 800MB, got ${show(text)}`);
}

/**
 * A size as people say it, in decimal units.
 * @param bytes - at least 0
 * @returns such as `12.3 GB`
 */
export function formatSize(bytes: number): string {
  const [unit, factor] = Object.entries(units).findLast(([, factor]) => bytes >= factor) ?? ['B', 1];
  return `${Number((bytes / factor).toPrecision(3))} ${unit}`;
}
