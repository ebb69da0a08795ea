// `iovqa score` of lists: gone on with after kills, never mixed, by one process at a time; and by an ensemble.
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRandomCheckpoint, embeddedAdapter, readCard } from '../../src/model/index.ts';
import { writePicture } from '../train/run-fixtures.ts';
import { killScore } from './kill-score.ts';
import type { CliResult } from './run-cli.ts';
import { runCli, spawnCli } from './run-cli.ts';

interface ScoreLine {
  row: number;
  clip: string;
  score: number;
  integer: number;
  member1?: number;
  member2?: number;
  error?: string;
}

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
const run = (command: string): Promise<CliResult> => runCli(command.split(' '), { cwd: folder });
const lines = (text: string): ScoreLine[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ScoreLine);

const names = Array.from({ length: 40 }, (_, i) => `${i}.png`);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'iovqa-cli-score-'));
  await createRandomCheckpoint(at('one'), { preset: 'tiny', seed: 1 });
  await createRandomCheckpoint(at('two'), { preset: 'tiny', seed: 2 });
  for (const [i, name] of names.entries()) await writePicture(at(name), i);
  await writeFile(at('list.csv'), `image\n${names.join('\n')}\n`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each(['jsonl', 'csv'])(
  'a file in %s ends with the same bytes, however often the work is killed',
  { tags: ['long'] },
  async (form) => {
    const args = ['list.csv', '--with', 'one'];
    const out = `killed.${form}`;
    const { numKilled } = await killScore({ cwd: folder, args, out, kills: 2, mostBytes: 500, seed: form.length });
    expect(numKilled).toBeGreaterThan(0);
    const { code, stdout } = await run(`score list.csv --with one --out ${out} --resume`);
    expect([code, stdout]).toEqual([0, '']);
    expect((await run(`score list.csv --with one --out new/whole.${form} --no-cache`)).code).toBe(0);
    const got = await readFile(at(out), 'utf8');
    expect(got).toBe(await readFile(at('new', `whole.${form}`), 'utf8'));
    const stdoutOf = await run(`score list.csv --with one --${form === 'csv' ? 'csv' : 'json'}`);
    const written = stdoutOf.stdout;
    expect(form === 'csv' ? written : JSON.parse(written)).toEqual(form === 'csv' ? got : lines(got));
    const clips = [...got.matchAll(/^(?:\{"row":)?(\d+),(?:"clip":")?([^",]+)/gm)].map(([, row, clip]) => [
      Number(row),
      clip,
    ]);
    expect(clips).toEqual(names.map((name, i) => [i + 1, name]));
  },
);

test(
  'rows of other models, prompts and lists are not mixed into a file, nor those of another process',
  { tags: ['long'] },
  async () => {
    expect((await run('score 0.png 1.png missing.png --with one --out mixed.csv')).code).toBe(2); // not a clip at all
    await writeFile(at('three.csv'), 'image,prompt\n0.png,a dog\n0.png,a cat\nmissing.png,a cow\n');
    const first = await run('score three.csv --with one --out mixed.csv');
    expect([first.code, first.stderr]).toEqual([1, expect.stringContaining('missing.png')]);
    const before = await readFile(at('mixed.csv'), 'utf8');
    expect(before.match(/^\d,0\.png,/gm)).toHaveLength(2);
    const refused = async (command: string): Promise<string> => {
      const { code, stderr } = await run(command);
      expect(code).toBe(2);
      return stderr;
    };
    expect(await refused('score three.csv --out mixed.csv')).toContain('expected a new file');
    expect(await refused('score three.csv --with two --out mixed.csv --resume')).toMatch(
      /mixed\.csv: expected to go on with what made its rows, got modelHash \S+ \(one\) -> \S+ \(two\)\nhint: mixed\.csv\.meta\.json/,
    );
    await writeFile(at('three.csv'), 'image,prompt\n0.png,a dog\n0.png,a cow\nmissing.png,a cow\n');
    expect(await refused('score three.csv --with one --out mixed.csv --resume')).toContain(
      'mixed.csv:3: expected row 2',
    );
    await writeFile(at('three.csv'), 'image,prompt\n0.png,a dog\n0.png,a cat\nmissing.png,a cow\n');
    const again = await run('score three.csv --with one --out mixed.csv --resume');
    expect([again.code, again.stderr]).toEqual([
      1,
      expect.stringContaining('1 rows of mixed.csv have an error from before'),
    ]);
    expect(await readFile(at('mixed.csv'), 'utf8')).toBe(before);
    await copyFile(at('2.png'), at('missing.png'));
    expect((await run('score three.csv --with one --out mixed.csv --retry-failed')).code).toBe(0);
    const whole = await run('score three.csv --with one --csv');
    const after = await readFile(at('mixed.csv'), 'utf8');
    expect(after.split('\n').map((line) => line.split(',')[1])).toEqual(
      whole.stdout.split('\n').map((line) => line.split(',')[1]),
    );
    expect(after.split('\n').slice(0, 3)).toEqual(before.split('\n').slice(0, 3));
    expect(after).not.toContain('expected');
  },
);

test('of two that write one file, the second is told so', { tags: ['long'] }, async () => {
  let second: Promise<CliResult> | undefined;
  const first = await spawnCli('score list.csv --with one --out shared.jsonl'.split(' '), {
    cwd: folder,
    onStart: (child) => {
      const timer = setInterval(() => {
        if (!existsSync(at('shared.jsonl'))) return;
        clearInterval(timer);
        child.kill('SIGSTOP');
        second = run('score list.csv --with one --out shared.jsonl --resume');
        void second.then(() => child.kill('SIGCONT'));
      }, 1);
    },
  });
  expect(await second).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(
      /shared\.jsonl: expected no other process to write there, got process \d+ of /,
    ) as string,
  });
  expect(first.code).toBe(0);
  expect(lines(await readFile(at('shared.jsonl'), 'utf8'))).toHaveLength(40);
});

