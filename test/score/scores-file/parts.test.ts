// Parts of a list: every row is in one of them, and their files are joined to that of the whole list, or refused.
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ListRow, MergedScores, ScoresFileOptions } from '../../../src/score/index.ts';
import { mergeScores, openScoresFile, readScores, rowsOfPart } from '../../../src/score/index.ts';
import { readScoresMeta, writeScoresMeta } from '../../../src/score/scores-file/meta.ts';
import { fakeScorer, listOf, meta, withModel } from './fixtures.ts';

let folder: string;
let count = 0;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'iovqa-parts-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));
const fresh = (form = 'jsonl'): string => join(folder, `${count++}.${form}`);

/** Scores a list, or a part of it; returns what is noted. */
async function score(
  path: string,
  options: ScoresFileOptions = {},
  scorer = fakeScorer(),
  rows: readonly ListRow[] = listOf(45),
): Promise<string[]> {
  const notes: string[] = [];
  await using file = await openScoresFile(path, options);
  const list = async function* (): AsyncGenerator<ListRow> {
    yield* rows;
  };
  await file.score(scorer, list, { onNote: (text) => void notes.push(text) });
  return notes;
}

/** Scores all parts. */
async function scoreParts(of: number, form = 'jsonl', rows = listOf(45), scorer = fakeScorer): Promise<string[]> {
  const paths = Array.from({ length: of }, () => fresh(form));
  for (const [i, path] of paths.entries()) await score(path, { part: { number: i + 1, of } }, scorer(), rows);
  return paths;
}

const bytes = (path: string): Promise<string> => readFile(path, 'latin1');

describe('rows of parts', () => {
  const batchSize = fc.integer({ min: 1, max: 9 });

  test('are those of the list, each in one part', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 200 }), batchSize, (of, numRows, size) => {
        const parts = Array.from({ length: of }, (_, i) => rowsOfPart({ number: i + 1, of }, size));
        const rows = Array.from({ length: numRows }, (_, i) => i + 1);
        expect(rows.filter((row) => parts.filter(({ has }) => has(row)).length !== 1)).toEqual([]);
        const counts = parts.map((part) => part.count(numRows));
        expect(counts).toEqual(parts.map(({ has }) => rows.filter(has).length));
        // They differ by a group at most.
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2 * size);
        for (const part of parts) {
          const walked: number[] = [];
          for (let row = part.after(0); row <= numRows; row = part.after(row)) walked.push(row);
          expect(walked).toEqual(rows.filter(part.has));
        }
      }),
    );
  });

  test('stand in whole groups, and the whole list is one part', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 500 }), batchSize, (of, row, size) => {
        const first = row - ((row - 1) % (2 * size));
        for (let number = 1; number <= of; number++) {
          const { has } = rowsOfPart({ number, of }, size);
          expect(has(row)).toBe(has(first));
        }
        expect(rowsOfPart(undefined, size).has(row)).toBe(true);
        expect(rowsOfPart(undefined, size).after(row - 1)).toBe(row);
      }),
    );
  });
});

describe.each(['jsonl', 'csv'])('parts in %s', (form) => {
  test.each([1, 2, 3, 8])('of %i are joined to the file of the whole list, byte for byte', async (of) => {
    const broken = (): ReturnType<typeof fakeScorer> => fakeScorer(meta, ({ path }) => path === '1.png');
    const whole = fresh(form);
    await score(whole, {}, broken());
    const paths = await scoreParts(of, form, listOf(45), broken);
    const out = fresh(form);
    const merged = await mergeScores(paths.toReversed(), out);
    expect(await bytes(out)).toBe(await bytes(whole));
    expect(await bytes(`${out}.meta.json`)).toBe(await bytes(`${whole}.meta.json`));
    expect(merged).toEqual({ numParts: of, numRows: 45, numFailed: 6 } satisfies MergedScores);
    // What is joined is gone on with as the whole list is.
    await score(out, { retryFailed: true });
    await score(whole, { retryFailed: true });
    expect(await bytes(out)).toBe(await bytes(whole));
    expect((await readdir(folder)).filter((name) => /\.lock|\.tmp/.test(name))).toEqual([]);
  });

  test('are gone on with wherever they were torn', async () => {
    const part = { number: 2, of: 3 };
    const whole = fresh(form);
    await score(whole, { part });
    const text = await readFile(whole);
    const torn = fresh(form);
    await writeFile(`${torn}.meta.json`, await readFile(`${whole}.meta.json`));
    for (let length = 1; length < text.length; length += 977) {
      await writeFile(torn, text.subarray(0, length));
      const scorer = fakeScorer();
      await score(torn, { part, resume: true }, scorer);
      expect(await readFile(torn)).toEqual(text);
      expect(scorer.rows.every(rowsOfPart(part, 4).has)).toBe(true);
    }
    const rows: number[] = [];
    for await (const { row } of readScores(whole)) rows.push(row);
    expect(rows).toEqual([9, 10, 11, 12, 13, 14, 15, 16, 33, 34, 35, 36, 37, 38, 39, 40]);
  });

  test('of an ensemble, and of a list without rows, are joined', async () => {
    const both = { ...meta, isEnsemble: true, models: [meta.models[0]!, meta.models[0]!] };
    const whole = fresh(form);
    await score(whole, {}, fakeScorer(both));
    const out = fresh(form);
    await mergeScores(await scoreParts(3, form, listOf(45), () => fakeScorer(both)), out);
    expect(await bytes(out)).toBe(await bytes(whole));
    const [none, joined] = [fresh(form), fresh(form)];
    await score(none, {}, fakeScorer(), []);
    await mergeScores(await scoreParts(2, form, []), joined);
    expect(await bytes(joined)).toBe(await bytes(none));
  });
});

