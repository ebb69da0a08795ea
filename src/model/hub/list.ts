// Lists what the hub's cache holds that can be used here.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isCode, readJson } from '../../files/index.ts';
import { isCommit, missingFiles, parseHubName, readRef, snapshotFiles } from './cache.ts';
import { hubCacheFolder } from './settings.ts';

/** A model or adapter in the cache, at one commit. */
export interface CachedModel {
  /** `ORG/NAME`. */
  repo: string;
  /** A Qwen2.5-VL model, or a LoRA adapter of one. */
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

/**
 * Lists the Qwen2.5-VL models in the hub's cache, whoever pulled them, and the adapters of these or of iovqa.
 * @param cacheFolder - the hub's cache; default: the environment's
 * @returns by name, then commit; none when there is no cache
 */
export async function listCachedModels(cacheFolder: string = hubCacheFolder()): Promise<CachedModel[]> {
  const found: CachedModel[] = [];
  const bases = new Map<CachedModel, unknown>();
  for (const entry of await names(cacheFolder)) {
    const repo = /^models--(.+?)--(.+)$/s.exec(entry)?.slice(1).join('/') ?? '';
    if (parseHubName(repo) === null || repo.includes('@')) continue;
    const refs = await readRefs(join(cacheFolder, entry, 'refs'));
    for (const commit of (await names(join(cacheFolder, entry, 'snapshots'))).filter(isCommit)) {
      const folder = join(cacheFolder, entry, 'snapshots', commit);
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
      found.push(model);
      if (what.base !== null) bases.set(model, what.base);
    }
  }
  const models = new Set<unknown>(found.filter(({ kind }) => kind === 'model').map(({ repo }) => repo));
  return found.filter((model) => !bases.has(model) || models.has(bases.get(model)));
}

/** What a snapshot holds, and the base that has to be known to use it; null for what is of no use here. */
async function look(folder: string): Promise<{ kind: CachedModel['kind']; base: unknown } | null> {
  const read = async (file: string): Promise<Record<string, unknown> | null> => {
    const json = await readJson(join(folder, file)).catch(() => null); // others' files need not be right
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : null;
  };
  if ((await read('config.json'))?.['model_type'] === 'qwen2_5_vl') return { kind: 'model', base: null };
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
