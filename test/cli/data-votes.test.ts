// `iovqa data votes` from a table of votes to a table of clips that the other commands read.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from './run-cli.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'iovqa-data-votes-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** 20 clips of 16 raters on 0–100, the last of whom is far off to both sides. */
const table = (): string =>
  [
    ['clip', 'generator', ...Array.from({ length: 16 }, (_, i) => `r${i + 1}`)],
    ...Array.from({ length: 20 }, (_, j) => [
      `c${j}.mp4`,
      j % 2 === 0 ? 'A' : 'B',
      ...Array.from({ length: 15 }, (__, i) => 40 + 10 * ((i + j) % 3)),
      j % 2 === 0 ? 80 : 20,
    ]),
  ]
    .map((row) => `${row.join(';')}\n`)
    .join('');

describe('data votes', () => {
  it('writes clips and raters, says what it took for what, and names the next command', async () => {
    writeFileSync(join(folder, 'votes.csv'), table());
    const args = ['--delimiter', ';', '--scale', '0-100', '--raters', 'r*', '--method', 'bt500'];
    const run = (...more: string[]): ReturnType<typeof runCli> =>
      runCli(['data', 'votes', 'votes.csv', ...args, ...more], { cwd: folder });
    const written = await run('--out', 'clips.csv', '--raters-out', 'raters.csv');
    expect(written).toMatchObject({ code: 0, stderr: '' });
    expect(written.stdout).toContain('320 votes of 16 raters on 20 clips, scale 0-100');
    expect(written.stdout).toContain('BT.500-14');
    expect(written.stdout).toMatch(/95 % interval: mean ± t\(0\.975, n − 1\)/);
    expect(written.stdout).toMatch(/r16 rejected: 10 votes far above and 10 far below their clip's mean/);
    expect(written.stdout).toContain('data check clips.csv');
    expect(readFileSync(join(folder, 'clips.csv'), 'utf8')).toMatch(
      /^video,generator,mos,std,votes,ci_low,ci_high\nc0\.mp4,A,50,8\.451543,15,45\.319692,54\.680308\n/,
    );
    expect(readFileSync(join(folder, 'raters.csv'), 'utf8')).toContain('r16,20,50,0,28.125,10,10,true,');

    // The scale lies beside the table, so that the next command needs no option.
    const checked = await runCli(['data', 'check', 'clips.csv', '--no-decode', '--json'], { cwd: folder });
    expect(JSON.parse(checked.stdout)).toMatchObject({ rows: 20, scale: '0-100' });

    // Nothing that is there is written over.
    const again = await run('--out', 'clips.csv');
    expect(again).toMatchObject({ code: 2, stdout: '' });
    expect(again.stderr).toContain('clips.csv: expected a new file');
    writeFileSync(join(folder, 'mine.csv.yaml'), 'scale: 0-100\n');
    const beside = await run('--out', 'mine.csv');
    expect(beside.stderr).toContain('mine.csv.yaml: expected a new file');
    expect(existsSync(join(folder, 'mine.csv'))).toBe(false);
    const same = await run('--out', 'same.csv', '--raters-out', './same.csv');
    expect(same.stderr).toContain('--raters-out: expected another file than --out');

    const json = await run('--json');
    expect(JSON.parse(json.stdout)).toMatchObject({
      layout: 'wide',
      method: 'bt500',
      numVotes: 320,
      kept: ['generator'],
    });
  });

  it('writes nothing where a vote is off the scale, and says it once', async () => {
    writeFileSync(join(folder, 'off.csv'), 'video,rater,score\na,x,50\na,y,3\nb,x,4\n');
    const run = await runCli(['data', 'votes', 'off.csv', '--out', 'off-clips.csv'], { cwd: folder });
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toContain('off.csv:2: column "score": expected a vote from 1 to 5 (scale 1-5), got "50"');
    expect(run.stderr).toContain('hint: a scale is said with --scale, such as 0-100');
    expect(existsSync(join(folder, 'off-clips.csv'))).toBe(false);
  });
});
