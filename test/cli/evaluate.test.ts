// Scores and opinions that were written apart: other spellings of one path, other scales, other formats.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { UserError } from '../../src/core/index.ts';
import { matchClips } from '../../src/cli/match-clips.ts';
import type { ScoreTable, ScoreTableFlags } from '../../src/cli/score-table.ts';
import { readScoreTable } from '../../src/cli/score-table.ts';
import { runCli } from './run-cli.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'iovqa-evaluate-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
/** Writes a table of opinions and scores of it. */
function write(files: Readonly<Record<string, string>>): (name: string) => string {
  const root = join(folder, String(count++));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return (name) => join(root, name);
}

const pairs = ({ rows }: ScoreTable): unknown[] => rows.map(({ id, prediction, mos }) => [id, prediction, mos]);
const failure = (promise: Promise<unknown>): Promise<UserError> =>
  promise.then(
    () => Promise.reject(new Error('expected an error')),
    (error: unknown) => error as UserError,
  );
const table = 'video,mos,split\nclips/a.mp4,1,test\nclips/b.mp4,5,train\n';
const wanted = [
  ['clips/a.mp4', 2, 1],
  ['clips/b.mp4', 4, 5],
];

describe('names', () => {
  test.each([
    ['as the table has them', 'clip,score\nclips/a.mp4,2\nclips/b.mp4,4\n', 'by path'],
    ['with dots and backslashes', 'clip,score\n.\\clips\\a.mp4,2\nclips//x/../b.mp4,4\n', 'by path'],
    ['absolute', 'clip,score\nROOT/clips/a.mp4,2\nROOT/clips/b.mp4,4\n', 'by path'],
    [
      'of another machine',
      'clip;score\nD:\\data\\a.mp4;2,0\nD:\\data\\b.mp4;4,0\n',
      'by file name, since no path is the same',
    ],
    ['without a header', '/elsewhere/a.mp4\t2\n/elsewhere/b.mp4\t4\n', 'by file name, since no path is the same'],
  ])('%s', async (_, text, how) => {
    const at = write({ 'm.csv': table });
    writeFileSync(at('s.txt'), text.replaceAll('ROOT', dirname(at('m.csv'))));
    const found = await readScoreTable(at('s.txt'), { manifest: at('m.csv') });
    expect(pairs(found)).toEqual(wanted);
    expect(found.notes.join('\n')).toContain(`2 scores are matched with clips of ${at('m.csv')} ${how}`);
  });

  test('with accents written the other way, on either side', async () => {
    const at = write({
      'm.csv': 'video,mos\ncafe\u0301.mp4,1\n\u00fc.mp4,5\n',
      's.csv': 'clip,score\ncaf\u00e9.mp4,2\nu\u0308.mp4,4\n',
    });
    expect(pairs(await readScoreTable(at('s.csv'), { manifest: at('m.csv') }))).toHaveLength(2);
  });

  test('of rows of JSON lines that have notes', async () => {
    const at = write({
      'm.csv': table,
      's.jsonl':
        '{"clip":"clips/a.mp4","score":2,"notes":["interlaced: x","padding: y"]}\n{"clip":"clips/b.mp4","score":4,"more":{"x":1}}\n',
    });
    const found = await readScoreTable(at('s.jsonl'), { manifest: at('m.csv') });
    expect(pairs(found)).toEqual(wanted);
    expect(found.rows.map(({ column }) => column('notes'))).toEqual(['interlaced: x; padding: y', undefined]);
  });

  test('are not matched by the file alone where one path is the same', async () => {
    const at = write({ 'm.csv': table, 's.csv': 'clip,score\nclips/a.mp4,2\nother/b.mp4,4\n' });
    const { rows, notes } = await readScoreTable(at('s.csv'), { manifest: at('m.csv') });
    expect(rows.map(({ id }) => id)).toEqual(['clips/a.mp4']);
    expect(notes.join('\n')).toContain('1 scores are of clips that the manifest lacks, the first "other/b.mp4"');
    expect(notes.join('\n')).toContain('1 clips of the manifest are not in');
  });

  test('that fit nothing, or fit twice, are an error with three of each', async () => {
    const at = write({
      'm.csv': 'video,mos\nx/a.mp4,1\ny/a.mp4,2\nz/a.mp4,3\nz/b.mp4,4\n',
      'none.csv': 'clip,score\n1.mp4,1\n2.mp4,2\n3.mp4,3\n4.mp4,4\n',
      'twice.csv': 'clip,score\nq/a.mp4,1\nq/b.mp4,2\n',
    });
    const none = await failure(readScoreTable(at('none.csv'), { manifest: at('m.csv') }));
    expect(none.message).toBe(`${at('none.csv')}: expected clips of ${at('m.csv')}, got none`);
    expect(none.hint).toBe(
      'The scores are of "1.mp4", "2.mp4", "3.mp4", …; the table has "x/a.mp4", "y/a.mp4", "z/a.mp4", ….',
    );
    const twice = await failure(readScoreTable(at('twice.csv'), { manifest: at('m.csv') }));
    expect(twice.message).toContain('or file names that are unique, got "x/a.mp4", "y/a.mp4", "z/a.mp4"');
    expect(() =>
      matchClips({
        clips: [{ id: 'a.mp4', path: '/m/a.mp4' }],
        names: ['/p/a.mp4', '/q/a.mp4'],
        folders: ['/m'],
        scoresFile: 's.csv',
        table: 'm.csv',
      }),
    ).toThrow('s.csv: expected paths as in m.csv, or file names that are unique, got "/p/a.mp4", "/q/a.mp4"');
  });

  test('that lead to one clip are two scores of it', async () => {
    const at = write({ 'm.csv': table, 's.csv': 'clip,score\nclips/a.mp4,2\n./clips/a.mp4,4\n' });
    expect((await failure(readScoreTable(at('s.csv'), { manifest: at('m.csv') }))).message).toContain(
      's.csv:3: expected one score a clip, got a second of "./clips/a.mp4", which line 2 has too',
    );
  });

  test('of other splits are no strangers', async () => {
    const at = write({ 'm.csv': table, 's.csv': 'clip,score\nclips/a.mp4,2\nclips/b.mp4,4\n' });
    const { rows, notes } = await readScoreTable(at('s.csv'), { manifest: at('m.csv'), split: 'test' });
    expect([rows.length, notes.filter((note) => note.includes('lacks'))]).toEqual([1, []]);
  });
});

