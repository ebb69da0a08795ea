// A run that is killed with SIGKILL at random moments and resumed ends with the bits of a run that was left alone.
// IOVQA_KILLS sets how many kills each kind of run takes; the default keeps the suite short.
// @module-tag long
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import { readPointer } from '../../src/files/index.ts';
import { createRandomCheckpoint } from '../../src/model/index.ts';
import { compiled } from '../compiled.ts';

const child = compiled('test/train/run-child.ts');
const kills = Number(process.env['IOVQA_KILLS'] ?? 12);
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'iovqa-resume-'));
  await createRandomCheckpoint(join(folder, 'model'), { preset: 'tiny' });
  const stream = randomStream(1);
  const rows = ['image,mos'];
  for (let i = 0; i < 12; i++) {
    const pixels = Buffer.from(Array.from({ length: 56 * 56 * 3 }, () => stream.below(256)));
    await sharp(pixels, { raw: { width: 56, height: 56, channels: 3 } })
      .png()
      .toFile(join(folder, `${i}.png`));
    rows.push(`${i}.png,${(1 + 4 * stream.uniform()).toFixed(2)}`);
  }
  await writeFile(join(folder, 'clips.csv'), `${rows.join('\n')}\n`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Attempt {
  /** Whether it was killed before it ended. */
  killed: boolean;
  seconds: number;
}

/** Runs until the end, or until it is killed. */
async function attempt(out: string, method: string, killAfter: number | null): Promise<Attempt> {
  const start = performance.now();
  const process_ = spawn(process.execPath, [child, out, method, 'resume'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  process_.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  const timer = killAfter === null ? null : setTimeout(() => process_.kill('SIGKILL'), killAfter * 1000);
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    process_.on('exit', (...how) => resolve(how));
  });
  if (timer !== null) clearTimeout(timer);
  if (signal !== 'SIGKILL' && code !== 0) throw new Error(`the run failed: ${errors}`);
  return { killed: signal === 'SIGKILL', seconds: (performance.now() - start) / 1000 };
}

/** Everything that must be the same: files of checkpoints by name, the pointer, and what happened without times. */
async function state(out: string): Promise<Record<string, string>> {
  const checkpoints = join(out, 'checkpoints');
  const found: Record<string, string> = { best: (await readPointer(join(checkpoints, 'best'))) ?? 'none' };
  for (const step of (await readdir(checkpoints)).filter((name) => name !== 'best')) {
    for (const name of await readdir(join(checkpoints, step))) {
      found[`${step}/${name}`] = (await readFile(join(checkpoints, step, name))).toString('base64');
    }
  }
  const events = (await readFile(join(out, 'events.jsonl'), 'utf8')).trim().split('\n');
  found['events'] = events
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ type }) => type === 'step' || type === 'evaluation')
    .map(({ time: _time, clipsPerSecond: _rate, secondsLeft: _left, ...rest }) => JSON.stringify(rest))
    .join('\n');
  return found;
}

describe.each(['lora', 'full'] as const)('%s', (method) => {
  test(`killed ${kills} times at random, it ends with the same bits`, async () => {
    const reference = join(folder, `${method}-reference`);
    const first = await attempt(reference, method, null);
    const expected = await state(reference);
    expect(expected['events']!.split('\n').length).toBeGreaterThan(12);
    const stream = randomStream(method === 'lora' ? 11 : 12);
    let count = 0;
    for (let trial = 0; count < kills; trial++) {
      const out = join(folder, `${method}-${trial}`);
      let ended = false;
      while (!ended) {
        // After the last kill the run is left alone.
        const killAfter = count < kills ? stream.uniform() * first.seconds * 1.1 : null;
        const { killed } = await attempt(out, method, killAfter);
        if (killed) count++;
        ended = !killed;
      }
      const got = await state(out);
      expect(Object.keys(got).sort()).toEqual(Object.keys(expected).sort());
      for (const [name, content] of Object.entries(expected))
        expect(got[name] === content ? 'same' : name).toBe('same');
      const names = await readdir(out, { recursive: true });
      expect(names.filter((name) => name.includes('.tmp-') || name.includes('.removed'))).toEqual([]);
      await rm(out, { recursive: true });
    }
  });
});
