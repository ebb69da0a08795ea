// Worker processes that end, hang, are stopped or say what nobody understands: one line that names the rank, and nothing is left running.
// The workers here are small programs of Node.js in the place of Python.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { DeviceMemoryError } from '../../../src/engine/torch/failed-error.ts';
import type { World } from '../../../src/engine/torch/world.ts';
import { startWorld } from '../../../src/engine/torch/world.ts';
import { temporaryFolder } from '../../files/temporary.ts';
import { fakePython } from './fake-python.ts';

interface Started {
  world: Promise<World>;
  /** The worker's number, once it has begun. */
  pid: () => number;
  logs: string;
}

/** Starts a world of one whose worker does what a program says. */
function start(program: string, options: { hangBeats?: number; missedBeats?: number } = {}): Started {
  const folder = temporaryFolder();
  const { python, pid } = fakePython(folder, program);
  const world = startWorld({ python, ranks: 1, device: 'cpu', threads: 1, logs: folder, ...options });
  onTestFinished(async () => {
    const made = await world.catch(() => null);
    await made?.[Symbol.asyncDispose]();
  });
  return { world, pid, logs: folder };
}

const isRunning = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

/** What the worlds of this process have in the folder for temporary files. */
const left = (): string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith(`.iovqa-torch.tmp-${process.pid}-`));

const ready = 'hello(); ready();';
const echo = `asked(({ id, op }) => send({ op: 'done', id, said: op }));`;

test.skipIf(process.platform !== 'linux')('answers, and ends with its folder', async () => {
  const { world, pid } = start(`${ready} ${echo}`);
  const made = await world;
  expect(made.versions).toEqual({ torch: '9' });
  expect((await made.ask(0, { op: 'predict' })).header).toEqual({ op: 'done', id: 0, said: 'predict' });
  expect(left()).toHaveLength(1);
  await made[Symbol.asyncDispose]();
  expect(isRunning(pid())).toBe(false);
  expect(left()).toEqual([]);
  expect(made.isRunning).toBe(false);
});

test.skipIf(process.platform !== 'linux').each([
  [
    'ends before it is ready',
    'hello(); socket.write("", () => process.exit(3));',
    /it ended \(its connection was closed\)|the process ended with status 3/, // whichever is seen first
  ],
  ['says nothing', '', 'it has shown no sign of life for 6 s'],
  ['does not know the token', 'hello("x".repeat(64)); ready();', 'the process ended with status 0'],
  [
    'speaks another language',
    'hello(); socket.write("GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n");',
    'it ended (expected a frame of version 1, got "GET "',
  ],
])('a worker that %s', async (_, program, message) => {
  const { world, pid, logs } = start(program, { hangBeats: 3 });
  await expect(world).rejects.toThrow(
    expect.objectContaining({
      code: 'worker-failed',
      message: expect.stringMatching(/^torch worker 0 of 1: /) as string,
    }) as Error,
  );
  await expect(world).rejects.toThrow(message);
  await expect(world).rejects.toThrow('a warning | an error of a library');
  expect(isRunning(pid())).toBe(false);
  expect(left()).toEqual([]);
  expect(readFileSync(join(logs, 'worker-0.log'), 'utf8')).toContain('an error of a library');
});

test.skipIf(process.platform !== 'linux')('a command that is not there', async () => {
  await expect(startWorld({ python: '/no/such/python', ranks: 1, device: 'cpu', threads: 1 })).rejects.toThrow(
    expect.objectContaining({
      code: 'worker-failed',
      message: expect.stringContaining('/no/such/python') as string,
    }) as Error,
  );
  expect(left()).toEqual([]);
});

test.skipIf(process.platform !== 'linux')('a worker without memory left goes on where that was asked for', async () => {
  const { world } = start(`${ready} asked(({ id, op }) => op === 'predict'
    ? send({ op: 'failed', id, kind: 'memory', message: 'CUDA out of memory' }) : send({ op: 'done', id }));`);
  const made = await world;
  await expect(made.ask(0, { op: 'predict' }, [], true)).rejects.toThrow(DeviceMemoryError);
  expect((await made.ask(0, { op: 'apply' })).header['op']).toBe('done');
  await expect(made.ask(0, { op: 'predict' })).rejects.toThrow(DeviceMemoryError);
  await expect(made.ask(0, { op: 'apply' })).rejects.toThrow('CUDA out of memory');
});

test.skipIf(process.platform !== 'linux').each([
  [
    'fails',
    `asked(({ id }) => send({ op: 'failed', id, kind: 'bug', message: 'ValueError: x', stack: 'at y' }));`,
    'ValueError: x',
  ],
  [
    'has no memory left',
    `asked(({ id }) => send({ op: 'failed', id, kind: 'memory', message: 'CUDA out of memory' }));`,
    "expected a clip to fit into the device's memory, got CUDA out of memory",
  ],
  [
    'dies',
    'asked(() => process.kill(process.pid, "SIGKILL"));',
    /it ended \(its connection was closed\)|the process ended with SIGKILL/, // whichever is seen first
  ],
  [
    'loops for ever',
    'setInterval(() => send({ op: "alive" }), 20);',
    'it hangs: it is alive, and has not ended one predict in 6 s',
  ],
  ['is stopped', 'asked(() => process.kill(process.pid, "SIGSTOP"));', 'it has shown no sign of life for 2 s'],
])('a worker that %s', async (_, program, message) => {
  const { world, pid } = start(`${ready} ${program}`, { hangBeats: 3, missedBeats: 1 });
  const made = await world;
  const answers = await Promise.allSettled([made.ask(0, { op: 'predict' }), made.ask(0, { op: 'apply' })]);
  for (const answer of answers) {
    expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'worker-failed' } });
    expect(String((answer as PromiseRejectedResult).reason)).toContain('torch worker 0 of 1: ');
    expect(String((answer as PromiseRejectedResult).reason)).toMatch(message);
  }
  await expect(made.ask(0, { op: 'predict' })).rejects.toThrow(message);
  await made[Symbol.asyncDispose]();
  expect(isRunning(pid())).toBe(false);
  expect(left()).toEqual([]);
});