describe('a merge', () => {
  const refused = async (paths: readonly string[], expected: string | RegExp, out = fresh()): Promise<void> => {
    await expect(mergeScores(paths, out)).rejects.toThrow(expected);
    expect(await readdir(folder)).not.toContain(out.slice(folder.length + 1));
    expect(await readScoresMeta(out)).toBeNull();
  };

  test('names the parts that are missing, given twice, of another number, or none', async () => {
    const [one, two, three, four] = (await scoreParts(4)) as [string, string, string, string];
    await refused([one], 'scores merge: expected all of 4 parts, got none of 2–4');
    await refused([four, two], 'expected all of 4 parts, got none of 1, 3');
    await refused([one, two, three, four, two], `${two}: expected each part once, got part 2/4, which ${two} is, too`);
    const third = fresh();
    await score(third, { part: { number: 3, of: 5 } });
    await refused([one, two, third, four], `${third}: expected a part of 4, as ${one} is, got part 3/5`);
    await score(third + '.whole.jsonl');
    await refused([one, `${third}.whole.jsonl`], 'expected scores of a part of a list, got those of a whole one');
    await refused([one, `${third}.none`], 'expected a scores file, got none');
    await refused([one, two, three, four], `--out: expected a file of the form of ${one}`, fresh('csv'));
    await refused([], 'expected the file of each part, got none');
  });

  test('names every part that has a gap, and rows that were taken out, added or changed', async () => {
    const paths = await scoreParts(3);
    const [one, two] = paths as [string, string];
    const [first, second] = [await readFile(one, 'utf8'), await readFile(two, 'utf8')];
    const lines = (text: string): string[] => text.split(/(?<=\n)/);
    await writeFile(one, lines(first).slice(0, 5).join(''));
    await writeFile(two, lines(second).slice(0, -1).join(''));
    await refused(paths, `${one}: expected 16 rows of part 1/3, got 5; ${two}: expected 16 rows of part 2/3, got 15`);
    await writeFile(one, first);
    await writeFile(two, lines(second).toSpliced(3, 1).join(''));
    await refused(paths, `${two}:4: expected row 12, got row 13`);
    await writeFile(two, `${second}${lines(second).at(-1)!.replace('"row":40', '"row":57')}`);
    await refused(paths, `${two}: expected the end of a list of 45 rows, got row 57`);
    await writeFile(two, second.replace('"clip":"1.png"', '"clip":"2.png"'));
    await refused(paths, 'expected the clips and keys of the list, got others');
    await writeFile(two, second);
    await mergeScores(paths, fresh());
  });

  test.each([
    [
      'adapter',
      withModel({ adapterHash: '1'.repeat(64), path: 'runs/b' }),
      /adapterHash c+… \(runs\/first\) -> 1+… \(runs\/b\)/,
    ],
    ['model', withModel({ modelHash: '1'.repeat(64) }), /modelHash a+…/],
    [
      'question',
      withModel({ template: { name: 'other', sha256: '1'.repeat(64) } }),
      /template\.name "four-dimensions" -> "other"/,
    ],
    [
      'frames',
      withModel({ frames: { pick: 'first', count: 1, as: 'video', seed: 0 } }),
      /frames\.pick "middle" -> "first"/,
    ],
    ['precision', withModel({ engine: 'torch 2.13.0 bfloat16' }), /engine none -> "torch 2\.13\.0 bfloat16"/],
    ['provider', { ...meta, runtime: { ...meta.runtime, provider: 'cuda' } }, /runtime\.provider "cpu" -> "cuda"/],
    ['version', { ...meta, writtenBy: '9.9.9' }, /writtenBy "0\.1\.0" -> "9\.9\.9"/],
  ])('refuses a part of another %s', async (_, other, expected) => {
    const [one, two] = (await scoreParts(2)) as [string, string];
    const third = fresh();
    await score(third, { part: { number: 2, of: 2 } }, fakeScorer(other));
    await refused([one, third], expected);
    await refused([one, third], `${third}: expected what made ${one}, got `);
    await mergeScores([one, two], fresh());
  });

  test('notes other machines, threads and limits', async () => {
    const [one] = (await scoreParts(2)) as [string];
    const two = fresh();
    const other = { ...meta, runtime: { ...meta.runtime, threads: 3 }, machine: { cpu: 'that', hash: '1'.repeat(64) } };
    await score(two, { part: { number: 2, of: 2 } }, fakeScorer(other));
    const notes: string[] = [];
    await mergeScores([one, two], fresh(), { onNote: (text) => void notes.push(text) });
    expect(notes).toEqual([
      `${two} was made with other values than ${one} (runtime.threads 0 -> 3): rows may differ in their last digits`,
      'the parts were made on 2 kinds of machines (this, that): rows may differ in their last digits',
    ]);
  });

  test('refuses parts of two lists, until each is scored with the same', async () => {
    const [one, two] = (await scoreParts(2)) as [string, string];
    const longer = listOf(50);
    const notes = await score(two, { part: { number: 2, of: 2 }, resume: true }, fakeScorer(), longer);
    expect(notes).toEqual(['the list has changed since part 2/2 was begun: --resume the other parts with it, too']);
    await refused([one, two], `${two}: expected a part of the list of ${one}, of 45 rows, got one of 50`);
    await score(one, { part: { number: 1, of: 2 }, resume: true }, fakeScorer(), longer);
    const out = fresh();
    expect(await mergeScores([one, two], out)).toMatchObject({ numRows: 50 });
    const other = fresh();
    const renamed = longer.with(20, { id: 'x.png', path: 'x.png', kind: 'image' });
    await score(other, { part: { number: 2, of: 2 } }, fakeScorer(), renamed);
    await refused([one, other], 'got one of other clips or prompts');
    // A row that failed and is mended changes the list for all parts.
    const mended = longer.with(4, { id: 'm.png', path: 'm.png', kind: 'image' });
    await score(one, { part: { number: 1, of: 2 }, retryFailed: true }, fakeScorer(), mended);
    await refused([one, two], 'got one of other clips or prompts');
    await score(two, { part: { number: 2, of: 2 }, resume: true }, fakeScorer(), mended);
    expect(await mergeScores([one, two], fresh())).toMatchObject({ numFailed: 0 });
  });

  test('writes over nothing', async () => {
    const paths = await scoreParts(2);
    const before = await bytes(paths[0]!);
    await expect(mergeScores(paths, paths[0]!)).rejects.toThrow('expected a new file');
    expect(await bytes(paths[0]!)).toBe(before);
  });
});

