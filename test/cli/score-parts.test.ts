// `iovqa score --part` and `iovqa scores merge`: a job array as the documents show it, and what is said of parts.
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readDocument } from '../docs/markdown.ts';
import { writePicture } from '../train/run-fixtures.ts';
import type { CliResult } from './run-cli.ts';
import { bin, runCli } from './run-cli.ts';

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
const run = (command: string): Promise<CliResult> => runCli(command.split(' '), { cwd: folder });
const bytes = (name: string): Promise<string> => readFile(at(name), 'latin1');

/** Twenty clips, of which the twelfth is none: groups of eight, eight and four. */
const names = Array.from({ length: 20 }, (_, i) => (i === 11 ? 'none.png' : `${i}.png`));

/** Exit statuses of the tasks. */
let statuses: number[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'iovqa-score-parts-'));
  for (const [i, name] of names.entries()) if (name !== 'none.png') await writePicture(at(name), i);
  await writeFile(at('clips.csv'), `image,mos\n${names.map((name, i) => `${name},${1 + (i % 5)}`).join('\n')}\n`);
  await run('score clips.csv --out whole.jsonl');
  await writeFile(
    at('job.sh'),
    jobScript().replace('1-16', '1-3').replace('/16', '/3').replace(' --with runs/first', ''),
  );
  await writeFile(at('iovqa'), `#!/bin/sh\nexec "${process.execPath}" "${bin}" "$@"\n`);
  await chmod(at('iovqa'), 0o755);
  statuses = [await task(1), await task(2), await task(3)];
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The script of the document. */
function jobScript(): string {
  const { blocks } = readDocument('docs/score.md');
  return blocks.find(({ lines }) => lines.some((line) => line.startsWith('#SBATCH')))!.lines.join('\n');
}

/** Runs it as a task of the array. */
async function task(id: number): Promise<number> {
  const PATH = `${folder}${delimiter}${process.env['PATH']}`;
  const env = { ...process.env, PATH, SLURM_ARRAY_TASK_ID: String(id) };
  return promisify(execFile)('bash', ['job.sh'], { cwd: folder, env }).then(
    () => 0,
    (error: { code: number }) => error.code,
  );
}

test('the job array of docs/score.md scores the parts, which are merged to the file of the whole list', async () => {
  expect(jobScript().match(/16/g)).toHaveLength(2);
  expect(statuses).toEqual([0, 1, 0]); // the clip that is none is in the second group
  const merged = await run('scores merge parts/3.jsonl parts/1.jsonl parts/2.jsonl --out merged.jsonl');
  expect(merged).toEqual({
    code: 0,
    stdout: 'merged.jsonl: 20 rows of 3 parts, 1 of them with an error\n',
    stderr: '',
  });
  expect(await bytes('merged.jsonl')).toBe(await bytes('whole.jsonl'));
  expect(await bytes('merged.jsonl.meta.json')).toBe(await bytes('whole.jsonl.meta.json'));
  const again = await run('scores merge parts/1.jsonl parts/2.jsonl parts/3.jsonl --out again.jsonl --json');
  const expected = { out: 'again.jsonl', numParts: 3, numRows: 20, numFailed: 1, notes: [] };
  expect(JSON.parse(again.stdout)).toEqual(expected);
});

test('a part that is missing is named, with the command that scores it', async () => {
  const { code, stderr } = await run('scores merge parts/1.jsonl parts/3.jsonl --out missing.jsonl');
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/scores merge: expected all of 3 parts, got none of 2\nhint: .*score LIST --part 2\/3/),
  ]);
});

test('a part of a folder is printed, with the row numbers of the whole list', async () => {
  const { code, stdout, stderr } = await run('score . --part 3/3 --json');
  expect([code, stderr]).toEqual([0, expect.stringContaining('note: part 3/3: 3 of 19 rows')]);
  expect((JSON.parse(stdout) as { row: number }[]).map(({ row }) => row)).toEqual([17, 18, 19]);
});

test('a part is evaluated and compared with a note', async () => {
  const note = 'the scores are part 1/3 of a list of 20: the clips of the other parts are not in it';
  const evaluated = await run('evaluate parts/1.jsonl --manifest clips.csv --json');
  expect([evaluated.code, evaluated.stderr]).toEqual([0, expect.stringContaining(`note: ${note}`)]);
  expect((JSON.parse(evaluated.stdout) as { notes: string[] }).notes).toContainEqual(expect.stringContaining(note));
  const compared = await run('compare whole.jsonl parts/1.jsonl --manifest clips.csv');
  expect([compared.code, compared.stderr]).toEqual([0, expect.stringContaining(`note: parts/1.jsonl: ${note}`)]);
});

test('a part that is none is refused, and --shard is not it', async () => {
  for (const part of ['0/3', '4/3', '3', '1/0', '1/3/3', '-1/3']) {
    const { code, stderr } = await run(`score clips.csv --part ${part}`);
    expect([part, code, stderr]).toEqual([part, 2, expect.stringContaining('expected I/N, with I from 1 to N')]);
  }
  const { code, stderr } = await run('score clips.csv --shard 3/16');
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining('Allowed choices are auto, none, full. score --part 3/16 scores a part of a list.'),
  ]);
});
