// Gets one file into the cache: goes on where an earlier try ended, bounded in tries and bytes, and believes nothing but the hash.
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../core/index.ts';
import type { HubClient } from './client.ts';
import { HubTrouble } from './client.ts';
import type { HubFile } from './listing.ts';
import type { Partial } from './partial.ts';
import { openPartial } from './partial.ts';

/** How to try again. */
export interface RetryOptions {
  /** Tries in a row that bring nothing, after which it is given up; default 6. */
  tries?: number;
  /** Milliseconds before the second try; doubled for each further one, to at most 32 times. Default 1000. */
  delayMs?: number;
  /** Receives why it is tried again. */
  onRetry?: (reason: string) => void;
  /** Ends it. */
  signal: AbortSignal;
}

const TRIES = 6;
const DELAY_MS = 1000;
const MAX_WAIT_MS = 120_000;
/** Bytes that count as getting on: tries are counted anew after them. */
const PROGRESS_BYTES = 2 ** 20;

/**
 * Does something again for as long as the network is in trouble.
 * @param attempt - what to do
 * @param options - how often
 * @param judge - `isProgress`: whether the last try brought something, so that tries are counted anew; `isFinal`: whether trouble
 *   is not tried again but thrown
 * @throws UserError `not-supported` that says how to go on, after the last try; whatever else `attempt` throws
 */
export async function retrying<T>(
  attempt: () => Promise<T>,
  { tries = TRIES, delayMs = DELAY_MS, onRetry, signal }: RetryOptions,
  judge: { isProgress?: () => boolean; isFinal?: (trouble: HubTrouble) => boolean } = {},
): Promise<T> {
  for (let failed = 0; ;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof HubTrouble) || judge.isFinal?.(error) === true) throw error;
      failed = judge.isProgress?.() === true ? 1 : failed + 1;
      if (failed >= tries) {
        throw new UserError('not-supported', `${error.message}, ${tries} times in a row`, {
          cause: error,
          hint: 'Try again later: the same command goes on where this one ended.',
        });
      }
      const wait = Math.min(MAX_WAIT_MS, Math.max(delayMs * Math.min(32, 2 ** (failed - 1)), error.retryAfterMs));
      onRetry?.(`${error.message}; trying again in ${Math.ceil(wait / 1000)} s`);
      await sleep(wait, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

/** Which file, and where it goes. */
export interface Download {
  /** `ORG/NAME`. */
  repo: string;
  /** 40 hexadecimal digits. */
  commit: string;
  /** The file. */
  file: HubFile;
  /** Folder of the blobs. */
  blobs: string;
  /** Receives how many bytes of the file are here; fewer than before when it begins anew. */
  onBytes?: (size: number) => void;
}

/**
 * Downloads a file to its blob. What is here of it stays as `ETAG.incomplete` when this throws.
 * @param client - the hub
 * @param retry - how to try again
 * @throws UserError `bad-checkpoint` for content that is not what was announced; those of the client
 */
export async function downloadBlob(client: HubClient, download: Download, retry: RetryOptions): Promise<void> {
  const { file, blobs, onBytes } = download;
  const partial = await openPartial(blobs, file);
  let isDone = false;
  let wrongHashes = 0;
  let most = partial.size;
  try {
    onBytes?.(partial.size);
    await retrying(
      async () => {
        const isWhole = await fill(client, download, partial, retry.signal);
        if (await partial.finish()) return;
        onBytes?.(0);
        // A part that was here may be to blame; what came in one piece is wrong at its source.
        if (isWhole || ++wrongHashes > 1) {
          const hint = 'Nothing of it was kept. The copy on the server, or on the way here, is damaged.';
          const expected = `content with the hash ${file.etag}`;
          throw new UserError('bad-checkpoint', `${file.name}: expected ${expected}, got other content`, { hint });
        }
        throw new HubTrouble(`${file.name}: the hash of the content is wrong, so it begins anew`);
      },
      retry,
      {
        isProgress: () => {
          const isProgress = partial.size >= most + PROGRESS_BYTES;
          most = Math.max(most, partial.size);
          return isProgress;
        },
      },
    );
    isDone = true;
  } finally {
    if (!isDone) await partial.close();
  }
}

/**
 * Gets the bytes that are missing.
 * @returns whether all bytes of the file came in this one answer
 */
async function fill(
  client: HubClient,
  { repo, commit, file, onBytes }: Download,
  partial: Partial,
  signal: AbortSignal,
): Promise<boolean> {
  if (partial.size === file.size && file.size > 0) return false;
  const { start, chunks } = await client.content(repo, commit, file.name, partial.size, signal);
  if (start !== partial.size) await partial.restart();
  for await (const chunk of chunks) {
    if (partial.size + chunk.length > file.size) {
      await partial.restart();
      throw new UserError('bad-checkpoint', `${file.name}: expected ${file.size} bytes, as announced, got more`);
    }
    await partial.append(chunk);
    onBytes?.(partial.size);
  }
  if (partial.size < file.size) {
    throw new HubTrouble(`${file.name}: the connection ended after ${partial.size} of ${file.size} bytes`);
  }
  return start === 0;
}
