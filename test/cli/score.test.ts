// `iovqa score` of long lists: in order and in bounded memory, gone on with after a kill; and by an ensemble.
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BadRow, NamedClip } from '../../src/cli/inputs.ts';
import type { ScoreStream } from '../../src/cli/score-order.ts';
import { scoreInOrder } from '../../src/cli/score-order.ts';
import { UserError } from '../../src/core/index.ts';
import { createRandomCheckpoint, embeddedAdapter, readCard } from '../../src/model/index.ts';
import type { FailedClip } from '../../src/score/index.ts';
import { writePicture } from '../train/run-fixtures.ts';
import type { CliOptions, CliResult } from './run-cli.ts';
import { runCli } from './run-cli.ts';

interface ScoreLine {
  clip: string;
  score: number;
  integer: number;
  member1?: number;
  member2?: number;
  error?: string;
}

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
const run = (command: string, options: CliOptions = {}): Promise<CliResult> =>
  runCli(command.split(' '), { cwd: folder, ...options });
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
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

test('each clip stands once in the file, in order, however often the work is killed', async () => {
  let numKilled = 0;
  let length = 0;
  for (let attempt = 0; attempt < 3; attempt++) {
    const { code } = await run(`score list.csv --with one --out scores.jsonl${attempt === 0 ? '' : ' --resume'}`, {
      onStart: (child) => {
        const timer = setInterval(() => {
          if (!existsSync(at('scores.jsonl'))) return;
          void readFile(at('scores.jsonl'), 'utf8').then((text) => {
            if (text.length > length) child.kill('SIGKILL');
          });
        }, 5);
        child.on('close', () => clearInterval(timer));
      },
    });
    if (code === null) numKilled++;
    length = (await readFile(at('scores.jsonl'), 'utf8')).length;
  }
  expect(numKilled).toBeGreaterThan(0);
  const { code, stdout } = await run('score list.csv --with one --out scores.jsonl --resume');
  expect([code, stdout]).toEqual([0, '']);
  const got = lines(await readFile(at('scores.jsonl'), 'utf8'));
  expect(got.map(({ clip }) => clip)).toEqual(names);
  const whole = await run('score list.csv --with one --json');
  expect(got).toEqual(JSON.parse(whole.stdout));
  expect(whole.stdout).toBe(`${JSON.stringify(got, null, 2)}\n`);
});

test('a CSV file is there when it is whole, in a folder that is made for it', async () => {
  const { code } = await run('score list.csv --with one --out new/scores.csv');
  const stdout = (await run('score list.csv --with one --csv')).stdout;
  expect([code, await readdir(at('new'))]).toEqual([0, ['scores.csv']]);
  expect(await readFile(at('new', 'scores.csv'), 'utf8')).toBe(stdout);
  const blocked = await run('score list.csv --with one --out 0.png/scores.csv');
  expect(blocked.stderr).toContain('0.png/scores.csv: expected a folder to write to');
  expect(blocked.code).toBe(2);
});

test('an ensemble made on the command line gives its members’ scores beside their weighted mean', async () => {
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
});

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
  expect((await run('score 0.png --with one --out mixed.jsonl')).code).toBe(0);
  const mixed = await run('score 0.png 1.png --out mixed.jsonl --resume');
  expect([mixed.code, mixed.stderr]).toEqual([
    2,
    expect.stringContaining('mixed.jsonl: expected scores with the basis'),
  ]);
});

describe('clips in order', () => {
  const clip = (i: number): NamedClip => ({ id: `clip ${i}`, path: `${i}`, kind: 'image' });
  const bad = (i: number): BadRow => ({ id: `bad ${i}`, reason: 'it is' });
  /** Takes four clips before it tells the score of the first. */
  const score: ScoreStream = async function* (clips) {
    let group: NamedClip[] = [];
    const scored = (one: NamedClip): FailedClip => ({ clip: one, error: new UserError('bad-input', 'any') });
    for await (const one of clips) {
      group.push(one);
      if (group.length < 4) continue;
      yield* group.map(scored);
      group = [];
    }
    yield* group.map(scored);
  };
  test.each(['', 'c', 'b', 'cb', 'bc', 'bbccccbccbcccccbb', 'cccc', 'b'.repeat(2500), `c${'b'.repeat(2500)}c`])(
    'of %s',
    async (pattern) => {
      const items = Array.from(pattern, (letter, i) => (letter === 'c' ? clip(i) : bad(i)));
      let numTaken = 0;
      let numGiven = 0;
      let mostHeld = 0;
      const source = async function* (): AsyncGenerator<NamedClip | BadRow, void> {
        for (const item of items) {
          numTaken++;
          mostHeld = Math.max(mostHeld, numTaken - numGiven);
          yield item;
        }
      };
      const got: string[] = [];
      for await (const item of scoreInOrder(score, source())) {
        numGiven++;
        got.push('reason' in item ? item.id : (item.clip as NamedClip).id);
      }
      expect(got).toEqual(items.map(({ id }) => id));
      expect(mostHeld).toBeLessThan(1010);
    },
  );
});
