// Twelve tables as people have them, three each with other delimiters, scales, raw votes and names: each is checked, trained on, scored
// and evaluated with the same options, and comes out as the plain table would.
// @module-tag long
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import { createRandomCheckpoint } from '../../src/model/index.ts';
import type { CliResult } from '../cli/run-cli.ts';
import { runCli } from '../cli/run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-wild-'));
const at = (...names: string[]): string => join(folder, ...names);
afterAll(() => rmSync(folder, { recursive: true }));

const names = ['caf\u00e9 0.png', ...[1, 2, 3, 4, 5].map((i) => `${i}.png`)];
/** Opinions on 1–5. */
const opinions = [1.5, 2, 2.5, 3, 3.5, 4];

beforeAll(async () => {
  mkdirSync(at('clips'));
  const stream = randomStream(3);
  for (const name of names) {
    const pixels = Buffer.from(Array.from({ length: 56 * 56 * 3 }, () => stream.below(256)));
    await sharp(pixels, { raw: { width: 56, height: 56, channels: 3 } })
      .png()
      .toFile(at('clips', name));
  }
  await createRandomCheckpoint(at('model'), { preset: 'tiny' });
});

/** A command as the command line runs it, in this process. */
async function run(...args: string[]): Promise<CliResult> {
  const said = await runCli(args);
  if (said.code !== 0) throw new Error(`${args.join(' ')}: ${said.code}\n${said.stderr}${said.stdout}`);
  return said;
}

/** Lines of names and scores. */
const lines = (mark: string, write: (opinion: number) => string, nameOf = (name: string): string => name): string =>
  names.map((name, i) => `${nameOf(name)}${mark}${write(opinions[i]!)}\n`).join('');
const decimal = (value: number): string => value.toFixed(2).replace('.', ',');
/** Votes of four raters, whose mean is the opinion. */
const votes = opinions.map((mean) => [-0.5, 0.5, -0.25, 0.25].map((off) => mean + off));

interface Wild {
  /** What is special about it. */
  about: string;
  /** Name of the file. */
  file: string;
  /** Its content. */
  content: () => string | Buffer;
  /** Options, for every command. */
  options?: string[];
  /** Options of `data votes`, where it is a table of votes. */
  votes?: string[];
  /** Its scale. */
  scale?: string;
  /** Whether the options are written beside it by the first command, and by no other. */
  isBeside?: boolean;
}

const media = ['--media-root', at('clips')];
const tables: Wild[] = [
  {
    about: 'semicolons and decimal commas in UTF-16, as a spreadsheet saves it',
    file: 'spreadsheet.csv',
    content: () => Buffer.from(`\uFEFFDateiname;MOS\n${lines(';', decimal)}`, 'utf16le'),
    options: ['--image', 'Dateiname', ...media],
  },
  {
    about: 'tabs, and columns of its own',
    file: 'tabs.tsv',
    content: () => `filename\tMOS\tSOS\n${lines('\t', (mos) => `${mos}\t0.5`)}`,
    options: ['--image', 'filename', '--mos', 'MOS', '--std-column', 'SOS', ...media],
  },
  { about: 'bars, and no header', file: 'bars.txt', content: () => lines('|', String), options: media },
  {
    about: 'scores from 0 to 100',
    file: 'hundred.csv',
    content: () => `image,mos\n${lines(',', (mos) => String(25 * (mos - 1)))}`,
    options: ['--scale', '0-100', ...media],
    scale: '0-100',
  },
  {
    about: 'scores that fall as quality rises',
    file: 'dmos.csv',
    content: () => `image,dmos\n${lines(',', (mos) => String(100 - 25 * (mos - 1)))}`,
    options: ['--scale', 'dmos-0-100', '--target', 'dmos', ...media],
    scale: 'dmos-0-100',
  },
  {
    about: 'scores from 0 to 1, said once in the file beside the table',
    file: 'unit.jsonl',
    content: () => names.map((image, i) => `${JSON.stringify({ image, q: (opinions[i]! - 1) / 4 })}\n`).join(''),
    options: ['--scale', '0-1', '--target', 'q', ...media],
    scale: '0-1',
    isBeside: true,
  },
  {
    about: 'a row a vote',
    file: 'long.csv',
    content: () =>
      `clip,rater,score\n${names.flatMap((name, i) => votes[i]!.map((vote, r) => `${name},r${r},${vote}\n`)).join('')}`,
    options: media,
    votes: ['--method', 'mean'],
  },
  {
    about: 'a column a rater, semicolons and decimal commas',
    file: 'wide.csv',
    content: () =>
      `clip;r1;r2;r3;r4\n${names.map((name, i) => `${name};${votes[i]!.map(decimal).join(';')}\n`).join('')}`,
    options: media,
    votes: ['--raters', 'r*', '--method', 'bt500'],
  },
  {
    about: 'a row a vote with tabs, by the model of raters',
    file: 'model.tsv',
    content: () =>
      `stimulus\tsubject\trating\n${names.flatMap((name, i) => votes[i]!.map((vote, r) => `${name}\ts${r}\t${vote}\n`)).join('')}`,
    options: media,
    votes: ['--method', 'p910'],
  },
  {
    about: 'names from another system',
    file: 'backslash.csv',
    content: () => `image,mos\n${lines(',', String, (name) => `clips\\${name}`)}`,
  },
  {
    about: 'absolute names',
    file: 'absolute.csv',
    content: () => `image,mos\n${lines(',', String, (name) => at('clips', name))}`,
  },
  {
    about: 'accents as two characters',
    file: 'accents.csv',
    content: () => `image,mos\n${lines(',', String, (name) => name.normalize('NFD'))}`,
    options: media,
  },
];