describe('scales', () => {
  const hash = '0'.repeat(64);
  const meta = (min: number, max: number): string =>
    JSON.stringify({
      format: 1,
      models: [
        {
          path: 'm',
          weight: 1,
          modelHash: hash,
          tokenizerHash: hash,
          adapterHash: null,
          loraHash: null,
          template: { name: 't', sha256: hash },
          answer: { kind: 'integer', step: null },
          positions: 'transformers',
          maxTextTokens: 4096,
          frames: {},
        },
      ],
      isEnsemble: false,
      scale: { min, max, higherIsBetter: true },
      basis: null,
      runtime: {
        provider: 'cpu',
        threads: 0,
        batchSize: 4,
        maxMemory: null,
        decoders: {},
        onnxruntime: '1',
      },
      machine: { cpu: 'x', hash },
      writtenBy: '0',
    });
  const scores = 'clip,score\nclips/a.mp4,0.25\nclips/b.mp4,0.75\n';
  const run = (flags: ScoreTableFlags, files: Readonly<Record<string, string>> = {}): Promise<ScoreTable> => {
    const at = write({ 'm.csv': table, 's.csv': scores, ...files });
    return readScoreTable(at('s.csv'), { manifest: at('m.csv'), ...flags });
  };

  test('that are said to differ are mapped, and it is said', async () => {
    for (const found of [await run({ scoreScale: '0-1' }), await run({}, { 's.csv.meta.json': meta(0, 1) })]) {
      expect(pairs(found)).toEqual(wanted);
      expect(found.notes.join('\n')).toContain(
        'the scores are on 0-1 and the opinions on 1-5; the scores are mapped linearly',
      );
    }
    const reversed = await run({ scoreScale: 'dmos-0-1' });
    expect(reversed.rows.map(({ prediction }) => prediction)).toEqual([4, 2]);
  });

  test('that look different are a note', async () => {
    const { notes, rows } = await run({});
    expect(rows.map(({ prediction }) => prediction)).toEqual([0.25, 0.75]);
    expect(notes.join('\n')).toContain('the scores run from 0.25 to 0.75 and the opinions from 1 to 5');
  });

  test('that are the same are not mentioned', async () => {
    const { notes } = await run({ scoreScale: '1-5' });
    expect(notes).toHaveLength(1);
  });

  test.each([
    ['in a corner of the table', '1.2\n4.9\n3.3', '10\n95\n60', '0-100', true],
    ['beyond the table', '20\n40\n60', '1\n3\n5', '1-5', true],
    ['close together about the mean', '54\n55\n56', '10\n95\n60', '0-100', false],
    ['about as wide', '20\n80\n60', '10\n95\n60', '0-100', false],
  ])('of scores %s, without a scale, are doubted: %s', async (_, scores, opinions, scale, isDoubted) => {
    const [a, b] = [scores, opinions].map((text) => text.split('\n'));
    const at = write({
      's.csv': `clip,score\n${a!.map((text, i) => `${i}.mp4,${text}\n`).join('')}`,
      'm.csv': `video,mos\n${b!.map((text, i) => `${i}.mp4,${text}\n`).join('')}`,
      'one.csv': `name,prediction,mos\n${a!.map((text, i) => `${i},${text},${b![i]}\n`).join('')}`,
    });
    for (const found of [
      await readScoreTable(at('s.csv'), { manifest: at('m.csv'), scale }),
      await readScoreTable(at('one.csv'), {}),
    ]) {
      expect(found.notes.some((note) => note.includes('RMSE says little'))).toBe(isDoubted);
    }
  });

  test('of one table', async () => {
    const at = write({ 't.csv': 'name;predicted;MOS\na;0,5;60\nb;0,25;10\n' });
    const found = await readScoreTable(at('t.csv'), { prediction: 'predicted', scoreScale: '0-1', scale: '0-100' });
    expect(pairs(found)).toEqual([
      ['a', 50, 60],
      ['b', 25, 10],
    ]);
  });
});

