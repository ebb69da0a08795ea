// Files of scores: begun, torn anywhere, gone on with, scored again where rows failed; never mixed.
import { mkdir, mkdtemp, readFile, readdir, readlink, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ListRow, ScoresFileOptions, ScoresMeta } from '../../../src/score/index.ts';
import { openScoresFile, readScoresMeta } from '../../../src/score/index.ts';
import { scoresMetaPath, writeScoresMeta } from '../../../src/score/scores-file/meta.ts';
import type { FakeScorer } from './fixtures.ts';
import { fakeScorer, listOf, meta, withModel } from './fixtures.ts';

let folder: string;
let count = 0;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'iovqa-scores-file-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));
const fresh = (form: string): string => join(folder, `${count++}.${form}`);

interface Outcome {
  kept: [numKept: number, numFailed: number][];
  numWritten: number;
  notes: string[];
}

async function score(
  path: string,
  options: ScoresFileOptions = {},
  scorer: FakeScorer = fakeScorer(),
  rows: readonly ListRow[] = listOf(21),
): Promise<Outcome> {
  const outcome: Outcome = { kept: [], numWritten: 0, notes: [] };
  await using file = await openScoresFile(path, options);
  const list = async function* (): AsyncGenerator<ListRow> {
    yield* rows;
  };
  await file.score(scorer, list, {
    onKept: (...kept) => void outcome.kept.push(kept),
    onRow: () => void outcome.numWritten++,
    onNote: (text) => void outcome.notes.push(text),
  });
  return outcome;
}

const text = (path: string): Promise<string> => readFile(path, 'utf8');

