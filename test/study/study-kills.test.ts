// Studies that are killed, and studies that share a cache: the results are those of one that was left alone.
// IOVQA_KILLS sets how many kills a study takes.
// @module-tag long
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import { compiled } from '../compiled.ts';
import type { Workshop } from '../train/run-fixtures.ts';
import { openWorkshop } from '../train/run-fixtures.ts';
import { contentsOf, runThrough, writeStudy } from './study-fixtures.ts';

const kills = Number(process.env['IOVQA_KILLS'] ?? 10);
let shop: Workshop;
let path: string;
let expected: Record<string, string>;

beforeAll(async () => {
  shop = await openWorkshop();
  path = await writeStudy(shop, 'study');
  await runThrough(path, shop.at('alone'));
  expected = await contentsOf(shop.at('alone-results'));
});
afterAll(() => shop.remove());

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the command until it ends, or is killed so many seconds after its runs begin: they are then left to end by themselves. */
async function command(name: string, killAfter: number | null, cache = 'off'): Promise<Ended> {
  const args = ['study', 'run', path, '--out', shop.at(name), '--results', shop.at(`${name}-results`), '--jobs', '2'];
  const child = spawn(process.execPath, [compiled('src/cli/bin.ts'), ...args], {
    env: { ...process.env, IOVQA_CACHE: cache },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  let timer: NodeJS.Timeout | undefined;
  child.stderr.on('data', () => {
    if (killAfter === null || !stderr.includes(' runs, 2 at a time: ')) return;
    timer ??= setTimeout(() => child.kill('SIGKILL'), killAfter * 1000);
  });
  const code = await new Promise<number | null>((resolve) => child.on('exit', resolve));
  clearTimeout(timer);
  return { code, stdout, stderr };
}

test(`killed ${kills} times at random, and begun again at once, it ends with the same results`, async () => {
  const stream = randomStream(3);
  let numKilled = 0;
  for (let i = 0; i < kills; i++) {
    const { code } = await command('killed', 0.3 + 4 * stream.uniform());
    if (code === null) numKilled++;
  }
  expect(numKilled).toBeGreaterThanOrEqual(Math.min(3, kills));
  const { code, stdout } = await command('killed', null);
  expect(code).toBe(0);
  expect(await contentsOf(shop.at('killed-results'))).toEqual(expected);
  expect(stdout).toContain('same − integer');
});

test('two at the same time on one cache do not disturb each other', async () => {
  await mkdir(shop.at('cache'));
  const both = await Promise.all(['one', 'two'].map((name) => command(name, null, shop.at('cache'))));
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  for (const name of ['one', 'two']) expect(await contentsOf(shop.at(`${name}-results`))).toEqual(expected);
});