test('a part is not gone on with as another one, nor as a whole', async () => {
  const path = fresh();
  await score(path, { part: { number: 2, of: 3 } });
  const other = (part: ScoresFileOptions['part']): Promise<unknown> =>
    score(path, { resume: true, ...(part === undefined ? {} : { part }) });
  await expect(other({ number: 2, of: 4 })).rejects.toThrow('expected to go on with part 2/3, got part 2/4');
  await expect(other(undefined)).rejects.toThrow('expected to go on with part 2/3, got the whole list');
  const whole = fresh();
  await score(whole);
  await expect(score(whole, { resume: true, part: { number: 1, of: 2 } })).rejects.toThrow(
    'expected to go on with the whole list, got part 1/2',
  );
  for (const part of [
    { number: 0, of: 2 },
    { number: 3, of: 2 },
    { number: 1.5, of: 2 },
  ])
    await expect(score(fresh(), { part })).rejects.toThrow('1 ≤ number ≤ of');
});

test('a description whose part is none is refused', async () => {
  const path = fresh();
  const part = { number: 3, of: 2, numRows: 45, listHash: 'a'.repeat(64) };
  await writeScoresMeta(path, { ...meta, part });
  await expect(readScoresMeta(path)).rejects.toThrow('part: expected number ≤ of');
});
