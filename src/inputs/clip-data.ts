// Clips that are bytes or a stream instead of a file: they lie in a temporary file of their own while they are read, so that the same
// decoder reads them, in the same confinement and under the same limits.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, oneLine } from '../core/index.ts';
import { makeTemporaryFolder, openOutput } from '../files/index.ts';
import { defaultLimits } from '../video/index.ts';
import type { Clip, ClipData } from './clip.ts';

/**
 * Does something with a clip whose content is in a file.
 * @param clip - the clip; its `data`, where it has any, is read to its end or to the limit
 * @param work - is given the clip with the path of a file, which is removed afterwards where it is temporary
 * @param maxBytes - greatest size of the content; default: that of files
 * @throws UserError `unreadable-media` for content above the limit; what the stream throws, as `unreadable-media` too
 */
export async function withClipFile<T>(
  clip: Clip,
  work: (clip: Clip) => Promise<T>,
  maxBytes: number = defaultLimits.maxBytes,
): Promise<T> {
  const { data, ...rest } = clip;
  if (data === undefined) return work(rest);
  const folder = await makeTemporaryFolder('iovqa-clip');
  const path = join(folder, 'clip');
  const name = oneLine(clip.path);
  try {
    await writeData(path, data, maxBytes, name);
    return await work({ ...rest, path });
  } catch (error) {
    // The user knows the clip by its name.
    if (!(error instanceof UserError)) throw error;
    const { code, hint, message } = error;
    throw new UserError(code, message.replaceAll(path, name), {
      ...(hint === undefined ? {} : { hint }),
      cause: error,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeData(path: string, data: ClipData, maxBytes: number, name: string): Promise<void> {
  const file = await openOutput(path, 'new');
  try {
    for await (const part of data instanceof Uint8Array ? [data] : parts(data, name)) {
      if (file.size + part.length > maxBytes) {
        throw new UserError('unreadable-media', `${name}: expected at most ${maxBytes} bytes, got more`);
      }
      await file.write(part);
    }
  } finally {
    await file.close();
  }
}

/** What a stream throws is that clip's error. */
async function* parts(data: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  try {
    yield* data;
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new UserError('unreadable-media', `${name}: expected a stream that ends, got ${oneLine(got)}`, { cause });
  }
}
