// Gets a model or adapter from the hub into its cache: the files that are needed, at one commit, the weights last.
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, formatSize, show } from '../../core/index.ts';
import { environmentFault, makeFolder } from '../../files/index.ts';
import type { HubName, Snapshot } from './cache.ts';
import {
  findSnapshot,
  hasSize,
  linkBlob,
  missingFiles,
  parseHubName,
  repoFolder,
  snapshotFiles,
  snapshotFolder,
  writeRef,
} from './cache.ts';
import { chooseFiles } from './choose.ts';
import type { HubClient } from './client.ts';
import { HubTrouble, createHubClient } from './client.ts';
import type { RetryOptions } from './download.ts';
import { downloadBlob, retrying } from './download.ts';
import type { HubFile, HubListing } from './listing.ts';
import { partialSize } from './partial.ts';
import type { HubSettings } from './settings.ts';
import { readHubSettings } from './settings.ts';

/** What is known before the weights come. */
export interface PullPlan {
  /** `ORG/NAME`. */
  repo: string;
  /** Branch, tag or commit. */
  revision: string;
  /** The commit that it is now: 40 hexadecimal digits. */
  commit: string;
  /** Names of the files. */
  files: string[];
  /** Bytes of all files. */
  sizeBytes: number;
  /** Bytes that are not here yet. */
  missingBytes: number;
}

/** What was pulled. */
export interface PulledModel extends Omit<PullPlan, 'missingBytes'> {
  /** Folder of the snapshot. */
  folder: string;
  /** Whether the hub could not be asked, and all was in the cache. */
  offline: boolean;
}

/** Options of {@link pullModel}. */
export interface PullOptions {
  /** Branch, tag or commit; default: the name's own (`ORG/NAME@REVISION`), else `main`. */
  revision?: string;
  /** Leave the weights out: what `estimateRun` needs of a model. */
  configOnly?: boolean;
  /** Where the hub and its cache are; default: as the environment says. */
  settings?: HubSettings;
  /** Receives the plan, once it stands. */
  onPlan?: (plan: PullPlan) => void;
  /** Receives how many bytes are here, of how many. */
  onProgress?: (done: number, total: number) => void;
  /** Receives a line about something that is tried again, or why the cache's own answer had to do. */
  onNote?: (line: string) => void;
  /** Stops the pull; what is here of a file stays for the next one. */
  signal?: AbortSignal;
  /** Tries in a row that bring nothing, after which it is given up; default 6. */
  tries?: number;
  /** Milliseconds before the second try; doubled for each further one. Default 1000. */
  retryDelayMs?: number;
}

/**
 * Gets a model or adapter from the hub into its cache, where all tools of the hub find it. What is in the cache is not fetched again.
 * @param model - `ORG/NAME`, or `ORG/NAME@REVISION`
 * @param options - revision, settings, callbacks
 * @throws UserError `bad-input` for a model that there is not, or that is not open to the user; `not-supported` without network,
 *   room on the disk, or weights as safetensors, and for models of other families; `bad-checkpoint` for content that is not
 *   what was announced
 */
export async function pullModel(model: string, options: PullOptions = {}): Promise<PulledModel> {
  const name = nameOf(model, options.revision);
  const settings = options.settings ?? (await readHubSettings());
  const client = createHubClient(settings);
  const retry = retryOptions(options);
  const listing = await ask(client, settings, name, retry, options);
  if ('file' in listing) {
    return fetchFiles(client, settings, name, listing, retry, options).catch((error: unknown) => {
      const hint = 'HF_HOME and HF_HUB_CACHE name another. Where only room is lacking, the same command goes on.';
      throw environmentFault(error, settings.cacheFolder, hint) ?? error;
    });
  }
  const files = await snapshotFiles(listing.folder);
  const sizeBytes = files.reduce((total, { size }) => total + size, 0);
  return { ...name, ...listing, files: files.map((file) => file.name), sizeBytes, offline: true };
}

function nameOf(model: string, revision: string | undefined): HubName {
  const name = parseHubName(revision === undefined ? model : `${model}@${revision}`);
  if (name !== null) return name;
  const got = show(revision === undefined ? model : `${model} at ${revision}`);
  throw new UserError('bad-input', `models pull: expected ORG/NAME of the hub, got ${got}`, {
    hint: 'Such as Qwen/Qwen2.5-VL-3B-Instruct; a branch, tag or commit goes behind --revision.',
  });
}

