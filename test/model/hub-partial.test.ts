// A part that another machine has taken for abandoned, and written to, does not become a blob.
import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Partial } from '../../src/model/hub/partial.ts';
import { openPartial } from '../../src/model/hub/partial.ts';
import { temporaryFolder } from '../files/temporary.ts';

const content = Buffer.alloc(3000, 'content');
const etag = createHash('sha256').update(content).digest('hex');

/** A part with all bytes of the file, its name, and what is done to it behind its back. */
async function spoil(change: (path: string) => void): Promise<{ blobs: string; partial: Partial }> {
  const blobs = temporaryFolder();
  const partial = await openPartial(blobs, { name: 'a', size: content.length, hash: 'sha256', etag });
  await partial.append(content);
  change(join(blobs, readdirSync(blobs)[0]!));
  return { blobs, partial };
}

it.each([
  ['bytes that were added', (path: string) => appendFileSync(path, 'more')],
  ['another name', (path: string) => renameSync(path, `${path}.other`)],
])('%s: it begins anew, and ends well', async (_, change) => {
  const { blobs, partial } = await spoil(change);
  expect(await partial.finish()).toBe(false);
  expect(readdirSync(blobs)).not.toContain(etag);
  await partial.append(content);
  expect(await partial.finish()).toBe(true);
  expect(readFileSync(join(blobs, etag)).equals(content)).toBe(true);
});
