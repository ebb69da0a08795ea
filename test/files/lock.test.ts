// One writer at a time, also after kills, restarts and from other machines.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { acquireLock, lockBeside } from '../../src/files/index.ts';
import { thisProcess } from '../../src/files/process.ts';
import { compiled } from '../compiled.ts';
import { temporaryFolder } from './temporary.ts';

const script = compiled('test/files/lock-child.ts');

async function startChild(path: string): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, [script, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [data] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, said: data.toString().trim() };
}

/** Writes the lock of some other process. */
async function writeLock(path: string, changes: object): Promise<void> {
  const content = { format: 1, ...(await thisProcess()), thread: 0, token: '0', ...changes };
  writeFileSync(path, JSON.stringify(content));
}

const isLinux = process.platform === 'linux';

describe('a lock', () => {
  it('is held by one process, told to others, and taken over from one that was killed', async () => {
    const folder = temporaryFolder();
    const path = lockBeside(join(folder, 'scores.jsonl'));
    expect(path).toBe(join(folder, 'scores.jsonl.lock'));
    const { child, said } = await startChild(path);
    expect(said).toBe('held');
    await expect(acquireLock(path, 'scores.jsonl')).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringMatching(
        new RegExp(`^scores.jsonl: expected no other process to write there, got process ${child.pid} of .*running$`),
      ),
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
    const lock = await acquireLock(path, 'scores.jsonl');
    await lock.requireHeld();
    await expect(acquireLock(path, 'scores.jsonl')).rejects.toThrow(`got process ${process.pid} of`);
    await lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('that was given back can be taken', async () => {
    const path = join(temporaryFolder(), 'x.lock');
    const { child } = await startChild(path);
    child.stdin!.write('end\n');
    await once(child, 'exit');
    expect(existsSync(path)).toBe(false);
    await using lock = await acquireLock(path, 'x');
    expect(readFileSync(lock.path, 'utf8')).toContain(`"pid":${process.pid}`);
  });

  it('of a killed process goes to one of many that ask at once', { tags: ['long'] }, async () => {
    const path = join(temporaryFolder(), 'x.lock');
    for (let round = 0; round < 3; round++) {
      await writeLock(path, { boot: isLinux ? 'before' : null, pid: isLinux ? 1 : 2 ** 22 + 1 });
      const children = await Promise.all(Array.from({ length: 5 }, () => startChild(path)));
      expect(children.map(({ said }) => said).sort()).toEqual(['held', 'refused', 'refused', 'refused', 'refused']);
      for (const { child } of children) child.kill('SIGKILL');
    }
  });

  it.skipIf(!isLinux)('of this number in an earlier process, or before a restart, is taken over', async () => {
    const path = join(temporaryFolder(), 'x.lock');
    for (const changes of [{ started: '1' }, { boot: 'before' }, { boot: 'before', namespace: 'pid:[1]', pid: 1 }]) {
      await writeLock(path, changes);
      await (await acquireLock(path, 'x')).release();
    }
  });

  it.skipIf(!isLinux)('of a process that ended and whose parent does not ask is taken over', async () => {
    const path = join(temporaryFolder(), 'x.lock');
    // A shell that starts a process and becomes a program that never waits for it.
    const parent = spawn('sh', ['-c', 'sh -c "echo \\$\\$; exec sleep 600" & exec sleep 600'], { stdio: 'pipe' });
    onTestFinished(() => void parent.kill('SIGKILL'));
    const [data] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(data.toString());
    const stat = (): string => readFileSync(`/proc/${pid}/stat`, 'utf8');
    const started = stat().split(') ')[1]!.split(' ')[19];
    await writeLock(path, { pid, started });
    await expect(acquireLock(path, 'x')).rejects.toThrow(`got process ${pid} of`);
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => stat().split(') ')[1]!.slice(0, 1), { timeout: 600_000 }).toBe('Z');
    await (await acquireLock(path, 'x')).release();
  });

  it('of another machine or container is refused, with the command that removes it', async () => {
    const path = join(temporaryFolder(), "it's x.lock");
    const others = [{ host: 'other', boot: 'other', started: '1' }];
    if (isLinux) others.push(...([{ namespace: 'pid:[1]' }, { machine: 'another', boot: 'x' }] as never[]));
    for (const changes of others) {
      await writeLock(path, changes);
      const command = `rm '${path.replace("'", String.raw`'\''`)}'`;
      await expect(acquireLock(path, 'x')).rejects.toMatchObject({
        message: expect.stringContaining('not seen from here'),
        hint: expect.stringContaining(command),
      });
    }
    writeFileSync(path, 'no lock');
    await expect(acquireLock(path, 'x')).rejects.toThrow('got "no lock"');
  });

  it('without what the system does not tell is held while its number is in use, and says so', async () => {
    const path = join(temporaryFolder(), 'x.lock');
    const nothing = { machine: null, boot: null, namespace: null, started: null };
    await writeLock(path, { ...nothing, pid: process.ppid });
    await expect(acquireLock(path, 'x')).rejects.toMatchObject({ hint: expect.stringContaining(`rm ${path}`) });
    await writeLock(path, { ...nothing, pid: 2 ** 22 + 1 }); // above the largest number of a process
    await (await acquireLock(path, 'x')).release();
  });

  it('notices that its folder was moved or its file removed', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'a'));
    const lock = await acquireLock(join(folder, 'a', 'run.lock'), 'a');
    renameSync(join(folder, 'a'), join(folder, 'b'));
    await expect(lock.requireHeld()).rejects.toMatchObject({ code: 'bad-input' });
    renameSync(join(folder, 'b'), join(folder, 'a'));
    await lock.requireHeld();
    rmSync(lock.path);
    await writeLock(lock.path, { host: 'other' });
    await expect(lock.requireHeld()).rejects.toThrow('expected the lock of this process');
    await lock.release();
    expect(existsSync(lock.path)).toBe(true); // another's
  });

  it('that was moved away is of nobody once it was given back, also while its process goes on', async () => {
    const folder = temporaryFolder();
    const lock = await acquireLock(join(folder, 'a.lock'), 'a');
    renameSync(lock.path, join(folder, 'b.lock'));
    await expect(acquireLock(join(folder, 'b.lock'), 'b')).rejects.toThrow('which is running');
    await lock.release();
    await (await acquireLock(join(folder, 'b.lock'), 'b')).release();
    expect(readdirSync(folder)).toEqual([]);
  });
});
