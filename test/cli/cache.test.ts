// `iovqa cache`, and what train, score and doctor say of it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CacheInfo } from '../../src/model/index.ts';
import { writePicture } from '../train/run-fixtures.ts';
import type { CliResult } from './run-cli.ts';
import { runCli } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-cli-cache-'));
const at = (name: string): string => join(folder, name);
const run = (command: string, cache = at('cache')): Promise<CliResult> =>
  runCli(command.split(' '), { cwd: folder, env: { IOVQA_CACHE: cache } });
const info = async (): Promise<CacheInfo> => JSON.parse((await run('cache info --json')).stdout) as CacheInfo;

beforeAll(async () => {
  for (let i = 0; i < 4; i++) await writePicture(at(`${i}.png`), i);
  writeFileSync(at('clips.csv'), ['image,mos', ...[0, 1, 2, 3].map((i) => `${i}.png,${1 + i}`), ''].join('\n'));
  await run('models new model --preset tiny');
});
afterAll(() => rmSync(folder, { recursive: true }));

test('is filled by training, used by scoring, limited and cleared', { tags: ['long'] }, async () => {
  expect(await info()).toMatchObject({ folder: at('cache'), numFeatures: 0, limitBytes: 10_000_000_000 });
  const train = 'train --model model --manifest clips.csv --set data.validation=null --set epochs=1';
  const first = await run(`${train} --out run`);
  expect([first.code, first.stderr]).toEqual([0, expect.not.stringContaining('in the cache') as string]);
  expect((await info()).numFeatures).toBe(4 + 2); // the clips, and the golden pictures
  expect((await run(`${train} --out again`)).stderr).toContain('vision features of 4 clips were in the cache');

  const filled = await run('score clips.csv --with run --json');
  const without = await run('score clips.csv --with run --json --no-cache');
  expect(filled.code).toBe(0);
  expect(filled.stdout).toBe(without.stdout);
  expect(filled.stderr).toContain('vision features of 4 of 4 clips were in the cache');
  expect(without.stderr).not.toContain('cache');
  expect((await info()).numFeatures).toBe(4 + 2);

  expect((await run('cache info')).stdout).toMatch(
    /cache\n\d+(\.\d)? KB of 10 GB\n6 entries of features, \d+ hashes of decoded clips/,
  );
  expect((await run('doctor')).stdout).toMatch(/^cache +ok .* of 10 GB$/m);
  expect((await run('cache limit 12.3KB')).stdout).toBe(`${at('cache')}: at most 12.3 KB\n`);
  expect(await info()).toMatchObject({ limitBytes: 12_300, sizeBytes: 12_288 });
  const cleared = JSON.parse((await run('cache clear --json')).stdout) as object;
  expect(cleared).toEqual({ folder: at('cache'), numEntries: 3, sizeBytes: 12_288 });
  expect(await info()).toMatchObject({ numFeatures: 0, numFacts: 0, limitBytes: 12_300 });
});

test('scores all the same where it cannot be written, and says so once', async () => {
  const { code, stderr } = await run('score clips.csv --with model', at('clips.csv'));
  expect(code).toBe(0);
  expect(stderr.match(/note: cache .* cannot be .*\(ENOTDIR\)/g)).toHaveLength(1);
  expect(await readFile(at('clips.csv'), 'utf8')).toMatch(/^image,mos\n/);
});

test.each([
  ['cache limit much', at('cache'), 'size: expected one like 50GB or 800MB, got "much"'],
  ['cache limit -1', at('cache'), 'size: expected one like 50GB or 800MB, got "-1"'],
  ['cache info', 'off', 'IOVQA_CACHE: expected a folder, got off'],
])('%s with the cache in %s: %s', async (command, cache, message) => {
  const { code, stderr } = await run(command, cache);
  expect(stderr).toContain(message);
  expect(code).toBe(2);
});
