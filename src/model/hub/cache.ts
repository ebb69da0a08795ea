// The hub's cache on disk: where a repo's blobs, refs and snapshots lie, and which model a name means.
// Layout: models--ORG--NAME/{blobs/ETAG, refs/REVISION, snapshots/COMMIT/FILE -> ../../blobs/ETAG}, the hub's own, so that all
// tools share it.
import { existsSync, statSync } from 'node:fs';
import { readFile, readdir, realpath, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { UserError, commandLine, invariant, show } from '../../core/index.ts';
import { isCode, makeFolder, temporaryFor, writeFileAtomic } from '../../files/index.ts';
import { EMBEDDED_MODEL, embeddedModel } from '../embedded.ts';
import { INDEX_FILE, readWeightMap } from '../weight-index.ts';
import { hubCacheFolder } from './settings.ts';

/** The revision of a name that has none. */
const DEFAULT_REVISION = 'main';

/** A model of the hub, as a user names it. */
export interface HubName {
  /** `ORG/NAME`. */
  repo: string;
  /** Branch, tag or commit. */
  revision: string;
}

/** A commit of a repo in the cache. */
export interface Snapshot {
  /** 40 hexadecimal digits. */
  commit: string;
  /** Folder of its files. */
  folder: string;
}

/**
 * Whether a text is 40 hexadecimal digits: a commit, which never changes.
 * @param text - any text
 */
export const isCommit = (text: string): boolean => /^[0-9a-f]{40}$/.test(text);

/**
 * Reads the name of a model of the hub.
 * @param text - `ORG/NAME`, or `ORG/NAME@REVISION`
 * @returns null for what is no such name, such as a path
 */
export function parseHubName(text: string): HubName | null {
  const [, repo, revision = DEFAULT_REVISION] = /^([^@]+?)(?:@(.+))?$/s.exec(text) ?? [];
  if (repo === undefined || !isRepo(repo) || !isRevision(revision)) return null;
  return { repo, revision };
}

/** As the hub's own tools check it: two parts of letters, digits, `-`, `_` and `.`, neither `--` nor `..`. */
function isRepo(text: string): boolean {
  const part = /^\w(?:[\w.-]*\w)?$/;
  const parts = text.split('/');
  return parts.length === 2 && text.length <= 96 && parts.every((p) => part.test(p)) && !/--|\.\.|\.git$/.test(text);
}

/** A revision becomes the path of a file. */
const isRevision = (text: string): boolean =>
  /^[\w.+-][\w./+-]*$/.test(text) && !text.split('/').some((part) => part === '' || /^\.+$/.test(part));

/**
 * Whether a text, where a folder or a model of the hub may stand, is the name of one of the hub: has the form and is no folder.
 * @param text - folder or name
 * @param from - the folder that paths are relative to; default: the working directory
 */
export function isHubName(text: string, from = '.'): boolean {
  const path = resolve(from, text);
  return parseHubName(text) !== null && !(existsSync(path) && statSync(path).isDirectory());
}

/**
 * The folder of a model: the one place where names become folders. Nothing is downloaded.
 * @param text - folder; `models/nano`, which ships; or `ORG/NAME` or `ORG/NAME@REVISION` of the hub's cache. A folder of that name goes
 *   before both
 * @param cacheFolder - the hub's cache; default: the environment's
 * @returns the folder of the model that ships, or of the snapshot; other texts as they are
 * @throws UserError `bad-checkpoint` for a name of the hub that was not pulled, or not to the end
 */
export async function findModelFolder(text: string, cacheFolder: string = hubCacheFolder()): Promise<string> {
  const name = parseHubName(text);
  if (name === null || !isHubName(text)) return text;
  if (text === EMBEDDED_MODEL) return embeddedModel();
  const snapshot = await findSnapshot(cacheFolder, name);
  const missing = snapshot === null ? [] : await missingFiles(snapshot.folder);
  if (snapshot !== null && missing.length === 0) return snapshot.folder;
  const flag = name.revision === DEFAULT_REVISION ? '' : ` --revision ${name.revision}`;
  const hint = `A model of the hub is pulled first: ${commandLine(`models pull ${name.repo}${flag}`)}`;
  const got = snapshot === null ? 'neither' : `one without ${missing.slice(0, 3).join(', ')}`;
  throw new UserError('bad-checkpoint', `${text}: expected a folder, or a model in the hub's cache, got ${got}`, {
    hint,
  });
}

/**
 * The folder of a model of which at least config.json and the tokenizer are here.
 * @param text - folder, or name of the hub
 * @param cacheFolder - the hub's cache; default: the environment's
 * @returns the folder; null where they are not
 */
export async function findConfigFolder(text: string, cacheFolder: string = hubCacheFolder()): Promise<string | null> {
  const name = parseHubName(text);
  const isHub = name !== null && isHubName(text) && text !== EMBEDDED_MODEL;
  const folder = isHub ? ((await findSnapshot(cacheFolder, name))?.folder ?? null) : text;
  const isThere = folder !== null && ['config.json', 'tokenizer.json'].every((file) => existsSync(join(folder, file)));
  return isThere ? folder : null;
}

/**
 * The name of a model with the commit that it is now, so that it means the same for good.
 * @param text - folder, or `ORG/NAME` or `ORG/NAME@REVISION` of the hub's cache
 * @param cacheFolder - the hub's cache; default: the environment's
 * @returns `ORG/NAME@COMMIT`; folders, `models/nano`, and names of what is not in the cache, as they are
 */
export async function pinnedName(text: string, cacheFolder: string = hubCacheFolder()): Promise<string> {
  const name = parseHubName(text);
  if (name === null || text === EMBEDDED_MODEL || !isHubName(text)) return text;
  const snapshot = await findSnapshot(cacheFolder, name);
  return snapshot === null ? text : `${name.repo}@${snapshot.commit}`;
}

/**
 * Folder of a repo in the cache.
 * @param cacheFolder - the hub's cache
 * @param repo - `ORG/NAME`
 */
export function repoFolder(cacheFolder: string, repo: string): string {
  invariant(isRepo(repo), `not a repo: ${show(repo)}`);
  return join(cacheFolder, `models--${repo.replace('/', '--')}`);
}

/**
 * Folder of a commit's files.
 * @param cacheFolder - the hub's cache
 * @param repo - `ORG/NAME`
 * @param commit - 40 hexadecimal digits
 */
export function snapshotFolder(cacheFolder: string, repo: string, commit: string): string {
  invariant(isCommit(commit), `not a commit: ${show(commit)}`);
  return join(repoFolder(cacheFolder, repo), 'snapshots', commit);
}

/**
 * Finds what was pulled before.
 * @param cacheFolder - the hub's cache
 * @param name - repo and revision
 * @returns the snapshot, whole or not; null where there is none
 */
export async function findSnapshot(cacheFolder: string, { repo, revision }: HubName): Promise<Snapshot | null> {
  const ref = isCommit(revision) ? revision : await readRef(join(repoFolder(cacheFolder, repo), 'refs', revision));
  if (ref === null || !isCommit(ref)) return null;
  const folder = snapshotFolder(cacheFolder, repo, ref);
  return existsSync(folder) ? { commit: ref, folder } : null;
}

/**
 * Reads which commit a revision is.
 * @param path - file of the ref
 * @returns its text; null when there is no such file
 */
export async function readRef(path: string): Promise<string | null> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (isCode(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) return null;
    throw error;
  });
  return text?.trim() ?? null;
}

