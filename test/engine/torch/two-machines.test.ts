// Two machines, each a network namespace with an address of its own, a rank on each: the same run as with two ranks on one machine, also
// where the second machine is killed and comes back. Needs root and iproute2.
// @module-tag long
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createRandomCheckpoint } from '../../../src/model/index.ts';
import { bin } from '../../cli/run-cli.ts';
import { needsPython, python } from '../../reference/python.ts';
import { writePicture } from '../../train/run-fixtures.ts';

const names = ['a', 'b'].map((end) => `iovqa-${process.pid}-${end}`) as [string, string];
const addresses = ['10.203.77.1', '10.203.77.2'] as const;
const ip = (...args: string[]): void => void execFileSync('ip', args, { stdio: 'ignore' });

/** Whether this process may make namespaces; asked once. */
function canMakeNamespaces(): boolean {
  try {
    ip('netns', 'add', names[0]);
    ip('netns', 'del', names[0]);
    return true;
  } catch {
    return false;
  }
}

const isPossible = python !== undefined && process.platform === 'linux' && canMakeNamespaces();

/** A command of ours that runs. */
interface Started {
  child: ChildProcess;
  /** What it has said on stderr. */
  said: () => string;
  status: Promise<number | string | null>;
}

const children = new Set<ChildProcess>();

function start(namespace: string | null, ...args: string[]): Started {
  const command = [process.execPath, bin, ...args];
  const [file, ...rest] = namespace === null ? command : ['ip', 'netns', 'exec', namespace, ...command];
  const child = spawn(file!, rest, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, IOVQA_PYTHON: python, IOVQA_TOKEN: 'a secret of the tests' },
  });
  children.add(child);
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  const status = new Promise<number | string | null>((resolve) => {
    child.on('exit', (code, signal) => {
      children.delete(child);
      resolve(signal ?? code);
    });
  });
  return { child, said: () => said, status };
}

const pidsIn = (namespace: string): number[] =>
  execFileSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' }).split('\n').filter(Boolean).map(Number);

/** Addresses that processes of a namespace listen on, as the kernel writes them. */
function listeningIn(namespace: string): string[] {
  const pid = pidsIn(namespace)[0];
  if (pid === undefined) return [];
  const lines = ['tcp', 'tcp6'].flatMap((file) => readFileSync(`/proc/${pid}/net/${file}`, 'utf8').split('\n'));
  const words = lines.map((line) => line.trim().split(/\s+/));
  return words.filter(([, , , state]) => state === '0A').map(([, local]) => local!.split(':')[0]!);
}

/** An address as the kernel writes it. */
const inKernel = (address: string): string =>
  Buffer.from(address.split('.').map(Number).toReversed()).toString('hex').toUpperCase();

interface Update {
  step: number;
  loss: number;
  gradientNorm: number;
}

/** The updates of a run; of one that went on from a checkpoint those that counted. */
function updatesOf(out: string): Update[] {
  const lines = readFileSync(join(out, 'events.jsonl'), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Update & { type: string }).filter(({ type }) => type === 'step');
}

describe.skipIf(!isPossible)(`two machines (${needsPython}, root, and ip of iproute2)`, () => {
  let folder: string;
  beforeAll(async () => {
    for (const name of names) ip('netns', 'add', name);
    ip('link', 'add', 'to-b', 'netns', names[0], 'type', 'veth', 'peer', 'name', 'to-a', 'netns', names[1]);
    for (const [i, device] of ['to-b', 'to-a'].entries()) {
      ip('-n', names[i]!, 'addr', 'add', `${addresses[i]}/24`, 'dev', device);
      for (const link of ['lo', device]) ip('-n', names[i]!, 'link', 'set', link, 'up');
    }
    folder = mkdtempSync(join(tmpdir(), 'iovqa-test-'));
    await createRandomCheckpoint(join(folder, 'model'), { preset: 'tiny', initializerRange: 0.1 });
    const rows = ['image,mos'];
    for (let i = 0; i < 12; i++) {
      await writePicture(join(folder, `${i}.png`), i);
      rows.push(`${i}.png,${1 + i / 3}`);
    }
    writeFileSync(join(folder, 'clips.csv'), `${rows.join('\n')}\n`);
    const recipe = {
      model: join(folder, 'model'),
      data: { manifest: join(folder, 'clips.csv'), validation: { fraction: 0.25 } },
      frames: { maxPixels: 3136 },
      lora: { rank: 4 },
      epochs: 5,
      batchSize: 3,
      microBatch: 3,
      optimizer: { learningRate: 1e-3 },
      checkpoint: { every: 2 },
      runtime: { engine: 'torch', workers: 1, threads: 1, restarts: 1 },
    };
    writeFileSync(join(folder, 'recipe.yaml'), JSON.stringify(recipe));
  });
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
    for (const name of names) ip('netns', 'del', name);
    rmSync(folder, { recursive: true, force: true });
  });

  test('the second one killed and started again: the trace of two ranks on one machine, and no port on other addresses', async () => {
    const [alone, out] = [join(folder, 'alone'), join(folder, 'both')];
    const recipe = join(folder, 'recipe.yaml');
    const one = start(null, 'train', recipe, '--out', alone, '--devices', '2');
    expect([await one.status, one.said()]).toEqual([0, expect.any(String)]);

    const master = `${addresses[0]}:29400`;
    let other = start(names[1], 'worker', '--master', master);
    const first = start(names[0], 'train', recipe, '--out', out, '--nodes', '2', '--master', master);
    const checkpoint = join(out, 'checkpoints', 'step-4');
    await vi.waitFor(
      () => {
        if (first.child.exitCode !== null) throw new Error(first.said());
        readdirSync(checkpoint);
      },
      { timeout: 300_000, interval: 50 },
    );
    for (const [i, name] of names.entries()) {
      const listening = new Set(listeningIn(name));
      expect(listening.size).toBeGreaterThan(0);
      expect([...listening].filter((at) => ![addresses[i]!, '127.0.0.1'].map(inKernel).includes(at))).toEqual([]);
    }
    other.child.kill('SIGKILL');
    expect(await other.status).toBe('SIGKILL');
    await vi.waitFor(() => expect(pidsIn(names[1])).toEqual([]), { timeout: 60_000 });
    other = start(names[1], 'worker', '--master', master);

    expect([await first.status, first.said()]).toEqual([0, expect.any(String)]);
    expect(await other.status).toBe(0);
    expect(other.said()).toContain('the run is over');
    expect(first.said()).toMatch(
      /note: restart 1 of 1, from the last checkpoint: (?:after )?step \d+.*: torch worker 1 of 2 on \S+ \(10\.203\.77\.2\): its machine was lost/,
    );
    for (const name of names) expect(pidsIn(name)).toEqual([]);
    const [got, wanted] = [updatesOf(out), updatesOf(alone)];
    expect(got.map(({ step }) => step)).toEqual(Array.from({ length: 15 }, (_, i) => i + 1));
    for (const [i, { loss, gradientNorm }] of wanted.entries()) {
      expect(Math.abs(got[i]!.loss / loss - 1)).toBeLessThan(1e-6);
      expect(Math.abs(got[i]!.gradientNorm / gradientNorm - 1)).toBeLessThan(1e-6);
    }
  });
});
