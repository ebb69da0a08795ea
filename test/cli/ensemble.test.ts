// `iovqa ensemble`: weights that are fitted to opinion scores, and ranks among scores that are kept.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRandomCheckpoint } from '../../src/model/index.ts';
import { readScores } from '../../src/score/index.ts';
import { rankAmong } from '../../src/study/index.ts';
import { writePicture } from '../train/run-fixtures.ts';
import type { CliResult } from './run-cli.ts';
import { runCli } from './run-cli.ts';

interface ScoreLine {
  clip: string;
  score: number;
  std: number | null;
  member1: number;
  member2: number;
}

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
const run = (command: string): Promise<CliResult> => runCli(command.split(' '), { cwd: folder });
const members = ['one', 'two'];
const names = Array.from({ length: 9 }, (_, i) => `${i}.png`);
/** Clips that scores are kept of; the others are new. */
const kept = names.slice(0, 6);
let own: number[][];

/** A table of the kept clips whose opinion scores are a mean of what both models say. */
async function writeTable(name: string, [first, second]: readonly [number, number]): Promise<void> {
  const rows = kept.map((clip, i) => `${clip},${first * own[0]![i]! + second * own[1]![i]!}`);
  await writeFile(at(name), ['image,mos', ...rows, ''].join('\n'));
}

const scoresWith = async (clips: readonly string[], scorer: string): Promise<ScoreLine[]> =>
  JSON.parse((await run(`score ${clips.join(' ')} --with ${scorer} --json`)).stdout) as ScoreLine[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'iovqa-cli-ensemble-'));
  for (const [i, name] of names.entries()) await writePicture(at(name), i);
  own = [];
  for (const [seed, name] of members.entries()) {
    await createRandomCheckpoint(at(name), { preset: 'tiny', seed: seed + 1 });
    await run(`score ${kept.join(' ')} --with ${name} --out ${name}.jsonl`);
    const scores: number[] = [];
    for await (const { score } of readScores(at(`${name}.jsonl`))) scores.push(score!);
    own.push(scores);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const references = '--reference one.jsonl --reference two.jsonl';

test('weights are fitted to the opinion scores of a table', async () => {
  await writeTable('both.csv', [0.75, 0.25]);
  const { code, stdout } = await run(
    `ensemble fitted one two --weights fitted ${references} --manifest both.csv --json`,
  );
  expect(code).toBe(0);
  const { members: found } = JSON.parse(stdout) as { members: { path: string; weight: number }[] };
  expect(found.map(({ path }) => path)).toEqual(members);
  expect(found.map(({ weight }) => weight)).toEqual([expect.closeTo(0.75, 6), expect.closeTo(0.25, 6)]);
  const file = JSON.parse(await readFile(at('fitted', 'ensemble.json'), 'utf8')) as Record<string, unknown>;
  expect(file).toMatchObject({ format: 1, members: [{ path: '../one' }, { path: '../two' }] });
  expect(JSON.stringify(file)).not.toContain('reference');
});

test('a member whose fitted weight is 0 is left out, and said', async () => {
  await writeTable('second.csv', [0, 1]);
  const made = await run(`ensemble second one two --weights fitted ${references} --manifest second.csv`);
  expect([made.code, made.stderr]).toEqual([
    0,
    expect.stringContaining('note: one is left out: its fitted weight is 0'),
  ]);
  expect(made.stdout).toMatch(/^weight  member\n +1  two\n/);
});

test('ranks are averaged as the file says, whatever the list', async () => {
  expect((await run(`ensemble ranked one two --combine ranks ${references} --weights 3,1`)).code).toBe(0);
  const text = await readFile(at('ranked', 'ensemble.json'), 'utf8');
  expect(JSON.parse(text)).toMatchObject({
    format: 2,
    members: own.map((scores) => ({ reference: scores.toSorted((a, b) => a - b) })),
  });
  expect(text).toMatch(/"reference": \[[\d.,]+\]/); // on one line
  const rank = own.map(rankAmong);
  const whole = await scoresWith(names, 'ranked');
  expect(new Set(whole.map(({ score }) => score)).size).toBeGreaterThan(4);
  for (const { score, std, member1, member2 } of whole) {
    const mean = 0.75 * rank[0]!(member1) + 0.25 * rank[1]!(member2);
    expect([score, std]).toEqual([expect.closeTo(1 + 4 * mean, 12), null]); // laid on 1–5
  }
  const few = await scoresWith(names.slice(0, 2), 'ranked');
  expect(few.map(({ score }) => score)).toEqual(whole.slice(0, 2).map(({ score }) => score));
});

test('a file with ranks is one of its own: no mixture is read from it, and other references do not go on with it', async () => {
  await run(`ensemble among one two --combine ranks ${references}`);
  expect((await run(`score ${kept.join(' ')} --with among --out among.jsonl`)).code).toBe(0);
  for await (const { distribution, models } of readScores(at('among.jsonl'))) {
    expect([distribution, models.every((model) => model.distribution !== null)]).toEqual([null, true]);
  }
  await run('ensemble plain one two');
  const other = await run(`score ${names.join(' ')} --with plain --out among.jsonl --resume`);
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('reference')]);
});

test.each<[string, string, string]>([
  ['one two --combine ranks', 'a', 'reference: expected a file for each of 2 members, got 0'],
  ['one two --weights fitted --reference one.jsonl', 'b', 'reference: expected a file for each of 2 members, got 1'],
  [`one two ${references}`, 'c', 'expected --combine ranks or --weights fitted with it, got neither'],
  ['one two --combine ranks --reference two.jsonl --reference one.jsonl', 'd', 'two.jsonl: expected scores of '],
  [`one two --weights fitted ${references}`, 'e', 'expected a column mos, or --manifest FILE'],
])('%s is refused', async (args, out, message) => {
  const { code, stderr } = await run(`ensemble refused-${out} ${args}`);
  expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  await expect(readFile(at(`refused-${out}`, 'ensemble.json'))).rejects.toThrow('ENOENT');
});

test('scores of a part of a list are no reference', async () => {
  await run(`score ${kept.join(' ')} --with one --part 1/2 --out part.jsonl`);
  const { code, stderr } = await run(
    'ensemble refused-part one two --combine ranks --reference part.jsonl --reference two.jsonl',
  );
  const message = 'part.jsonl: expected scores of a whole list, got part 1/2 of one';
  expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  await expect(readFile(at('refused-part', 'ensemble.json'))).rejects.toThrow('ENOENT');
});
