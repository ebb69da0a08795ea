// A machine that starts no more processes: a fault of the environment, told as that.
import { EventEmitter } from 'node:events';
import { spawn } from 'node:child_process';
import { expect, it, vi } from 'vitest';
import { UserError } from '../../src/core/index.ts';
import { environmentFault } from '../../src/files/index.ts';
import { openChildPool } from '../../src/video/child-pool.ts';
import { defaultLimits } from '../../src/video/index.ts';
import { options } from './fixtures.ts';

vi.mock('node:child_process', async (actual) => ({
  ...(await actual<typeof import('node:child_process')>()),
  spawn: vi.fn(),
}));

it.each(['EMFILE', 'EAGAIN'])('%s in starting a process ends the run with what to do', async (code) => {
  // As Node.js does it: the error comes as an event, and of EMFILE there are neither pipes nor a number.
  vi.mocked(spawn).mockImplementation((file: string) => {
    const child = new EventEmitter();
    const error = Object.assign(new Error(`spawn ${file} ${code}`), { code, syscall: `spawn ${file}`, path: file });
    process.nextTick(() => child.emit('error', error));
    return Object.assign(child, {
      ref: () => {},
      unref: () => {},
      kill: () => expect.fail('nothing to kill'),
    }) as never;
  });
  const pool = openChildPool(1, { sandbox: 'off' });
  const request = { clip: { path: 'a.mp4', kind: 'video' as const }, options, limits: defaultLimits };
  const error = await pool.read(request).catch((thrown: unknown) => thrown);
  // Not an error of the clip, after which the next one would be tried.
  expect(error).not.toBeInstanceOf(UserError);
  expect(environmentFault(error)).toMatchObject({
    message: expect.stringContaining(`expected to start it, got too many`),
  });
  await pool.close();
});
