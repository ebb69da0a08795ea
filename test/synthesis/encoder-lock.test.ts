// SVT-AV1's encoders take turns: in a thread, among threads, and after one has failed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { takingTurns } from '../../src/synthesis/encoder-lock.ts';

test('one at a time, and after a failure the next', async () => {
  const log: string[] = [];
  const work = (name: string) => async (): Promise<void> => {
    log.push(`${name} begins`);
    await delay(15);
    log.push(`${name} ends`);
    if (name === 'a') throw new Error('failed');
  };
  const [failed, ...others] = await Promise.allSettled(['a', 'b', 'c'].map((name) => takingTurns(work(name))));
  expect(failed!.status).toBe('rejected');
  expect(others.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
  const names = [0, 2, 4].map((at) => log[at]!.split(' ')[0]);
  expect(log).toEqual(names.flatMap((name) => [`${name} begins`, `${name} ends`]));
});

test('a process whose threads encode AV1 survives it', { tags: ['long'] }, async () => {
  const script = fileURLToPath(new URL('threads-child.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script]);
  let [out, error] = ['', ''];
  child.stdout.on('data', (data) => (out += data));
  child.stderr.on('data', (data) => (error += data));
  const [status] = await once(child, 'close');
  expect({ status, out, error }).toEqual({ status: 0, out: '0 0 0 0\n', error: '' });
});
