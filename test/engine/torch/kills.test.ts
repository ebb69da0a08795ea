// Runs whose processes are killed or stopped, one or another, again and again: each ends as one that was left alone, on either engine, and
// nothing is left of the workers. IOVQA_KILLS sets how many kills there are.
// @module-tag long
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { randomStream } from '../../../src/core/index.ts';
import { readPointer, readSafetensorsHeader, readTensor } from '../../../src/files/index.ts';
import { createRandomCheckpoint } from '../../../src/model/index.ts';
import type { Recipe } from '../../../src/train/index.ts';
import { compiled } from '../../compiled.ts';
import { needsPython, python, relativeError } from '../../reference/python.ts';

const child = compiled('test/engine/torch/run-child.ts');
const kills = Number(process.env['IOVQA_KILLS'] ?? 20);

type Runtime = Partial<Recipe['runtime']>;
const torch = (devices: number): Runtime => ({ engine: 'torch', devices });
const onnx: Runtime = { engine: 'onnx' };

/** A process below another one. */
interface Descendant {
  pid: number;
  /** Which worker it is; null for a launcher. */
  rank: number | null;
}

/** All processes below one, as far as they run. */
async function descendants(of: number): Promise<Descendant[]> {
  const parents = new Map<number, number>();
  for (const name of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
    const status = await readFile(`/proc/${name}/status`, 'utf8').catch(() => '');
    const parent = /^PPid:\t(\d+)$/m.exec(status)?.[1];
    if (parent !== undefined && !/^State:\tZ/m.test(status)) parents.set(Number(name), Number(parent));
  }
  const found: Descendant[] = [];
  for (const pid of parents.keys()) {
    let above: number | undefined = pid;
    while (above !== undefined && above !== of) above = parents.get(above);
    if (above !== of || pid === of) continue;
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (!words.some((word) => word.endsWith('worker.py') || word.endsWith('launch.py'))) continue;
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    const isWorker =
      words.some((word) => word.endsWith('/worker.py')) && !words.some((word) => word.endsWith('launch.py'));
    found.push({ pid, rank: isWorker ? Number(/(?:^|\0)RANK=(\d+)/.exec(environment)?.[1] ?? 0) : null });
  }
  return found;
}

/** What is done to a run at a step. */
interface Attack {
  /** After so many steps of this attempt. */
  steps: number;
  signal: 'SIGKILL' | 'SIGSTOP';
  /** Which process; null for Node.js. */
  rank: number | null;
}

interface Attempt {
  status: number | string | null;
  errors: string;
  /** Whether it came to what was to be done. */
  isAttacked: boolean;
}

/** Runs until the end, or until what is done to it ends it; then no worker is left. */
async function attempt(out: string, runtime: Runtime, attack: Attack | null): Promise<Attempt> {
  const process_ = spawn(process.execPath, [child, out, JSON.stringify(runtime)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, IOVQA_PYTHON: python },
  });
  let errors = '';
  let isAttacked = false;
  let below: Descendant[] = [];
  process_.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  let steps = 0;
  createInterface(process_.stdout).on('line', (line) => {
    if (!line.startsWith('step ') || attack === null || ++steps !== attack.steps) return;
    void (async () => {
      below = await descendants(process_.pid!);
      const target = attack.rank === null ? process_.pid! : below.find(({ rank }) => rank === attack.rank)?.pid;
      if (target === undefined) return; // it had ended
      isAttacked = true;
      process.kill(target, attack.signal);
    })();
  });
  const status = await new Promise<number | string | null>((resolve) => {
    process_.on('exit', (code, signal) => resolve(signal ?? code));
  });
  // The system ends what a killed process leaves, shortly after.
  await expect
    .poll(async () => (await Promise.all(below.map(({ pid }) => isRunning(pid)))).filter(Boolean), { timeout: 60_000 })
    .toEqual([]);
  return { status, errors, isAttacked };
}

async function isRunning(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return status !== '' && !/^State:\tZ/m.test(status);
}

