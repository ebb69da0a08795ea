// The child processes: killed, stopped, closed, left alone, and run from compiled code.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { processorTime } from '../../src/video/confinement/processor-time.ts';
import { bestConfinement, openFrameReader } from '../../src/video/index.ts';
import { compiled, compiledUrl } from '../compiled.ts';
import { options } from './fixtures.ts';
import { makeClip } from './make-clip.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-children-'));
let good = '';
let slow = '';
beforeAll(async () => {
  good = await makeClip({ path: join(folder, 'good.mp4'), codec: 'libx264', format: 'mp4', numFrames: 6 });
  const big = { codec: 'ffv1', format: 'matroska', numFrames: 40, width: 1280, height: 720 };
  slow = await makeClip({ ...big, path: join(folder, 'slow.mkv') });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Decoding processes that descend from one, as Linux lists them: not the programs that confine them. */
function childrenOf(pid: number): number[] {
  const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  const pids = list.split(' ').filter(Boolean).map(Number);
  return pids.flatMap((child) => {
    const [program, ...args] = readFileSync(`/proc/${child}/cmdline`, 'utf8').split('\0');
    if (!args.some((arg) => arg.includes('decode-child'))) return [];
    return program === process.execPath ? [child] : childrenOf(child);
  });
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function gone(pids: readonly number[]): Promise<boolean> {
  for (let i = 0; i < 100 && pids.some(isAlive); i++) await sleep(50);
  return !pids.some(isAlive);
}

/** Waits until a process has computed for a while. */
async function atWork(pid: number): Promise<void> {
  const before = processorTime(pid)!;
  while (processorTime(pid)! < before + 50) await sleep(5);
}

const clip = (path: string): { path: string; kind: 'video' } => ({ path, kind: 'video' });

const sandboxed = (await bestConfinement()).why;
const modes = [
  ['in a sandbox', 'required'],
  ['without', 'off'],
] as const;

describe.each(modes)('child processes %s (skipped off Linux, or without bubblewrap)', (_, sandbox) => {
  beforeEach((context) => {
    context.skip(process.platform !== 'linux', 'needs /proc');
    context.skip(sandbox === 'required' && sandboxed !== undefined, `no sandbox: ${sandboxed}`);
  });

  it('one that dies is an error on its clip only, and is replaced', async () => {
    await using reader = openFrameReader({ workers: 1, sandbox });
    await reader.read(clip(good), options);
    const [pid] = childrenOf(process.pid);
    const outcomes = Promise.allSettled([reader.read(clip(slow), options), reader.read(clip(good), options)]);
    await atWork(pid!);
    process.kill(pid!, 'SIGKILL'); // the only signal that reaches into a sandbox
    const [failed, next] = await outcomes;
    const message = `${slow}: expected a file that can be decoded, got a decoder that died of it (SIGKILL)`;
    expect(failed).toMatchObject({ reason: { code: 'unreadable-media', message } });
    expect(next.status).toBe('fulfilled');
    expect(childrenOf(process.pid)).not.toContain(pid);
  });

  it('one that dies while idle is replaced without a word', async () => {
    await using reader = openFrameReader({ workers: 1, sandbox });
    await reader.read(clip(good), options);
    const children = childrenOf(process.pid);
    process.kill(children[0]!, 'SIGKILL');
    expect(await gone(children)).toBe(true); // which this process may not have heard of yet
    expect((await reader.read(clip(good), options)).plan.numFrames).toBe(6);
  });

  it('time in which this process computes, and hears nothing, is not its clip’s', { tags: ['long'] }, async () => {
    await using reader = openFrameReader({ workers: 1, sandbox, limits: { maxMilliseconds: 1500 } });
    await reader.read(clip(good), options);
    const reading = reader.read(clip(good), options);
    await sleep(1);
    setImmediate(() => {
      const until = performance.now() + 3000;
      while (performance.now() < until); // as the runtime does with a large model
    });
    expect((await reading).plan.frames).toHaveLength(options.count);
  });

  it('time in which the machine does something else is not its clip’s', { tags: ['long'] }, async () => {
    await using reader = openFrameReader({ workers: 1, sandbox, limits: { maxMilliseconds: 5000 } });
    await reader.read(clip(good), options);
    const [pid] = childrenOf(process.pid);
    const reading = reader.read(clip(slow), options);
    process.kill(pid!, 'SIGSTOP');
    await sleep(6000);
    process.kill(pid!, 'SIGCONT');
    expect((await reading).plan.numFrames).toBe(40);
  });

  it('a clip that takes too much processor time is an error', async () => {
    await using reader = openFrameReader({ workers: 1, sandbox, limits: { maxMilliseconds: 30 } });
    await expect(reader.read(clip(slow), options)).rejects.toThrow(
      `${slow}: expected to be read within 30 ms of processor time, got a decoder still at work`,
    );
  });

  it('one that is silent is killed in the end', { tags: ['long'] }, async () => {
    await using reader = openFrameReader({ workers: 1, sandbox, limits: { maxSilentMilliseconds: 2000 } });
    await reader.read(clip(good), options);
    const children = childrenOf(process.pid);
    process.kill(children[0]!, 'SIGSTOP');
    await expect(reader.read(clip(good), options)).rejects.toThrow(
      `${good}: expected a sign of life from its decoder within 2000 ms, got none`,
    );
    expect(await gone(children)).toBe(true);
    expect((await reader.read(clip(good), options)).plan.numFrames).toBe(6);
  });

  it('disposing ends them and rejects what is under way', async () => {
    const reader = openFrameReader({ workers: 2, sandbox });
    await Promise.all([reader.read(clip(good), options), reader.read(clip(good), options)]);
    const children = childrenOf(process.pid);
    expect(children.length).toBe(2);
    const outcomes = Promise.allSettled([1, 2, 3].map(() => reader.read(clip(slow), options)));
    await reader[Symbol.asyncDispose]();
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(await gone(children)).toBe(true);
    await expect(reader.read(clip(good), options)).rejects.toThrow('closed');
  });

  it('a signal stops a clip, running or waiting, and nothing else', async () => {
    await using reader = openFrameReader({ workers: 1, sandbox });
    await reader.read(clip(good), options);
    const [running, waiting] = [new AbortController(), new AbortController()];
    const outcomes = Promise.allSettled([
      reader.read(clip(slow), options, running.signal),
      reader.read(clip(good), options, waiting.signal),
      reader.read(clip(good), options),
    ]);
    waiting.abort(new Error('not this one'));
    running.abort(new Error('nor this'));
    const [first, second, third] = await outcomes;
    expect(first).toMatchObject({ reason: { message: 'nor this' } });
    expect(second).toMatchObject({ reason: { message: 'not this one' } });
    expect(third.status).toBe('fulfilled');
    const late = AbortSignal.abort(new Error('too late'));
    await expect(reader.read(clip(good), options, late)).rejects.toThrow('too late');
  });

  it('the same clip gives the same bits whatever the order and the number of workers', async () => {
    await using reader = openFrameReader({ workers: 2, sandbox });
    const paths = [good, slow, good, good, slow];
    const all = await Promise.all(paths.map((path) => reader.read(clip(path), options)));
    expect(new Set(all.map(({ plan }) => `${plan.path} ${plan.sha256}`)).size).toBe(2);
  });
});

describe.skipIf(process.platform !== 'linux')('programs that read clips (skipped off Linux: needs /proc)', () => {
  const source = compiledUrl('src/video/index.ts');
  const program = (then: string): string => `
    import { openFrameReader } from ${JSON.stringify(source)};
    const reader = openFrameReader({ workers: 1 });
    const { plan } = await reader.read(${JSON.stringify(clip(good))}, ${JSON.stringify(options)});
    console.log(plan.numFrames);
    ${then}`;
  const command = (then: string): string[] => ['--input-type=module', '-e', program(then)];
  const run = (args: string[]): string => execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });

  it('end by themselves, disposed of or not', { tags: ['long'] }, () => {
    expect(run(command(''))).toBe('6\n');
    expect(run(command('await reader[Symbol.asyncDispose]();'))).toBe('6\n');
  });

  it.each(['auto', 'off'])(
    'leave no child behind when they are killed, at rest or at work (sandbox: %s)',
    async (mode) => {
      const busy = `void reader.read(${JSON.stringify(clip(slow))}, ${JSON.stringify({ ...options, pick: 'first', count: 40 })});`;
      for (const then of ['setInterval(() => {}, 1000);', busy]) {
        const env = { ...process.env, IOVQA_SANDBOX: mode };
        const parent = spawn(process.execPath, command(then), { cwd: folder, env });
        await new Promise((resolve) => void parent.stdout.once('data', resolve));
        const children = childrenOf(parent.pid!);
        expect(children.length).toBe(1);
        parent.kill('SIGKILL');
        expect(await gone(children)).toBe(true);
      }
    },
  );

  it('leave none behind that they stop in its first milliseconds', { tags: ['long'] }, async () => {
    const count = 200;
    const program = `
      import { setTimeout as sleep } from 'node:timers/promises';
      import { openFrameReader } from ${JSON.stringify(source)};
      for (let i = 0; i < ${count}; i++) {
        const reader = openFrameReader({ workers: 1 });
        const read = reader.read(${JSON.stringify(clip(good))}, ${JSON.stringify(options)}).catch(() => {});
        await sleep(i % 20);
        await reader[Symbol.asyncDispose]();
        await read;
      }`;
    run(['--input-type=module', '-e', program]);
    const left = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => isAlive(pid) && isDecoder(pid) && !isNode(starterOf(pid)));
    expect(await gone(left)).toBe(true);
  });
});

/** Whether it decodes for this run of the tests, or confines what does. */
const isDecoder = (pid: number): boolean => commandOf(pid).includes(compiled('src/video/decode-child.ts'));

/** The process that started a decoder: the first one above it that is none. One that is left behind has the system's. */
function starterOf(pid: number): number {
  const parent = Number(/^PPid:\s+(\d+)/m.exec(readOf(pid, 'status'))?.[1] ?? 0);
  return isDecoder(parent) ? starterOf(parent) : parent;
}

const isNode = (pid: number): boolean => commandOf(pid).split('\0')[0]!.endsWith('node') && pid > 1;
const commandOf = (pid: number): string => readOf(pid, 'cmdline');

function readOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return ''; // it has ended
  }
}
