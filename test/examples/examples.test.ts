// The examples do what they say, each as a program of its own; the recipes are checked as a run would.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRandomCheckpoint } from '../../src/index.ts';
import { runCli } from '../cli/run-cli.ts';
import { writePicture } from '../train/run-fixtures.ts';
import { compiled } from '../compiled.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'iovqa-examples-'));
const at = (...names: string[]): string => join(folder, ...names);
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  await createRandomCheckpoint(at('model'), { preset: 'tiny' });
  const rows = ['image,mos,split'];
  for (let i = 0; i < 8; i++) {
    await writePicture(at(`${i}.png`), i);
    rows.push(`${i}.png,${1 + i / 2},${i < 5 ? 'train' : 'test'}`);
  }
  writeFileSync(at('clips.csv'), `${rows.join('\n')}\n`);
});

async function run(name: string, ...args: string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, [compiled(`examples/${name}`), ...args], { cwd: root })).stdout;
}

/** What each program prints, by its file. */
const programs: Record<string, () => Promise<void>> = {
  'score-clips.ts': async () => {
    expect(await run('score-clips.ts', at('1.png'))).toMatch(/1\.png: \d\.\d\d ± \d\.\d\d\n$/);
  },
  'check-data.ts': async () => {
    const said = await run('check-data.ts', at('clips.csv'), at('model'));
    expect(said).toMatch(/^8 of 8 clips can be used\n/);
    expect(said).toMatch(/\n0\.png: 1 is answered 10; trained: 1 0\n$/);
  },
  'train-and-evaluate.ts': async () => {
    const said = await run('train-and-evaluate.ts', join(root, 'examples/adapter.yaml'), at('clips.csv'), at('run'));
    expect(said).toMatch(/\n3 clips of the test split, RMSE \d\.\d{3}\n$/);
  },
};

const files = readdirSync(join(root, 'examples'));
const ofCode = files.filter((name) => name.endsWith('.ts'));
test.each(ofCode)('%s', { tags: ['long'] }, (name) => programs[name]!());

test.each(files.filter((name) => name.endsWith('.yaml')))('%s is a recipe', async (name) => {
  const path = join(root, 'examples', name);
  const args = ['train', path, '--dry-run', '--manifest', at('clips.csv'), '--out', at('none'), '--model', at('model')];
  const { code, stderr } = await runCli(args, { cwd: root });
  expect([stderr, code]).toEqual(['', 0]);
});
