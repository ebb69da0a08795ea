// `cross-validate` as people use it: what it prints, how it goes on, and what `evaluate` says of its scores.
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRandomCheckpoint } from '../../src/model/index.ts';
import { writePicture } from '../train/run-fixtures.ts';
import type { CliResult } from './run-cli.ts';
import { runCli } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-cross-validate-'));
const run = (command: string): Promise<CliResult> => runCli(command.split(' '), { cwd: folder });

beforeAll(async () => {
  await createRandomCheckpoint(join(folder, 'model'), { preset: 'tiny' });
  const rows = ['image,mos,prompt'];
  for (let i = 0; i < 10; i++) {
    await writePicture(join(folder, `${i}.png`), i);
    rows.push(`${i}.png,${1 + (i % 5)},text ${i >> 1}`);
  }
  await writeFile(join(folder, 'clips.csv'), `${rows.join('\n')}\n`);
  const recipe = 'model: model\ndata: { manifest: clips.csv, validation: null }\nlora: { rank: 2 }\nepochs: 1\n';
  await writeFile(join(folder, 'recipe.yaml'), `${recipe}batchSize: 8\nmicroBatch: 4\nruntime: { threads: 1 }\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));

test(
  'prints the figures within folds, and the file of scores, which evaluate reads; goes on without a recipe',
  { tags: ['long'] },
  async () => {
    const { code, stdout, stderr } = await run('cross-validate recipe.yaml --folds 2 --out folds');
    expect([code, stderr]).toEqual([0, expect.stringContaining('10 clips of 5 prompts in 2 folds\n')]);
    expect(stderr).toContain('fold 2 of 2: 4 clips held out\n');
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^fold +clips +SRCC +PLCC +RMSE$/);
    expect(stdout).toMatch(/\nstatistic +within folds +95 % interval +pooled +95 % interval\nSRCC /);
    expect(stderr).toContain('note: the intervals are approximate: they rest on 5 independent groups of clips');
    expect(lines.at(-1)).toBe(join(folder, 'folds', 'scores.jsonl'));

    const again = await run('cross-validate --out folds --resume --json');
    const { within, pooled, folds } = JSON.parse(again.stdout) as Record<string, { srcc: { value: unknown } }>;
    expect(folds).toHaveLength(2);
    expect(again.stderr).toContain('fold 1 of 2: 6 clips held out, done before\n');
    const evaluated = await run('evaluate folds/scores.jsonl --manifest clips.csv --json');
    const { overall } = JSON.parse(evaluated.stdout) as { overall: typeof pooled };
    expect(overall!.srcc).toEqual(pooled!.srcc);
    expect(within!.srcc.value).toMatchObject({ defined: true });

    const rows = (await readFile(join(folder, 'folds', 'scores.jsonl'), 'utf8')).trimEnd().split('\n');
    expect(rows.map((row) => (JSON.parse(row) as { clip: string }).clip)).toEqual(rows.map((_, i) => `${i}.png`));
  },
);

test.each([
  ['cross-validate recipe.yaml --folds 1 --out x', 'expected a whole number of at least 2, or groups'],
  ['cross-validate recipe.yaml --folds 6 --out x', 'expected at least 6 groups for 6 folds, got 5'],
  ['cross-validate --out x --resume', 'data.manifest: expected a path, got nothing'],
  ['cross-validate recipe.yaml --out model', 'model: expected a new or empty folder, got one with'],
  ['train recipe.yaml --out x --set data.fold={"index":3,"of":2}', 'data.fold: expected an index of at most 2'],
])('%s: one line, exit status 2', async (command, message) => {
  const { code, stderr } = await run(command);
  expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
});
