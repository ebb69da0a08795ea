// Kills of `iovqa score --resume`, again and again, in each form, end with the bytes of a run that was never stopped.
// IOVQA_KILLS sets how many kills each form takes.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRandomCheckpoint } from '../../src/model/index.ts';
import { killScore } from '../cli/kill-score.ts';
import { spawnCli } from '../cli/run-cli.ts';
import { writePicture } from '../train/run-fixtures.ts';

const NUM_ROWS = 260;
const kills = Number(process.env['IOVQA_KILLS'] ?? 25);

describe(`${kills} kills a form`, () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'iovqa-long-kill-'));
    await createRandomCheckpoint(join(folder, 'model'), { preset: 'tiny', seed: 1 });
    for (let i = 0; i < 40; i++) await writePicture(join(folder, `${i}, "so".png`), i);
    // Rows of one file differ in their prompts; some files are not there, some rows are none.
    const rows = Array.from({ length: NUM_ROWS }, (_, i) => {
      if (i % 31 === 7) return `missing ${i}.png,it is gone`;
      if (i % 47 === 5) return ',no name';
      return `"${i % 40}, ""so"".png","prompt ${i}\nof two lines"`;
    });
    await writeFile(join(folder, 'list.csv'), `image,prompt\n${rows.join('\n')}\n`);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each([
    ['jsonl', 1, 2500],
    ['csv', 2, 1800], // its rows are shorter
  ] as const)('of a file in %s', { timeout: 3_600_000 }, async (form, seed, mostBytes) => {
    const args = ['list.csv', '--with', 'model'];
    const out = `scores.${form}`;
    const timeout = 900_000;
    const { numKilled, lengths } = await killScore({ cwd: folder, args, out, kills, mostBytes, seed });
    process.stderr.write(`${numKilled} kills at ${lengths.join(' ')} bytes\n`);
    expect(numKilled).toBeGreaterThanOrEqual(kills - 2);
    // What a kill leaves is never less than what was there before.
    for (const [i, length] of lengths.entries()) expect(length).toBeGreaterThanOrEqual((lengths[i - 1] ?? 0) - 400);
    const resumed = await spawnCli(['score', ...args, '--out', out, '--resume'], { cwd: folder, timeout });
    const whole = await spawnCli(['score', ...args, '--out', `whole.${form}`, '--no-cache'], { cwd: folder, timeout });
    expect([resumed.code, whole.code]).toEqual([1, 1]); // some clips are not there
    expect(await readFile(join(folder, out), 'utf8')).toBe(await readFile(join(folder, `whole.${form}`), 'utf8'));
  });
});
