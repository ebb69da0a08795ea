// Moments of a lock that another caller in the same process may hit: they are met here by stopping it while it removes a file.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { acquireLock } from '../../src/files/index.ts';
import { temporaryFolder } from './temporary.ts';

vi.mock('node:fs/promises', async (actual) => {
  const fs = await actual<typeof import('node:fs/promises')>();
  return { ...fs, rm: vi.fn(fs.rm) };
});

/** Calls `work` once, before the next file is removed whose name fits. */
function beforeRemoval(name: RegExp, work: () => Promise<void>): void {
  const remove = vi.mocked(rm).getMockImplementation()!;
  let isDone = false;
  vi.mocked(rm).mockImplementation(async (path, options) => {
    if (!isDone && name.test(String(path))) {
      isDone = true;
      await work();
    }
    return remove(path, options);
  });
}

it('a lock that is there is held, also before its temporary file is gone', async () => {
  const path = join(temporaryFolder(), 'x.lock');
  const asked: unknown[] = [];
  beforeRemoval(/\.tmp-/, async () => void asked.push(...(await Promise.allSettled([acquireLock(path, 'x')]))));
  await using lock = await acquireLock(path, 'x');
  expect(asked).toMatchObject([{ status: 'rejected', reason: { message: expect.stringContaining('is running') } }]);
  await lock.requireHeld();
});

it('giving a lock back removes its own and no other', async () => {
  const path = join(temporaryFolder(), 'x.lock');
  const lock = await acquireLock(path, 'x');
  const asked: PromiseSettledResult<unknown>[] = [];
  beforeRemoval(/x\.lock$/, async () => void asked.push(...(await Promise.allSettled([acquireLock(path, 'x')]))));
  await lock.release();
  expect(asked).toMatchObject([{ status: 'rejected' }]);
  await (await acquireLock(path, 'x')).release();
});
