// Several machines without a network and without Python: both are this process, on the loopback address, and workers are small programs.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { expect, onTestFinished, test, vi } from 'vitest';
import { freePort } from '../../../src/engine/torch/addresses.ts';
import { joinMachines } from '../../../src/engine/torch/join.ts';
import type { Machines } from '../../../src/engine/torch/machines.ts';
import { openMachines } from '../../../src/engine/torch/machines.ts';
import { askPython } from '../../../src/engine/torch/python.ts';
import type { World } from '../../../src/engine/torch/world.ts';
import { startWorld } from '../../../src/engine/torch/world.ts';
import { temporaryFolder } from '../../files/temporary.ts';
import { fakePython } from './fake-python.ts';

const secret = 'a secret of the tests';
const echo = `hello(); ready(); asked(({ id, op }) => send({ op: 'done', id, said: op + ' ' + rank }));`;

/** The first machine and its notes. */
interface First {
  machines: Machines;
  master: string;
  notes: string[];
  start: () => Promise<World>;
  pid: (rank: number) => number;
}

async function openFirst(program = echo): Promise<First> {
  const notes: string[] = [];
  const master = `127.0.0.1:${await freePort('127.0.0.1')}`;
  const machines = await openMachines({ nodes: 2, master, secret, onNote: (text) => notes.push(text) });
  onTestFinished(() => machines.end());
  const { python, pid } = fakePython(temporaryFolder(), program);
  const facts = await askPython(python);
  const others = { machines, facts, ranksOn: () => 1, threads: 0 };
  const start = async (): Promise<World> => {
    const world = await startWorld({ python, ranks: 1, device: 'cpu', threads: 1, others });
    onTestFinished(() => world[Symbol.asyncDispose]());
    return world;
  };
  return { machines, master, notes, start, pid };
}

/** Another machine. */
interface Other {
  joined: Promise<string | null>;
  /** Ends its connections, as a network does that fails. */
  cut: () => void;
  stop: () => void;
  pid: (rank: number) => number;
  notes: string[];
}

interface JoinSettings {
  secret?: string;
  versions?: Record<string, string>;
}

async function join(master: string, settings: JoinSettings = {}): Promise<Other> {
  const abort = new AbortController();
  const notes: string[] = [];
  const { python, pid } = fakePython(temporaryFolder(), echo, settings.versions);
  const { through, cut } = await network(master);
  const given = { master: through, secret: settings.secret ?? secret, python, signal: abort.signal };
  const joined = joinMachines({ ...given, onNote: (text) => notes.push(text) });
  joined.catch(() => {}); // whoever wants to know asks
  onTestFinished(() => {
    abort.abort();
    cut();
  });
  return { joined, cut, stop: () => abort.abort(), pid, notes };
}

/** Passes on what goes to an address, until it is cut. */
async function network(to: string): Promise<{ through: string; cut: () => void }> {
  const [host, port] = to.split(':');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const other = connect(Number(port), host);
    for (const end of [socket, other]) {
      sockets.add(end);
      end.on('error', () => {}).on('close', () => [socket, other].forEach((each) => each.destroy()));
    }
    socket.pipe(other).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const through = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { through, cut: () => sockets.forEach((socket) => socket.destroy()) };
}

const isRunning = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
const left = (): string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith(`.iovqa-torch.tmp-${process.pid}-`));

/** Waits until a check holds; the limit is a last resort. */
const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 120_000 });

const isElsewhere = process.platform !== 'linux'; // processes are looked for in /proc

test.skipIf(isElsewhere)(
  'a rank on each machine answers; at the end of the run the other one has ended its process',
  async () => {
    const { machines, master, notes, start, pid } = await openFirst();
    const starting = start();
    await until(() => expect(notes).toEqual([`waiting at ${master} for 1 of 2 machines`]));
    const other = await join(master);
    const world = await starting;
    expect(world.ranks).toBe(2);
    const data = Float32Array.of(1, 2, 3);
    const answers = await world.askAll({ op: 'predict' }, [{ dtype: 'f32', shape: [3], data }]);
    expect(answers.map(({ header }) => header['said'])).toEqual(['predict 0', 'predict 1']);
    const pids = [pid(0), other.pid(1)];
    expect(pids.map(isRunning)).toEqual([true, true]);
    await world[Symbol.asyncDispose]();
    expect(pids.map(isRunning)).toEqual([false, false]);
    expect(left()).toEqual([]);
    await machines.end();
    expect(await other.joined).toBe(null);
  },
);

test.skipIf(isElsewhere)(
  'a machine that is lost is named, all processes end, and it comes back by itself',
  async () => {
    const { machines, master, start, pid } = await openFirst();
    const other = await join(master);
    const world = await start();
    const pids = [pid(0), other.pid(1)];
    other.cut();
    await until(() => expect(world.isRunning).toBe(false));
    await expect(world.ask(1, { op: 'predict' })).rejects.toThrow(
      /^torch worker 1 of 2 on \S+ \(127\.0\.0\.1\): its machine was lost: /,
    );
    await world[Symbol.asyncDispose]();
    const again = await start();
    expect(pids.map(isRunning)).toEqual([false, false]);
    expect((await again.ask(1, { op: 'predict' })).header['said']).toBe('predict 1');
    await again[Symbol.asyncDispose]();
    expect(left()).toEqual([]);
    await machines.end('the disk is full');
    expect(await other.joined).toBe('the disk is full');
  },
);