function retryOptions({ signal, onNote, tries, retryDelayMs }: PullOptions): RetryOptions {
  return {
    signal: signal ?? new AbortController().signal,
    ...(onNote === undefined ? {} : { onRetry: onNote }),
    ...(tries === undefined ? {} : { tries }),
    ...(retryDelayMs === undefined ? {} : { delayMs: retryDelayMs }),
  };
}

/** The files of the commit; without network, the snapshot that is in the cache. */
async function ask(
  client: HubClient,
  { endpoint, offline, cacheFolder }: HubSettings,
  name: HubName,
  retry: RetryOptions,
  { onNote, configOnly = false }: PullOptions,
): Promise<HubListing | Snapshot> {
  let cause: HubTrouble | null = null;
  if (!offline) {
    try {
      // A machine without network is told at once.
      return await retrying(() => client.listing(name, retry.signal), retry, {
        isFinal: (trouble) => trouble.unreachable,
      });
    } catch (error) {
      if (!(error instanceof HubTrouble)) throw error;
      cause = error;
    }
  }
  const why = cause === null ? 'HF_HUB_OFFLINE is set' : cause.message;
  const snapshot = await findSnapshot(cacheFolder, name);
  const missing = snapshot === null ? [] : await missingFiles(snapshot.folder);
  if (snapshot !== null && missing.every((file) => configOnly && isWeights(file))) {
    const hub = cause === null ? 'the hub was not asked' : 'the hub was asked in vain';
    onNote?.(`note: ${hub} (${why}); ${snapshot.commit} is what the cache has for ${name.revision}`);
    return snapshot;
  }
  const there = snapshot === null ? 'is not in the cache' : 'is in the cache in part only';
  throw new UserError('not-supported', `${endpoint}: expected the hub, got none: ${why}`, {
    cause,
    hint: `${name.repo} at ${name.revision} ${there}. Pull it on a machine that is online and copy ${repoFolder(cacheFolder, name.repo)} here.`,
  });
}

async function fetchFiles(
  client: HubClient,
  { cacheFolder }: HubSettings,
  name: HubName,
  listing: HubListing,
  retry: RetryOptions,
  { onPlan, onProgress, configOnly = false }: PullOptions,
): Promise<PulledModel> {
  const { repo } = name;
  const { commit } = listing;
  const blobs = join(repoFolder(cacheFolder, repo), 'blobs');
  const folder = snapshotFolder(cacheFolder, repo, commit);
  await makeFolder(blobs);
  await makeFolder(folder);

  const isHere = async (file: HubFile): Promise<boolean> =>
    (await hasSize(join(folder, file.name), file.size)) || hasSize(join(blobs, file.etag), file.size);
  const get = async (file: HubFile, onBytes?: (size: number) => void): Promise<void> => {
    if (!(await isHere(file))) {
      await downloadBlob(client, { repo, commit, file, blobs, ...(onBytes === undefined ? {} : { onBytes }) }, retry);
    }
    if (!(await hasSize(join(folder, file.name), file.size))) await linkBlob(join(blobs, file.etag), folder, file.name);
  };

  const chosen = await chooseFiles(repo, listing, folder, get);
  const files = configOnly ? chosen.filter((file) => !isWeights(file.name)) : chosen;
  let missingBytes = 0;
  for (const file of files) {
    if (!(await isHere(file))) missingBytes += Math.max(0, file.size - (await partialSize(blobs, file.etag)));
  }
  await requireRoom(cacheFolder, missingBytes);
  const sizeBytes = files.reduce((total, { size }) => total + size, 0);
  const plan = { ...name, commit, files: files.map((file) => file.name), sizeBytes };
  onPlan?.({ ...plan, missingBytes });
  let done = 0;
  for (const file of files) {
    await get(file, (size) => onProgress?.(done + size, sizeBytes));
    done += file.size;
    onProgress?.(done, sizeBytes);
  }
  await writeRef(cacheFolder, name, commit);
  return { ...plan, folder, offline: false };
}

const isWeights = (file: string): boolean => file.endsWith('.safetensors');

async function requireRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (bytes <= free) return;
  throw new UserError(
    'not-supported',
    `${folder}: expected ${formatSize(bytes)} of free space, got ${formatSize(free)}`,
    {
      hint: 'Make room, or set HF_HOME or HF_HUB_CACHE to a larger disk.',
    },
  );
}
