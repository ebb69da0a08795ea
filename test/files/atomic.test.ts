// Whole or not at all: files, folders and pointers, also when the writer is killed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import {
  pointTo,
  readJsonLines,
  readPointer,
  readSafetensorsHeader,
  readTensor,
  removeLeftovers,
  sha256File,
  writeFileAtomic,
  writeFolderAtomic,
} from '../../src/files/index.ts';
import { appendJsonLines } from '../../src/files/json-lines.ts';
import { compiled } from '../compiled.ts';
import { temporaryFolder } from './temporary.ts';

const child = compiled('test/files/write-loop.ts');

/** Runs the child until it has written one round, and kills it at a random moment after that. */
async function runAndKill(folder: string, first: number): Promise<void> {
  const running = spawn(process.execPath, [child, folder, `${first}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(running, 'exit');
  await once(running.stdout, 'data');
  await sleep(Math.random() * 40);
  running.kill('SIGKILL');
  await ended;
}

/** Kills writers of one folder, and checks after each kill what is there. Returns how many steps and leftovers there were. */
async function killWriters(kills: number): Promise<{ numSteps: number; numLeftovers: number }> {
  const folder = temporaryFolder();
  let next = 1;
  let numLeftovers = 0;
  for (let kill = 0; kill < kills; kill++) {
    await runAndKill(folder, next);
    numLeftovers += (await removeLeftovers(folder)).length;
    const names = readdirSync(folder);
    expect(names.filter((name) => !/^(step-\d+|best|state\.json|events\.jsonl)$/.test(name))).toEqual([]);
    const steps = names.filter((name) => name.startsWith('step-')).map((name) => Number(name.slice(5)));
    for (const step of steps.filter((step) => step >= next)) {
      const inside = join(folder, `step-${step}`);
      expect(readFileSync(join(inside, 'a.txt'), 'utf8')).toBe(`${step}\n`.repeat(5000));
      const x = await readTensor(await readSafetensorsHeader(join(inside, 'b.safetensors')), 'x');
      expect(x.every((value) => value === step)).toBe(true);
    }
    const last = Math.max(...steps);
    const state = JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8')) as { step: number };
    expect(last - state.step).toBeLessThanOrEqual(1);
    expect(existsSync(join(folder, (await readPointer(join(folder, 'best')))!))).toBe(true);
    const lines = (await readJsonLines(join(folder, 'events.jsonl'))) as { step: number }[];
    expect(state.step - lines.at(-1)!.step).toBeLessThanOrEqual(1);
    next = last + 1;
  }
  return { numSteps: next - 1, numLeftovers };
}

describe('a writer that is killed', () => {
  it('leaves whole folders, files, pointers and lines, and recognisable leftovers', { tags: ['long'] }, async () => {
    const results = await Promise.all([killWriters(10), killWriters(10)]);
    for (const { numSteps } of results) expect(numSteps).toBeGreaterThanOrEqual(10);
    // The kills do hit writes: were it never so, this test would show nothing.
    expect(results[0].numLeftovers + results[1].numLeftovers).toBeGreaterThan(0);
  });
});

describe('writeFileAtomic', () => {
  it('replaces a file, and leaves the old one and nothing else when writing fails', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.txt');
    await writeFileAtomic(path, 'old');
    await writeFileAtomic(path, 'new');
    await expect(
      writeFileAtomic(path, async (file) => {
        await file.write('half');
        throw new Error('no more');
      }),
    ).rejects.toThrow('no more');
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(readdirSync(folder)).toEqual(['a.txt']);
    expect(await sha256File(path)).toBe('11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437');
  });
});

describe('readers beside a writer', () => {
  it('never see half a file, nor none', async () => {
    const path = join(temporaryFolder(), 'a.bin');
    const contents = ['a', 'b'].map((letter) => Buffer.alloc(8 << 20, letter));
    await writeFileAtomic(path, contents[0]!);
    const done = new AbortController();
    const writer = (async () => {
      for (let i = 1; i < 12; i++) await writeFileAtomic(path, contents[i % 2]!);
      done.abort();
    })();
    const seen = new Set<string>();
    while (!done.signal.aborted) {
      const got = await readFile(path);
      seen.add(contents.findIndex((content) => content.equals(got)) >= 0 ? String.fromCharCode(got[0]!) : 'torn');
    }
    await writer;
    expect([...seen].sort()).toEqual(['a', 'b']);
  });
});

describe('writeFolderAtomic', () => {
  it('takes an empty place, refuses a full one, and leaves nothing when filling fails', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'deep', 'out');
    const fill = (inside: string): Promise<void> => Promise.resolve(writeFileSync(join(inside, 'x'), '1'));
    mkdirSync(path, { recursive: true });
    await writeFolderAtomic(path, fill);
    expect(readdirSync(path)).toEqual(['x']);
    await expect(writeFolderAtomic(path, fill)).rejects.toMatchObject({ code: 'bad-input' });
    writeFileSync(join(folder, 'file'), '');
    await expect(writeFolderAtomic(join(folder, 'file'), fill)).rejects.toThrow('expected a new folder, got a file');
    await expect(writeFolderAtomic(join(folder, 'b'), () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(readdirSync(folder).sort()).toEqual(['deep', 'file']);
  });

  it('lets the system’s errors through, with the place that was asked for, and leaves nothing', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'out');
    const system = (code: string, place?: string): Error =>
      Object.assign(new Error(`${code}: told by the system`), { code, syscall: 'write', path: place });
    const inside = (name: string): Promise<void> =>
      writeFolderAtomic(path, (temporary) => Promise.reject(system('EACCES', join(temporary, name))));
    await expect(inside('x')).rejects.toMatchObject({ code: 'EACCES', path: join(path, 'x') });
    // What cannot be read is named as it was.
    const unread = system('EACCES', join(folder, 'source'));
    await expect(writeFolderAtomic(path, () => Promise.reject(unread))).rejects.toBe(unread);
    expect(unread).toMatchObject({ path: join(folder, 'source') });
    writeFileSync(join(folder, 'file'), '');
    const below = writeFolderAtomic(join(folder, 'file', 'out'), () => Promise.resolve());
    await expect(below).rejects.toThrow(/E(EXIST|NOTDIR)/);
    await expect(writeFileAtomic(join(folder, 'none', 'x'), '')).rejects.toMatchObject({
      path: join(folder, 'none', 'x'),
    });
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it('says so when somebody else takes the place meanwhile', async () => {
    const path = join(temporaryFolder(), 'out');
    const taken = writeFolderAtomic(path, async (inside) => {
      writeFileSync(join(inside, 'x'), '1');
      mkdirSync(path);
      writeFileSync(join(path, 'theirs'), '2');
    });
    await expect(taken).rejects.toMatchObject({ code: 'bad-input' });
    expect(readdirSync(path)).toEqual(['theirs']);
  });
});

describe('removeLeftovers', () => {
  it('leaves the temporary files of running processes and everything with another name', async () => {
    const folder = temporaryFolder();
    const names = [`.a.tmp-${process.pid}-00000000-0`, `.a.tmp-${process.ppid}-00000000-0`, '.a.tmp-1-x-0', 'a.tmp'];
    for (const name of names) mkdirSync(join(folder, name));
    // An earlier process had this one's number; the parent runs.
    expect(await removeLeftovers(folder)).toEqual([names[0]]);
    expect(readdirSync(folder).sort()).toEqual(names.slice(1).sort());
    expect(await removeLeftovers(join(folder, 'missing'))).toEqual([]);
  });

  it('leaves those of other threads and of other copies of the module in this process', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a');
    const { temporaryFor } = await import('../../src/files/leftovers.ts');
    vi.resetModules();
    const other = await import('../../src/files/leftovers.ts');
    const names = [temporaryFor(path), other.temporaryFor(path)];
    expect(new Set(names).size).toBe(2);
    for (const name of names) writeFileSync(name, '');
    expect([await removeLeftovers(folder), await other.removeLeftovers(folder)]).toEqual([[], []]);
  });

  it.skipIf(process.getuid?.() !== 0)(
    'leaves those of other users where anybody may write (skipped where not root)',
    async () => {
      const folder = temporaryFolder();
      const names = ['.a.tmp-4194305-00000000-0', '.b.tmp-4194305-00000000-0'];
      for (const name of names) writeFileSync(join(folder, name), '');
      chownSync(join(folder, names[0]!), 12345, 12345);
      chmodSync(folder, 0o1777);
      expect(await removeLeftovers(folder)).toEqual([names[1]]);
      chmodSync(folder, 0o755);
      expect(await removeLeftovers(folder)).toEqual([names[0]]);
    },
  );

  it('leaves those of another machine for a week', async () => {
    const folder = temporaryFolder();
    const names = ['.a.tmp-1-00000000-aaaaaaaa-0', '.b.tmp-1-00000000-aaaaaaaa-0'];
    for (const name of names) writeFileSync(join(folder, name), '');
    const old = new Date(Date.now() - 8 * 24 * 3600 * 1000);
    utimesSync(join(folder, names[1]!), old, old);
    expect(await removeLeftovers(folder)).toEqual([names[1]]);
  });

  it('is what the next to write there does', async () => {
    const leave = (): string => {
      const folder = temporaryFolder();
      writeFileSync(join(folder, '.x.csv.tmp-4194305-00000000-0'), 'half');
      return folder;
    };
    const [first, second, third] = [leave(), leave(), leave()];
    await writeFileAtomic(join(first, 'y'), '');
    expect(readdirSync(first)).toEqual(['y']);
    await appendJsonLines(join(second, 'y'), [1]);
    expect(readdirSync(second)).toEqual(['y']);
    await writeFolderAtomic(join(third, 'y'), () => Promise.resolve());
    expect(readdirSync(third)).toEqual(['y']);
  });
});

describe('pointers', () => {
  it('are replaced, read back, and never leave their folder', async () => {
    const folder = temporaryFolder();
    const best = join(folder, 'best');
    expect(await readPointer(best)).toBeNull();
    await pointTo(best, 'step-1');
    await pointTo(best, 'step-2');
    expect(await readPointer(best)).toBe('step-2');
    writeFileSync(join(folder, 'text'), 'step-3\n'); // as on systems without links
    expect(await readPointer(join(folder, 'text'))).toBe('step-3');
    await pointTo(join(folder, 'text'), 'step-4');
    expect(await readPointer(join(folder, 'text'))).toBe('step-4');
    for (const target of ['../x', '/etc', '', '..', 'a/b']) {
      await expect(pointTo(best, target)).rejects.toThrow('plain name');
      writeFileSync(join(folder, 'evil'), `${target}\n`);
      await expect(readPointer(join(folder, 'evil'))).rejects.toMatchObject({ code: 'bad-input' });
    }
    mkdirSync(join(folder, 'folder'));
    await expect(readPointer(join(folder, 'folder'))).rejects.toMatchObject({ code: 'bad-input' });
    await expect(pointTo(join(folder, 'folder'), 'x')).rejects.toMatchObject({ code: 'bad-input' });
    expect(statSync(join(folder, 'folder')).isDirectory()).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(['best', 'evil', 'folder', 'text']);
  });
});