test.skipIf(isElsewhere)('a signal ends another machine at once, or with the run that it computes for', async () => {
  const { machines, master, notes, start } = await openFirst();
  const idle = await join(master);
  await until(() => expect(notes.join()).toContain('has joined'));
  idle.stop();
  await expect(idle.joined).rejects.toThrow('aborted');
  await until(() => expect(notes.at(-1)).toContain('has gone'));
  const other = await join(master);
  const world = await start();
  other.stop();
  expect((await world.ask(1, { op: 'predict' })).header['said']).toBe('predict 1');
  await world[Symbol.asyncDispose]();
  await machines.end();
  expect(await other.joined).toBe(null);
});

test.skipIf(isElsewhere)(
  'a process of another machine that ends is named with what it printed, and its machine starts the next one',
  async () => {
    const { master, start } = await openFirst();
    const other = await join(master);
    const world = await start();
    process.kill(other.pid(1), 'SIGKILL');
    await until(() => expect(world.isRunning).toBe(false));
    await expect(world.ask(0, { op: 'predict' })).rejects.toThrow(
      /^torch worker 1 of 2 on \S+ \(127\.0\.0\.1\): (it ended \(its connection was closed\)|the process ended with SIGKILL): a warning \| an error of a library$/,
    );
    await world[Symbol.asyncDispose]();
    const again = await start();
    expect((await again.ask(1, { op: 'predict' })).header['said']).toBe('predict 1');
    expect(other.notes).toHaveLength(1); // it has joined once
  },
);

test.skipIf(isElsewhere)('where a rank fails because another one is lost, the lost one is named', async () => {
  const fails = `hello(); ready(); asked(({ id }) => send({ op: 'failed', id, kind: 'bug', message: 'RuntimeError: Connection closed by peer', stack: '' }));`;
  const { master, start } = await openFirst(fails);
  const other = await join(master);
  const world = await start();
  const asked = world.ask(0, { op: 'accumulate' });
  setTimeout(other.cut, 200);
  await expect(asked).rejects.toThrow(/^torch worker 1 of 2 on .*: its machine was lost/);
});

test.skipIf(isElsewhere)('another secret, other versions', async () => {
  const { master, notes, start } = await openFirst();
  const starting = start();
  const wrong = await join(master, { secret: 'another secret than theirs' });
  await expect(wrong.joined).rejects.toThrow(`: expected the same IOVQA_TOKEN on all machines, got another one`);
  await until(() => {
    expect(notes.at(-1)).toBe(
      'a machine at 127.0.0.1 was sent away: expected the same IOVQA_TOKEN on all machines, got another one',
    );
  });
  const older = await join(master, { versions: { torch: '2.12.0' } });
  const why = 'expected torch 2.13.0, transformers 5.17.0, peft 0.21.0 on cpu with float32, got torch 2.12.0, ';
  await expect(older.joined).rejects.toThrow(`: ${why}`);
  expect(notes.join('\n')).toContain(`was sent away: ${why}`);
  await join(master);
  await starting;
});

test.skipIf(isElsewhere)('bytes of strangers end their connection, and nothing else', async () => {
  const { master, start } = await openFirst();
  const [host, port] = master.split(':');
  const large = Buffer.alloc(20);
  large.write('iovq');
  large.writeUInt32LE(1, 4);
  large.writeUInt32LE(2 ** 20, 8);
  for (const bytes of ['GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', large]) {
    const socket = connect(Number(port), host);
    socket.write(bytes);
    socket.resume();
    await new Promise((resolve) => socket.on('close', resolve));
  }
  await join(master);
  expect((await start()).ranks).toBe(2);
});

test.skipIf(isElsewhere)('a second engine with other settings is refused where it would wait for ever', async () => {
  const { master, start } = await openFirst();
  await join(master);
  await start();
  await expect(start()).rejects.toThrow('several machines: expected models that share their settings, got others');
});

test.each([
  ['nowhere', '--master: expected HOST:PORT, such as 10.0.0.1:29400, got "nowhere"'],
  ['10.0.0.1:70000', '--master: expected HOST:PORT'],
  ['203.0.113.7:29400', '--master: expected an IPv4 address of this machine, got 203.0.113.7'],
])('the first machine at %s', async (master, message) => {
  await expect(openMachines({ nodes: 2, master, secret, onNote: () => {} })).rejects.toThrow(message);
});

test('a port that is taken', async () => {
  const { master } = await openFirst();
  const port = master.split(':')[1]!;
  await expect(openMachines({ nodes: 2, master, secret, onNote: () => {} })).rejects.toThrow(
    `--master: expected a port that is free, got ${port} (listen EADDRINUSE`,
  );
});
