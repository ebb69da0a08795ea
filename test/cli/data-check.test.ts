// What `iovqa data check` says to people: a verdict, facts in words, what matters most first, and a next command that works.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli } from './run-cli.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'iovqa-data-check-'));
  for (const name of ['a.png', 'b.png']) writeFileSync(join(folder, name), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

const check = (...args: string[]): ReturnType<typeof runCli> =>
  runCli(['data', 'check', 'my clips.csv', '--no-decode', ...args], { cwd: folder });

it('a sound table', async () => {
  writeFileSync(join(folder, 'my clips.csv'), 'file,MOS,split\na.png,20,train\nb.png,80,test\n');
  const { code, stdout } = await check('--image', 'file', '--target', 'MOS', '--scale', '0-100');
  expect(code).toBe(0);
  expect(stdout.split('\n')).toEqual([
    'my clips.csv: 2 clips, no row is wrong (clips were not opened)',
    'scores: 20 to 80 on the scale 0-100, mean 50, deviation 30, 2 values',
    'groups: none; each clip stands for itself',
    'splits: train 1, test 1',
    '',
    "next: npm run -s iovqa -- train --manifest 'my clips.csv' --model models/nano --out runs/first --image file --target MOS --scale 0-100",
    '',
  ]);
});

it('a wrong one: problems first, with what to do; no scores in words, and no JSON', async () => {
  writeFileSync(join(folder, 'my clips.csv'), 'image,mos\na.png,20\nmissing.png,3\n');
  const { code, stdout } = await check();
  expect(code).toBe(1);
  expect(stdout).toMatch(/^my clips\.csv: none of 2 clips can be used\nscores: none, on the scale 1-5\n/);
  expect(stdout).toContain(
    '\nproblems: 2\n  my clips.csv:2: column "mos": expected a number from 1 to 5 (scale 1-5), got "20"\n',
  );
  expect(stdout).toMatch(/\nhint: the scores run from 3 to 20; .*they would fit 0-100/);
  expect(stdout).toMatch(/\n\nnext: mend what is listed, then npm run -s iovqa -- data check 'my clips\.csv'\n$/);
  expect(stdout).not.toMatch(/[{}]|null/);
});