/**
 * Writes which commit a revision is; nothing for a commit, which is its own name.
 * @param cacheFolder - the hub's cache
 * @param name - repo and revision
 * @param commit - 40 hexadecimal digits
 */
export async function writeRef(cacheFolder: string, { repo, revision }: HubName, commit: string): Promise<void> {
  if (isCommit(revision)) return;
  invariant(isRevision(revision), `not a revision: ${show(revision)}`);
  const path = join(repoFolder(cacheFolder, repo), 'refs', revision);
  if ((await readRef(path)) === commit) return;
  await makeFolder(dirname(path));
  await writeFileAtomic(path, commit);
}

/**
 * Which files of a snapshot are not there yet: those that a model or an adapter cannot do without.
 * @param folder - folder of the snapshot
 * @returns their names; none when it is whole
 */
export async function missingFiles(folder: string): Promise<string[]> {
  const has = (name: string): boolean => existsSync(join(folder, name));
  const without = (...names: string[]): string[] => names.filter((name) => !has(name));
  if (has('adapter_config.json')) return without('adapter_model.safetensors');
  const config = without('config.json', 'tokenizer.json');
  if (has('model.safetensors') || !has(INDEX_FILE)) return [...config, ...without('model.safetensors')];
  return [...config, ...without(...new Set((await readWeightMap(join(folder, INDEX_FILE))).values()))];
}

/**
 * Whether a file of a repo may be written below a snapshot's folder: a relative path with slashes that leads down.
 * @param name - as the server gives it
 */
export const isSafeFileName = (name: string): boolean =>
  !/[\\\0]/.test(name) && !name.split('/').some((part) => part === '' || part === '.' || part === '..');

/**
 * Puts a blob under its name into a snapshot: a link, or the blob itself where the file system has no links.
 * @param blob - path of the blob
 * @param snapshot - folder of the snapshot
 * @param name - name of the file, below the folder
 */
export async function linkBlob(blob: string, snapshot: string, name: string): Promise<void> {
  invariant(isSafeFileName(name), `not a file of a repo: ${show(name)}`);
  const path = join(snapshot, name);
  await makeFolder(dirname(path));
  const temporary = temporaryFor(path);
  try {
    await symlink(relative(dirname(path), blob), temporary);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    if (!isCode(error, 'EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP')) throw error;
    await rename(blob, path);
  }
}

/**
 * Whether a file is there with the size that it should have.
 * @param path - file, or link to one
 * @param size - in bytes
 */
export async function hasSize(path: string, size: number): Promise<boolean> {
  const info = await stat(path).catch(() => null);
  return info !== null && info.isFile() && info.size === size;
}

/** A file of a snapshot. */
export interface SnapshotFile {
  /** Path below the snapshot's folder. */
  name: string;
  /** The file itself: its blob. */
  path: string;
  /** In bytes. */
  size: number;
}

/**
 * Lists the files of a snapshot; links that lead nowhere are left out.
 * @param folder - folder of the snapshot
 */
export async function snapshotFiles(folder: string): Promise<SnapshotFile[]> {
  const files: SnapshotFile[] = [];
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    const path = await realpath(join(folder, name)).catch(() => null);
    const info = path === null ? null : await stat(path);
    if (path !== null && info?.isFile() === true)
      files.push({ name: name.split('\\').join('/'), path, size: info.size });
  }
  return files;
}