describe('intervals', () => {
  const rows = Array.from({ length: 40 }, (_, i) => `${i},${i % 7},${(i * 5) % 11},${i % 20}\n`).join('');

  test.each([
    ['group', 'an empty cell is no group', 'n = 6 in 5 groups', ['a', 'a', '', '', '', '']],
    ['prompt', 'a shared prompt is a group', 'n = 6 in 3 groups', ['a', 'a', 'b', 'b', 'c', 'c']],
  ])('%s: %s, with a manifest and without', async (column, _, end, cells) => {
    const lines = cells.map((cell, i) => [`${i}.png`, (i * 3) % 5, 1 + (i % 4), cell].join());
    const at = write({
      'both.csv': `image,prediction,mos,${column}\n${lines.join('\n')}\n`,
      'mos.csv': `image,mos,${column}\n${cells.map((cell, i) => `${i}.png,${1 + (i % 4)},${cell}`).join('\n')}\n`,
      'scores.csv': `clip,score\n${cells.map((__, i) => `${i}.png,${(i * 3) % 5}`).join('\n')}\n`,
    });
    for (const args of [[at('both.csv')], [at('scores.csv'), '--manifest', at('mos.csv')]]) {
      const { stdout } = await runCli(['evaluate', ...args]);
      expect(stdout.trimEnd().split('\n').at(-1)).toBe(end);
    }
  });

  test('rest on groups; few are said to be approximate', async () => {
    const at = write({ 't.csv': `name,prediction,mos,group\n${rows}` });
    const { code, stdout, stderr } = await runCli(['evaluate', at('t.csv')]);
    expect([code, stdout.trimEnd().split('\n').at(-1)]).toEqual([0, 'n = 40 in 20 groups']);
    expect(stdout).toMatch(/^RMSE +\d\.\d{4} +\d\.\d{4} … \d\.\d{4}$/m);
    expect(stderr).toContain(
      'the intervals are approximate: they rest on 20 independent groups of clips, fewer than 30',
    );
    const alone = write({ 't.csv': `name,prediction,mos,other\n${rows}` });
    const { stderr: quiet, stdout: all } = await runCli(['evaluate', alone('t.csv')]);
    expect(quiet).not.toContain('approximate');
    expect(all).toContain('n = 40\n');
  });

  test.each(['--resamples', '--seed'])('%s is an error that says what replaced it', async (option) => {
    const at = write({ 't.csv': `name,prediction,mos,group\n${rows}` });
    const { code, stderr } = await runCli(['evaluate', at('t.csv'), option, '10']);
    expect(code).toBe(2);
    expect(stderr).toContain(`${option}: expected no such option`);
    expect(stderr).toContain('A jackknife over groups has taken the place of the bootstrap');
  });
});