/** Steps and evaluations without times, and the last adapter. */
async function outcome(out: string): Promise<{ events: string[]; losses: number[]; adapter: Float32Array }> {
  const lines = (await readFile(join(out, 'events.jsonl'), 'utf8')).trim().split('\n');
  const events = lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ type }) => type === 'step' || type === 'evaluation')
    .map(({ time: _time, clipsPerSecond: _rate, secondsLeft: _left, waiting: _waiting, ...rest }) => rest);
  const steps = (await readdir(join(out, 'checkpoints'))).filter((name) => name.startsWith('step-'));
  const last = steps.toSorted((a, b) => Number(b.slice(5)) - Number(a.slice(5)))[0]!;
  const header = await readSafetensorsHeader(join(out, 'checkpoints', last, 'adapter_model.safetensors'));
  const parts: Float32Array[] = [];
  for (const name of [...header.tensors.keys()].toSorted()) parts.push(await readTensor(header, name));
  return {
    events: events.map((event) => JSON.stringify(event)),
    losses: events.filter(({ type }) => type === 'step').map(({ loss }) => loss as number),
    adapter: Float32Array.from(parts.flatMap((part) => [...part])),
  };
}

describe.skipIf(python === undefined || process.platform !== 'linux')(
  `killed on the torch engine (${needsPython})`,
  () => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'iovqa-test-'));
      await createRandomCheckpoint(join(folder, 'model'), { preset: 'tiny', initializerRange: 0.1 });
      const stream = randomStream(1);
      const rows = ['image,mos'];
      for (let i = 0; i < 12; i++) {
        const pixels = Buffer.from(Array.from({ length: 56 * 56 * 3 }, () => stream.below(256)));
        const raw = { width: 56, height: 56, channels: 3 } as const;
        await sharp(pixels, { raw })
          .png()
          .toFile(join(folder, `${i}.png`));
        rows.push(`${i}.png,${(1 + 4 * stream.uniform()).toFixed(2)}`);
      }
      await writeFile(join(folder, 'clips.csv'), `${rows.join('\n')}\n`);
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    test('begun on onnx, gone on with two workers, then with one, ended on onnx: as a run that was left alone', async () => {
      const [alone, out] = [join(folder, 'alone'), join(folder, 'moved')];
      expect(await attempt(alone, onnx, null)).toMatchObject({ status: 0 });
      for (const runtime of [onnx, torch(2), torch(1)]) {
        const attack = { steps: 5, signal: 'SIGKILL', rank: null } as const;
        expect(await attempt(out, runtime, attack)).toMatchObject({ status: 'SIGKILL' });
      }
      expect(await attempt(out, onnx, null)).toMatchObject({ status: 0 });
      const [got, wanted] = [await outcome(out), await outcome(alone)];
      expect(got.losses).toHaveLength(wanted.losses.length);
      got.losses.forEach((loss, i) => expect(Math.abs(loss / wanted.losses[i]! - 1)).toBeLessThan(1e-4));
      expect(relativeError(got.adapter, wanted.adapter)).toBeLessThan(1e-4);
      expect(await readPointer(join(out, 'checkpoints', 'best'))).toBe(
        await readPointer(join(alone, 'checkpoints', 'best')),
      );
    });

    test(`${kills} kills of Node.js, of one worker and the other, and a worker that is stopped: the bits of a run that was left alone`, async () => {
      const alone = join(folder, 'torch-alone');
      expect(await attempt(alone, torch(2), null)).toMatchObject({ status: 0 });
      const wanted = await outcome(alone);
      const stream = randomStream(7);
      let count = 0;
      for (let trial = 0; count < kills; trial++) {
        const out = join(folder, `torch-${trial}`);
        for (let isOver = false; !isOver;) {
          const signal = count === 1 ? 'SIGSTOP' : 'SIGKILL';
          const rank = [null, 0, 1][count % 3]!;
          const attack = count < kills ? ({ steps: 1 + stream.below(5), signal, rank } as const) : null;
          const { status, errors, isAttacked } = await attempt(out, torch(2), attack);
          if (isAttacked) count++;
          isOver = status === 0;
          if (status === 0 || (isAttacked && rank === null)) continue;
          expect(errors).toMatch(
            /^(?:after )?step \d+(?:, clips .*)?: torch worker \d of 2: it (?:ended|has shown no sign of life)|^torch worker/,
          );
          expect(errors).toContain('--resume goes on from the last checkpoint');
        }
        expect(await outcome(out)).toEqual(wanted);
      }
    });
  },
);