/** One of each kind. */
const quick = new Set(['spreadsheet.csv', 'dmos.csv', 'wide.csv', 'accents.csv']);

test('there are twelve', () => expect(tables).toHaveLength(12));

describe.each(tables)(
  '$file: $about',
  ({ file, content, options = [], votes: votesOptions, scale = '1-5', isBeside }) => {
    test('is checked, trained on, scored and evaluated', { tags: quick.has(file) ? [] : ['long'] }, async () => {
      writeFileSync(at(file), content());
      let table = at(file);
      let same = options;
      if (votesOptions !== undefined) {
        table = at(`${file}-mos.csv`);
        await run('data', 'votes', at(file), ...votesOptions, ...options, '--out', table);
        same = []; // what it was told stands beside the table that it wrote
      }
      if (isBeside === true) {
        await run('data', 'check', table, '--no-decode', '--write-options', ...options);
        same = [];
      }
      const checked = JSON.parse(
        (await run('data', 'check', table, ...same, '--json', '--workers', '1')).stdout,
      ) as object;
      expect(checked).toMatchObject({ problems: [] });

      const out = at(`${file}-run`);
      const sets = [
        'epochs=1',
        'batchSize=6',
        'lora.rank=1',
        'data.validation=null',
        'runtime.workers=1',
        'runtime.threads=1',
      ];
      const settings = sets.flatMap((set) => ['--set', set]);
      await run('train', '--manifest', table, '--model', at('model'), '--out', out, ...same, ...settings);

      const scores = at(`${file}-scores.jsonl`);
      await run('score', table, '--with', out, '--out', scores, ...same, '--workers', '1');
      const scored = readFileSync(scores, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { clip: string; score: number });
      expect(scored).toHaveLength(names.length);
      const [low, high] = scale.replace('dmos-', '').split('-').map(Number);
      for (const { score } of scored) expect(score >= low! && score <= high!).toBe(true);

      const judged = JSON.parse((await run('evaluate', scores, '--manifest', table, ...same, '--json')).stdout) as {
        overall: { n: number; rmse: { value: number } };
        notes: string[];
      };
      expect(judged.overall.n).toBe(names.length);
      expect(judged.overall.rmse.value).toBeLessThan((high! - low!) * 0.8);
      expect(judged.notes.join('\n')).toContain(`${names.length} scores are matched`);
      expect(judged.notes.join('\n')).not.toContain('mapped linearly'); // both are on the table's scale
    });
  },
);
