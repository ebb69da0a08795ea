// Writes are whole or an error: short writes go on, a full disk is told, and nothing that was finished is lost.
import { execFile } from 'node:child_process';
import { readFileSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { openJsonLines, openOutput, readJsonLines, truncateJsonLines, writeNewFile } from '../../src/files/index.ts';
import { writeAll } from '../../src/files/output.ts';
import { compiledUrl } from '../compiled.ts';
import { temporaryFolder } from './temporary.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

/** Takes so many bytes at a time, until so many are written. */
function nearlyFull(atATime: number, room: number): { taken: Buffer[]; write: never } {
  const taken: Buffer[] = [];
  const write = (bytes: Uint8Array, offset: number, length: number): Promise<{ bytesWritten: number }> => {
    const bytesWritten = Math.min(length, atATime, room);
    room -= bytesWritten;
    taken.push(Buffer.from(bytes.subarray(offset, offset + bytesWritten)));
    return Promise.resolve({ bytesWritten });
  };
  return { taken, write: write as never };
}

describe('writeAll', () => {
  it('goes on after a short write, and throws where nothing more is taken', async () => {
    const bytes = Buffer.from('a line of twenty-six bytes');
    const short = nearlyFull(7, 1000);
    await writeAll(short, bytes, 'x');
    expect(Buffer.concat(short.taken)).toEqual(bytes);
    const full = nearlyFull(7, 20);
    await expect(writeAll(full, bytes, 'x')).rejects.toMatchObject({ code: 'ENOSPC', path: 'x' });
    expect(Buffer.concat(full.taken)).toEqual(bytes.subarray(0, 20));
  });
});

describe('an output file', () => {
  it('is as it was before a write that failed, and takes nothing more', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'x');
    writeFileSync(path, 'before\n');
    const script = `
      import { openOutput } from ${JSON.stringify(compiledUrl('src/files/index.ts'))};
      const file = await openOutput(process.argv[1], 'append');
      await file.write('first\\n');
      for (const text of ['x'.repeat(5000), 'after\\n']) await file.write(text).catch((e) => console.log(e.code));
      await file.close();`;
    // A limit on the size of files stands for a full disk: the write that crosses it is short, the next one an error.
    const { stdout } = await run(
      'bash',
      ['-c', 'ulimit -f 1; exec "$@"', 'bash', process.execPath, '--input-type=module', '-e', script, path],
      { cwd: root },
    );
    expect(stdout).toBe('EFBIG\nEFBIG\n');
    expect(readFileSync(path, 'utf8')).toBe('before\nfirst\n');
  });

  it('says when it was moved, deleted or replaced', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'x');
    const file = await openOutput(path, 'new');
    await file.write('1');
    await file.requireInPlace();
    renameSync(path, join(folder, 'y'));
    await expect(file.requireInPlace()).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringMatching(/none at/),
    });
    writeFileSync(path, 'another');
    await expect(file.requireInPlace()).rejects.toThrow('got another one at that path');
    rmSync(path);
    renameSync(join(folder, 'y'), path);
    await file.requireInPlace();
    expect(await file.isInPlace()).toBe(true);
    await file.close();
    await expect(openOutput(path, 'new')).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(writeNewFile(path, '')).rejects.toMatchObject({ code: 'EEXIST' });
  });

  it.skipIf(process.platform !== 'linux')('tells of a device that is full', async () => {
    const path = join(temporaryFolder(), 'x.jsonl');
    symlinkSync('/dev/full', path);
    const lines = await openJsonLines(path);
    await expect(lines.append({ a: 1 })).rejects.toMatchObject({ code: 'ENOSPC' });
    await lines.close();
  });
});

describe('truncateJsonLines', () => {
  const lines = Array.from({ length: 3000 }, (_, step) => ({ step, filling: 'x'.repeat(50) }));
  const text = (values: readonly unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('');

  it('cuts a torn line and lines at the end off where they lie, without room for a copy', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'x.jsonl');
    writeFileSync(path, `${text(lines)}{"step":30`);
    const { ino } = statSync(path);
    await truncateJsonLines(path, () => true);
    expect(readFileSync(path, 'utf8')).toBe(text(lines));
    await truncateJsonLines(path, (value) => (value as { step: number }).step < 2000);
    expect(readFileSync(path, 'utf8')).toBe(text(lines.slice(0, 2000)));
    await truncateJsonLines(path, text(lines.slice(0, 10)).length);
    expect(readFileSync(path, 'utf8')).toBe(text(lines.slice(0, 10)));
    expect(statSync(path).ino).toBe(ino);
    expect(readdirSync(folder)).toEqual(['x.jsonl']);
  });

  it('leaves the file as it was when a copy without lines in the middle finds no room', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'x.jsonl');
    writeFileSync(path, text(lines));
    const script = `
      import { truncateJsonLines } from ${JSON.stringify(compiledUrl('src/files/index.ts'))};
      await truncateJsonLines(process.argv[1], ({ step }) => step !== 7).catch((e) => console.log(e.code));`;
    const { stdout } = await run(
      'bash',
      ['-c', 'ulimit -f 64; exec "$@"', 'bash', process.execPath, '--input-type=module', '-e', script, path],
      { cwd: root },
    );
    expect(stdout).toBe('EFBIG\n');
    expect(await readJsonLines(path)).toEqual(lines);
    expect(readdirSync(folder)).toEqual(['x.jsonl']);
    await truncateJsonLines(path, (value) => (value as { step: number }).step !== 7);
    expect(readFileSync(path, 'utf8')).toBe(text(lines.filter(({ step }) => step !== 7)));
  });
});