describe.each(['jsonl', 'csv'])('a file of scores in %s', (form) => {
  test(
    'ends with the same bytes wherever it was torn, and is never shorter than its whole rows',
    { tags: ['long'] },
    async () => {
      const whole = fresh(form);
      expect(await score(whole)).toMatchObject({ kept: [[0, 0]], numWritten: 21 });
      const bytes = await readFile(whole);
      expect(await readScoresMeta(whole)).toEqual(meta);
      const torn = fresh(form);
      await writeScoresMeta(torn, meta);
      // At, before and behind each line end (also those between quotes), and elsewhere.
      const ends = [...bytes.keys()].filter((i) => bytes[i] === 0x0a).flatMap((i) => [i, i + 1, i + 2]);
      const some = ends.filter((_, i) => i % 2 === 0 || i < 20);
      for (const length of new Set([0, 1, 400, 777, ...some])) {
        if (length > bytes.length) continue;
        await writeFile(torn, bytes.subarray(0, length));
        const scorer = fakeScorer();
        const { kept } = await score(torn, { resume: true }, scorer);
        expect(await readFile(torn)).toEqual(bytes);
        const numKept = kept[0]![0];
        // The group that was being worked on is read again, and no other.
        expect(scorer.rows).toHaveLength(numKept === 21 ? 0 : 21 - (numKept - (numKept % 8)));
      }
      expect((await readdir(folder)).filter((name) => name.includes('.lock') || name.includes('.tmp'))).toEqual([]);
    },
  );

  test('tells two rows of one clip with different prompts apart', async () => {
    const path = fresh(form);
    const rows: ListRow[] = ['a dog', 'a cat'].map((prompt) => ({ id: 'a.png', path: 'a.png', kind: 'image', prompt }));
    await score(path, {}, fakeScorer(), rows);
    const whole = await text(path);
    expect(whole.match(/a\.png/g)).toHaveLength(2);
    expect(await score(path, { resume: true }, fakeScorer(), rows)).toMatchObject({ kept: [[2, 0]], numWritten: 0 });
    expect(await text(path)).toBe(whole);
  });

  test('keeps rows with an error where they stand; --retry-failed scores them again, and them alone', async () => {
    const path = fresh(form);
    const broken = fakeScorer(meta, ({ path: clip }) => clip === '1.png');
    await score(path, {}, broken);
    const before = await text(path);
    expect(await score(path, { resume: true })).toMatchObject({ kept: [[21, 3]], numWritten: 0 });
    expect(await text(path)).toBe(before);
    // Rows 2 and 16 come out now; row 5 is none that could be scored.
    expect(await score(path, { retryFailed: true })).toMatchObject({ kept: [[18, 0]], numWritten: 3 });
    const after = await text(path);
    const rows = (all: string): string[] => all.split(/\n(?=\d+,|\{)/);
    const changed = rows(before).flatMap((row, i) => (row === rows(after)[i] ? [] : [i + (form === 'csv' ? 0 : 1)]));
    expect(changed).toEqual([2, 16]);
    expect(after.match(/broken/g)).toBeNull();
    expect(await score(path, { retryFailed: true })).toMatchObject({ kept: [[20, 0]], numWritten: 1 });
    expect(await text(path)).toBe(after);
  });

  test('is as it was when scoring failed rows again is stopped, and goes on behind them when it is not', async () => {
    const path = fresh(form);
    await score(
      path,
      {},
      fakeScorer(meta, ({ path: clip }) => clip === '1.png'),
      listOf(11),
    );
    const before = await text(path);
    const dying = fakeScorer(meta, () => {
      throw new Error('killed');
    });
    await expect(score(path, { retryFailed: true }, dying, listOf(21))).rejects.toThrow('killed');
    expect(await text(path)).toBe(before);
    await score(path, { retryFailed: true });
    const retried = await text(path);
    expect(retried.trimEnd().split(/\n(?=\d+,|\{)/)).toHaveLength(form === 'csv' ? 22 : 21);
    await score(path, { resume: true });
    expect(await text(path)).toBe(retried);
  });

  test.each<[string, Partial<ScoresMeta['models'][number]>, Partial<ScoresMeta>, string]>([
    [
      'adapter',
      { adapterHash: '1'.repeat(64), path: 'b' },
      {},
      'adapterHash cccccccccccc… (runs/first) -> 111111111111… (b)',
    ],
    ['base model', { modelHash: '1'.repeat(64) }, {}, 'modelHash aaaaaaaaaaaa… (runs/first) -> 111111111111…'],
    [
      'template',
      { template: { name: 'mine.txt', sha256: 'e'.repeat(64) } },
      {},
      'template.name "four-dimensions" -> "mine.txt"',
    ],
    ['frames', { frames: { ...meta.models[0]!.frames, toneMap: true } }, {}, 'frames.toneMap none -> true'],
    [
      'answer',
      { answer: { kind: 'decimal', step: 0.5 } },
      {},
      'answer.kind "integer" -> "decimal"; answer.step null -> 0.5',
    ],
    ['scale', {}, { scale: { min: 0, max: 100, higherIsBetter: true } }, 'scale.max 5 -> 100; scale.min 1 -> 0'],
    ['basis', {}, { basis: 'photographs' }, 'basis null -> "photographs"'],
    ['version', {}, { writtenBy: '9.0.0' }, 'writtenBy "0.1.0" -> "9.0.0"'],
    ['batch', {}, { runtime: { ...meta.runtime, batchSize: 7 } }, `runtime.batchSize ${meta.runtime.batchSize} -> 7`],
  ])('is not gone on with by another %s', async (_, changes, rest, message) => {
    const path = fresh(form);
    await score(path, {}, fakeScorer(), listOf(3));
    const before = await text(path);
    for (const options of [{ resume: true }, { retryFailed: true }]) {
      await expect(score(path, options, fakeScorer(withModel(changes, rest)))).rejects.toThrow(
        `${path}: expected to go on with what made its rows, got ${message}`,
      );
    }
    expect([await text(path), await readScoresMeta(path)]).toEqual([before, meta]);
  });

  test('is gone on with, and failed rows are scored again, with higher limits, and other threads', async () => {
    const path = fresh(form);
    await score(path, {}, fakeScorer(), listOf(3));
    const more = withModel({ maxTextTokens: 9000 }, { runtime: { ...meta.runtime, threads: 2, maxMemory: 1e9 } });
    for (const options of [{ resume: true }, { retryFailed: true }]) {
      const { notes } = await score(path, options, fakeScorer(more));
      expect(notes).toEqual([
        `${path} was begun with other values (maxTextTokens 4096 -> 9000): other clips are too large`,
        `${path} was begun with other values (runtime.maxMemory null -> 1000000000): other clips are too large`,
        `${path} was begun with other values (runtime.threads 0 -> 2): rows may differ in their last digits`,
      ]);
    }
  });

  test('is gone on with from another place and on another machine, which it says', async () => {
    const path = fresh(form);
    await score(path, {}, fakeScorer(), listOf(3));
    const moved = withModel({ path: '/elsewhere' }, { machine: { cpu: 'that', hash: '0'.repeat(64) } });
    const { notes } = await score(path, { resume: true }, fakeScorer(moved));
    expect(notes).toEqual([expect.stringContaining('was begun on another machine (this -> that)')]);
  });

  test.each<[string, (rows: ListRow[]) => ListRow[], string]>([
    [
      'has another clip',
      (rows) => rows.with(1, { id: 'new.png', path: 'new.png', kind: 'image' }),
      ':LINE: expected row 2 to be of one clip, got "1.png" in the file and "new.png" in the list',
    ],
    [
      'has another prompt',
      (rows) => rows.with(1, { ...rows[1]!, prompt: 'a cow' }),
      ':LINE: expected row 2 ("1.png") to have one key',
    ],
    [
      'lost a row',
      (rows) => rows.toSpliced(1, 1),
      ':LINE: expected row 2 to be of one clip, got "1.png" in the file and "2.png" in the list',
    ],
    ['is shorter', (rows) => rows.slice(0, 1), ':LINE: expected a list of at least 2 rows, got one of 1'],
  ])('is not gone on with when the list %s', async (_, change, message) => {
    const path = fresh(form);
    await score(path, {}, fakeScorer(), listOf(3));
    const where = message.replace('LINE', form === 'csv' ? '3' : '2');
    await expect(score(path, { resume: true }, fakeScorer(), change(listOf(21)))).rejects.toThrow(`${path}${where}`);
  });

  test('needs its description, and a new one must be empty', async () => {
    const path = fresh(form);
    await score(path, {}, fakeScorer(), listOf(3));
    await expect(score(path)).rejects.toMatchObject({
      message: `${path}: expected a new file, got one that holds something`,
      hint: 'Add --resume to go on with it.',
    });
    await rm(scoresMetaPath(path));
    await expect(score(path, { resume: true })).rejects.toThrow(
      `${path}: expected ${scoresMetaPath(path)} beside it, got none`,
    );
    await truncate(path, 0);
    await score(path, {}, fakeScorer(withModel({ positions: 'transformers-5.17' })), listOf(3)); // nothing in it: it is begun anew
    expect((await readScoresMeta(path))!.models[0]!.positions).toBe('transformers-5.17');
  });

  test('is refused where rows were taken out, or a whole line is none', async () => {
    const path = fresh(form);
    await score(path, {}, fakeScorer(), listOf(3));
    const lines = (await text(path)).split('\n');
    const first = form === 'csv' ? 1 : 0;
    await writeFile(path, lines.toSpliced(first, 1).join('\n'));
    await expect(score(path, { resume: true })).rejects.toThrow(`${path}:${first + 1}: expected row 1, got row 2`);
    await writeFile(path, lines.toSpliced(first, 1, 'nonsense').join('\n'));
    await expect(score(path, { resume: true })).rejects.toThrow(
      `${path}:${first + 1}: expected a row of scores, got "nonsense"`,
    );
  });

  test('may be a link: what it leads to is written, replaced and locked', async () => {
    const [link, other] = [fresh(form), fresh(form)];
    const target = join(folder, `linked-${form}`, 'scores-1');
    await mkdir(dirname(target));
    await symlink(target, link);
    await symlink(link, other);
    // The target is not there yet.
    const opened = await openScoresFile(link);
    await expect(openScoresFile(other)).rejects.toThrow('expected no other process to write there');
    await expect(openScoresFile(link)).rejects.toThrow('expected no other process to write there');
    await opened[Symbol.asyncDispose]();
    const broken = fakeScorer(meta, ({ path: clip }) => clip === '1.png');
    await score(link, {}, broken);
    expect(await score(link, { retryFailed: true })).toMatchObject({ numWritten: 3 });
    expect(await readlink(link)).toBe(target);
    expect(await text(target)).toBe(await text(link));
    expect(await text(target)).not.toContain('broken');
    expect(await readdir(dirname(target))).toEqual(['scores-1']);
  });

  test('has one writer', async () => {
    const path = fresh(form);
    await using held = await openScoresFile(path);
    expect(held).toBeDefined();
    await expect(score(path)).rejects.toThrow(`${path}: expected no other process to write there`);
    await held[Symbol.asyncDispose]();
    await score(path);
  });

  test('that is moved or deleted while it is written ends with an error', async () => {
    const path = fresh(form);
    const removing = fakeScorer(meta, ({ row }) => {
      if (row === 20) void rm(path);
      return false;
    });
    await expect(score(path, {}, removing, listOf(200))).rejects.toThrow(
      `${path}: expected the file that is being written`,
    );
  });
});

test('other endings than .jsonl and .csv are refused', async () => {
  await expect(score(join(folder, 'scores.txt'))).rejects.toThrow('--out: expected a name that ends in .jsonl or .csv');
});
