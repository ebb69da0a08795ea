// Faults of the environment in one line: what was to be done, what came, what to do; anything else stays what it is.
import { mkdirSync } from 'node:fs';
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/index.ts';
import { environmentFault } from '../../src/files/index.ts';
import { temporaryFolder } from './temporary.ts';

const system = (code: string, more: object = {}): Error => Object.assign(new Error(code), { code, ...more });

describe('environmentFault', () => {
  it('says what the system threw', async () => {
    const folder = temporaryFolder();
    const thrown = async (work: Promise<unknown>): Promise<unknown> =>
      work.then(
        () => null,
        (error: unknown) => error,
      );
    const at = join(folder, 'none');
    expect(environmentFault(await thrown(readdir(at)))?.message).toBe(
      `${at}: expected to read it, got no such file or folder (ENOENT)`,
    );
    mkdirSync(at);
    expect(environmentFault(await thrown(open(at, 'w')))?.message).toBe(
      `${at}: expected to open it, got a folder (EISDIR)`,
    );
    expect(environmentFault(await thrown(readFile(at)))?.message).toContain('got a folder');
  });

  it.each(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'EIO', 'EMFILE', 'EPIPE'])('knows %s', (code) => {
    const fault = environmentFault(system(code, { syscall: 'write', path: 'x' }));
    expect(fault).toMatchObject({
      code: 'bad-input',
      message: expect.stringMatching(/^x: expected to write it, got \w.*\(E\w+\)$/),
    });
    expect(fault!.message).not.toContain('\n');
  });

  it('finds it behind another error, names a place that it is given, and a working folder that is gone', () => {
    const outer = new Error('training ended', { cause: system('ENOSPC') });
    expect(environmentFault(outer)?.message).toBe('expected to use a file, got no room on the disk (ENOSPC)');
    expect(environmentFault(outer, 'cache', 'Clear it.')).toMatchObject({
      message: 'cache: expected to use it, got no room on the disk (ENOSPC)',
      hint: 'Clear it.',
    });
    expect(environmentFault(system('ENOENT', { syscall: 'uv_cwd' }))?.message).toMatch(/^working folder: /);
  });

  it('leaves bugs, mistakes and the network to others', () => {
    for (const error of [new TypeError('x is undefined'), system('ERR_INVALID_ARG_TYPE'), 'text', undefined, null]) {
      expect(environmentFault(error)).toBeNull();
    }
    expect(environmentFault(new UserError('bad-input', 'x', { cause: system('ENOSPC') }))).toBeNull();
    expect(environmentFault(system('EACCES', { syscall: 'connect' }))).toBeNull();
  });
});
