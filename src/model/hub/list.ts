// Lists what the hub's cache holds that can be used here.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isCode, readJson } from '../../files/index.ts';
import { isSupported } from '../families/index.ts';
import { isCommit, missingFiles, parseHubName, readRef, snapshotFiles } from './cache.ts';
import { hubCacheFolder } from './settings.ts';

/** A model or adapter in the cache, at one commit. */
export interface CachedModel {
  /** `ORG/NAME`. */
  repo: string;
  /** A model of a supported family, or a LoRA adapter of one. */
  kind: 'model' | 'adapter';
  /** 40 hexadecimal digits. */
  commit: string;
  /** Branches and tags that were this commit when they were pulled; none for one that was pulled by its commit. */
  revisions: string[];
  /** Bytes on the disk; commits of one repo may share some. */
  sizeBytes: number;
  /** Whether all weights are there; an interrupted pull leaves some out. */
  complete: boolean;
  /** Folder of its files. */
  folder: string;
}

/** Options of {@link listCachedModels}. */
export interface ListOptions {
  /** The hub's cache; default: the environment's. */
  cacheFolder?: string;
  /** Receives a line about each repo that cannot be read, and so is left out. */
  onNote?: (line: string) => void;
}

/**
 * Lists the models of supported families in the hub's cache, whoever pulled them, and the adapters of these or of iovqa.
 * @param options - cache, notes
 * @returns by name, then commit; none when there is no cache
 */
export async function listCachedModels(options: ListOptions = {}): Promise<CachedModel[]> {
  const { cacheFolder = hubCacheFolder(), onNote = () => {} } = options;
  const found: Found[] = [];
  for (const entry of await names(cacheFolder)) {
    const repo = /^models--(.+?)--(.+)$/s.exec(entry)?.slice(1).join('/') ?? '';
    if (parseHubName(repo) === null || repo.includes('@')) continue;
    try {
      found.push(...(await listRepo(repo, join(cacheFolder, entry))));
    } catch (error) {
      // Somebody else's files, or links in a ring: the other repos can be used all the same.
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
      onNote(`${repo} cannot be read: ${(error as Error).message}`);
    }
  }
  const models = new Set<unknown>(found.filter(({ model }) => model.kind === 'model').map(({ model }) => model.repo));
  return found.filter(({ base }) => base === null || models.has(base)).map(({ model }) => model);
}

/** A model or adapter, and the base that has to be known to use it. */
interface Found {
  model: CachedModel;
  base: unknown;
}

/** What a repo holds at all its commits. */
async function listRepo(repo: string, place: string): Promise<Found[]> {
  const found: Found[] = [];
  const refs = await readRefs(join(place, 'refs'));
  for (const commit of (await names(join(place, 'snapshots'))).filter(isCommit)) {
    const folder = join(place, 'snapshots', commit);
    const what = await look(folder);
    if (what === null) continue;
    const files = new Map((await snapshotFiles(folder)).map(({ path, size }) => [path, size]));
    const model: CachedModel = {
      repo,
      kind: what.kind,
      commit,
      revisions: refs.filter((ref) => ref.commit === commit).map((ref) => ref.revision),
      sizeBytes: [...files.values()].reduce((total, size) => total + size, 0),
      complete: await missingFiles(folder).then(
        (missing) => missing.length === 0,
        () => false, // an index that cannot be read
      ),
      folder,
    };
    found.push({ model, base: what.base });
  }
  return found;
}

/** What a snapshot holds, and the base that has to be known to use it; null for what is of no use here. */
async function look(folder: string): Promise<{ kind: CachedModel['kind']; base: unknown } | null> {
  const read = async (file: string): Promise<Record<string, unknown> | null> => {
    const json = await readJson(join(folder, file)).catch(() => null); // others' files need not be right
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : null;
  };
  if (isSupported((await read('config.json'))?.['model_type'])) return { kind: 'model', base: null };
  const adapter = await read('adapter_config.json');
  if (adapter === null) return null;
  const isOurs = (await read('iovqa.json')) !== null;
  return { kind: 'adapter', base: isOurs ? null : (adapter['base_model_name_or_path'] ?? '') };
}

async function readRefs(folder: string): Promise<{ revision: string; commit: string | null }[]> {
  const refs = [];
  for (const entry of await names(folder, true)) {
    const revision = entry.split('\\').join('/');
    refs.push({ revision, commit: await readRef(join(folder, entry)) });
  }
  return refs;
}

async function names(folder: string, recursive = false): Promise<string[]> {
  try {
    return (await readdir(folder, { recursive })).sort();
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