test('a file goes into a folder that is made for it, where there may be one', async () => {
  expect((await run('score 0.png --with one --out other/scores.csv')).code).toBe(0);
  expect((await readdir(at('other'))).sort()).toEqual(['scores.csv', 'scores.csv.meta.json']);
  const blocked = await run('score 0.png --with one --out 0.png/scores.csv');
  expect(blocked.stderr).toContain('0.png/scores.csv: expected ');
  expect(blocked.code).toBe(2);
});

test(
  'an ensemble made on the command line gives its members’ scores beside their weighted mean',
  { tags: ['long'] },
  async () => {
    const scores = async (model: string): Promise<ScoreLine[]> =>
      JSON.parse((await run(`score 0.png 1.png --with ${model} --json`)).stdout) as ScoreLine[];
    const [one, two] = [await scores('one'), await scores('two')];
    expect((await run('ensemble both one two --weights 3,1')).code).toBe(0);
    const both = await scores('both');
    expect(both.map(({ clip, member1, member2 }) => [clip, member1, member2])).toEqual(
      one.map(({ clip, score }, i) => [clip, score, two[i]!.score]),
    );
    both.forEach(({ score }, i) => expect(score).toBeCloseTo(0.75 * one[i]!.score + 0.25 * two[i]!.score, 12));
    expect(one[0]!.score).not.toBe(two[0]!.score);
    const csv = (await run('score 0.png --with both --csv')).stdout;
    expect(csv).toMatch(/^row,clip,score,integer,std,legalMass,member1,member2,notes,error,key\n1,0\.png,/);
  },
);

test('without --with, the adapter that ships scores, and says what it is', async () => {
  const { code, stdout, stderr } = await run('score 0.png 1.png --json');
  expect(code).toBe(0);
  const { about } = (await readCard(embeddedAdapter()))!;
  const got = JSON.parse(stdout) as (ScoreLine & { basis: string })[];
  expect(got.map(({ clip, basis }) => [clip, basis])).toEqual([
    ['0.png', about],
    ['1.png', about],
  ]);
  expect(stderr).toContain(`note: ${about}`);
  expect((await run('inspect model models/nano')).code).toBe(0); // by name, wherever one is
});
