// What rows keep of each clip besides its numbers: pixels, frame times and distributions; written, gone on with, and read back.
import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ListRow, ScoredClip, ScoresFileOptions, StoredScore } from '../../../src/score/index.ts';
import { openScoresFile, readScores, readScoresMeta } from '../../../src/score/index.ts';
import { mixtureOf } from '../../../src/score/scores-file/distribution.ts';
import { writeScoresMeta } from '../../../src/score/scores-file/meta.ts';
import { seenFields } from '../../../src/score/scores-file/seen.ts';
import type { FakeScorer } from './fixtures.ts';
import { answers, fakeScorer, listOf, meta, withModel } from './fixtures.ts';

let folder: string;
let count = 0;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'iovqa-distributions-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));
const fresh = (form = 'jsonl'): string => join(folder, `${count++}.${form}`);

/** Scores a list to a file; what it said. */
async function score(
  path: string,
  scorer: FakeScorer,
  rows: number,
  options: ScoresFileOptions = {},
): Promise<string[]> {
  const notes: string[] = [];
  await using file = await openScoresFile(path, options);
  const list = async function* (): AsyncGenerator<ListRow> {
    yield* listOf(rows);
  };
  await file.score(scorer, list, { onNote: (text) => void notes.push(text) });
  return notes;
}

type Line = Record<'pixels' | 'seconds' | 'probabilities' | 'error' | 'score', unknown>;
const linesOf = async (path: string): Promise<Line[]> =>
  (await readFile(path, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
async function collect(path: string): Promise<StoredScore[]> {
  const rows: StoredScore[] = [];
  for await (const row of readScores(path)) rows.push(row);
  return rows;
}

const weights = [0.25, 0.75];
const ensemble = {
  ...meta,
  isEnsemble: true,
  models: weights.map((weight, i) => ({ ...meta.models[0]!, path: `runs/${i}`, weight })),
};
const failing = ({ path }: { path: string }): boolean => path === '1.png';
const pixels = expect.stringMatching(/^[0-9a-f]{16}$/) as string;

describe('a row', () => {
  test('ends with pixels, frame times and a probability for each answer, to four decimals', async () => {
    const path = fresh();
    await score(path, fakeScorer(meta, failing), 8);
    const lines = await linesOf(path);
    expect(Object.keys(lines[0]!).slice(-4)).toEqual(['key', 'pixels', 'seconds', 'probabilities']);
    const scored = lines.filter(({ error }) => error === undefined);
    for (const { pixels: seen, probabilities } of scored) {
      expect(seen).toEqual(pixels);
      expect(probabilities).toHaveLength(answers.length);
      for (const p of probabilities as number[]) expect(p).toBe(Number(p.toFixed(4)));
    }
    const times = scored.map(({ seconds }) => seconds);
    expect(times).toContain(null);
    expect(times).toContainEqual([0, 0.3333, 12.3457]);
    const failed = lines.filter(({ error }) => error !== undefined);
    expect(failed.length).toBeGreaterThan(1);
    for (const line of failed) expect(Object.keys(line)).not.toContain('pixels');
    expect((await readScoresMeta(path))!.models[0]!.answer.values).toEqual(answers);
  });

  test('of an ensemble has them of each member, and ends with the same bytes wherever it was torn', async () => {
    const [whole, torn] = [fresh(), fresh()];
    await score(whole, fakeScorer(ensemble, failing), 11);
    const bytes = await readFile(whole);
    const [first] = await linesOf(whole);
    expect(first!.pixels).toEqual([pixels, pixels]);
    expect(first!.probabilities).toEqual([expect.any(Array), expect.any(Array)]);
    await writeScoresMeta(torn, ensemble);
    for (let length = 0; length < bytes.length; length += 911) {
      await writeFile(torn, bytes.subarray(0, length));
      await score(torn, fakeScorer(ensemble, failing), 11, { resume: true });
      expect(await readFile(torn)).toEqual(bytes);
    }
  });

  test('of CSV has none of them', async () => {
    const path = fresh('csv');
    await score(path, fakeScorer(), 3);
    expect((await readFile(path, 'utf8')).split('\n')[0]).toBe('row,clip,score,integer,std,legalMass,notes,error,key');
    const [row] = await collect(path);
    expect(row).toMatchObject({ row: 1, clip: '0.png', std: 0.5, distribution: null, error: null, notes: [] });
    expect(row!.models).toEqual([{ score: row!.score, distribution: null, pixels: null, seconds: null }]);
  });

  test('has null where answers are generated, or a scorer does not say what it saw', () => {
    const plan = { sha256: 'ab'.repeat(32), frames: [{ index: 3, seconds: 1.5 }] };
    expect(seenFields({ plan, probabilities: null })).toEqual({
      pixels: 'ab'.repeat(8),
      seconds: [1.5],
      probabilities: null,
    });
    expect(seenFields({})).toEqual({ pixels: null, seconds: null, probabilities: null });
  });
});

describe('a file of format 1', () => {
  const old = (name: string): string => fileURLToPath(new URL(`format-1/${name}`, import.meta.url));
  /** A copy with its first bytes. */
  async function beginning(name: string, length?: number): Promise<string> {
    const path = fresh(name.endsWith('csv') ? 'csv' : 'jsonl');
    await cp(old(name), path);
    await cp(`${old(name)}.meta.json`, `${path}.meta.json`);
    if (length !== undefined) await truncate(path, length);
    return path;
  }

  test.each(['scores.jsonl', 'scores.csv'])('is gone on with in its format: %s', async (name) => {
    const whole = await readFile(old(name));
    for (const length of [1, 100, 500, whole.length]) {
      const path = await beginning(name, length);
      const notes = await score(path, fakeScorer(meta, failing), 11, { resume: true });
      expect(await readFile(path)).toEqual(whole);
      const told = `${path} was begun by a version that kept no distributions: its rows go on without; another file would have them`;
      expect(notes).toEqual(name.endsWith('csv') ? [] : [told]);
      expect((await readScoresMeta(path))!.format).toBe(1);
    }
  });

  test('has its failed rows scored again in its format', async () => {
    const path = await beginning('scores.jsonl');
    await score(path, fakeScorer(), 11, { retryFailed: true });
    const lines = await linesOf(path);
    expect(lines.filter(({ error }) => error !== undefined)).toHaveLength(1); // the row that is none
    expect(new Set(lines.flatMap((line) => Object.keys(line)))).not.toContain('probabilities');
  });

  test('by an ensemble is gone on with, and read', async () => {
    const path = await beginning('ensemble.jsonl');
    await score(path, fakeScorer(ensemble), 5, { resume: true });
    expect((await readFile(path, 'utf8')).startsWith(await readFile(old('ensemble.jsonl'), 'utf8'))).toBe(true);
    const rows = await collect(path);
    expect(rows.map(({ models }) => models.length)).toEqual([2, 2, 2, 2, 0]);
    expect(rows[0]).toMatchObject({ score: 1.1733303116634488, distribution: null, error: null });
    expect(rows[0]!.models[1]).toEqual({ score: 1.1733303116634488, distribution: null, pixels: null, seconds: null });
  });
});

const meanOf = ({ values, probabilities }: NonNullable<StoredScore['distribution']>): number =>
  values.reduce((sum, value, i) => sum + value * probabilities[i]!, 0);
const sumOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

describe('reading', () => {
  test('gives each row as numbers, with a distribution that adds up to 1 and has the mean of the exact one', async () => {
    const path = fresh();
    const exact = new Map<number, ScoredClip>();
    const scorer = fakeScorer(meta, failing);
    const noting: FakeScorer = {
      ...scorer,
      score: async function* (...given) {
        for await (const result of scorer.score(...given)) {
          if (!('error' in result)) exact.set(result.row, result);
          yield result;
        }
      },
    };
    await score(path, noting, 40);
    const rows = await collect(path);
    expect(rows.map(({ row }) => row)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    const [failed, scored] = [rows.filter(({ error }) => error !== null), rows.filter(({ error }) => error === null)];
    expect(failed.length).toBeGreaterThan(1);
    for (const row of failed) expect(row).toMatchObject({ score: null, std: null, distribution: null, models: [] });
    expect(scored.map(({ row }) => row)).toEqual([...exact.keys()]);
    for (const { row, score: mark, distribution, models } of scored) {
      const { score: before, probabilities } = exact.get(row)!;
      expect(mark).toBe(before);
      expect(distribution!.values).toEqual(answers);
      expect(sumOf(distribution!.probabilities)).toBeCloseTo(1, 12);
      const mean = meanOf({ values: answers, probabilities: probabilities! });
      expect(Math.abs(meanOf(distribution!) - mean)).toBeLessThan(2e-3);
      expect(models).toEqual([{ score: mark, distribution, pixels, seconds: models[0]!.seconds }]);
    }
  });

  test('mixes the distributions of members by their weights', async () => {
    const path = fresh();
    await score(path, fakeScorer(ensemble), 3);
    for (const { distribution, models } of await collect(path)) {
      const [one, two] = models.map((model) => model.distribution!.probabilities);
      const mixed = answers.map((_, i) => 0.25 * one![i]! + 0.75 * two![i]!);
      distribution!.probabilities.forEach((p, i) => expect(p).toBeCloseTo(mixed[i]!, 12));
      expect(one).not.toEqual(two);
    }
  });

  test('leaves out a last row that is not whole', async () => {
    const path = fresh();
    await score(path, fakeScorer(), 3);
    await truncate(path, (await readFile(path)).length - 3);
    expect(await collect(path)).toHaveLength(2);
  });

  test.each<[string, (line: Line) => Line, string]>([
    [
      'as many probabilities as answers',
      (line) => ({ ...line, probabilities: [0.5, 0.5] }),
      'probabilities: expected as many',
    ],
    ['probabilities', (line) => ({ ...line, probabilities: answers.map(() => -1) }), 'probabilities: expected as many'],
    [
      'any probability',
      (line) => ({ ...line, probabilities: answers.map(() => 0) }),
      'probabilities: expected as many',
    ],
    ['a score', (line) => ({ ...line, score: 'good' }), 'score: expected a number, got "good"'],
    ['a score or an error', (line) => ({ ...line, score: null }), 'score: expected a number, got null'],
    ['times', (line) => ({ ...line, seconds: ['0:01'] }), 'seconds: expected numbers'],
  ])('refuses a row without %s', async (_, change, message) => {
    const path = fresh();
    await score(path, fakeScorer(), 1);
    const [line] = await linesOf(path);
    await writeFile(path, `${JSON.stringify(change(line!))}\n`);
    await expect(collect(path)).rejects.toThrow(`${path}:1: ${message}`);
  });

  test('refuses an ensemble’s row without a value for each member, and files that nothing describes', async () => {
    const path = fresh();
    await score(path, fakeScorer(ensemble), 1);
    const [line] = await linesOf(path);
    await writeFile(path, `${JSON.stringify({ ...line!, pixels: ['ab'] })}\n`);
    await expect(collect(path)).rejects.toThrow('pixels: expected a text, for each of 2 members, got');
    await rm(`${path}.meta.json`);
    await expect(collect(path)).rejects.toThrow(`${path}: expected ${path}.meta.json beside it, got none`);
  });

  test('refuses a description of a later format', async () => {
    const path = fresh();
    await score(path, fakeScorer(), 1);
    await writeFile(`${path}.meta.json`, JSON.stringify({ ...meta, format: 3 }));
    await expect(collect(path)).rejects.toThrow('expected format 1 or 2, got 3');
  });
});

test('a row has one key in all formats', async () => {
  const [now, before] = [fresh(), fresh()];
  await score(now, fakeScorer(), 3);
  const { answer } = meta.models[0]!;
  await score(before, fakeScorer(withModel({ answer: { kind: answer.kind, step: answer.step } }, { format: 1 })), 3);
  const keysOf = async (path: string): Promise<string[]> => (await collect(path)).map(({ key }) => key);
  expect(await keysOf(now)).toEqual(await keysOf(before));
});

test('a mixture has the answers of all models, rising', () => {
  const mix = mixtureOf(
    [
      [5, 3, 1],
      [1, 2],
    ],
    [0.25, 0.75],
  );
  const probabilities = [0.0625 + 0.1875, 0.5625, 0.0625, 0.125];
  expect(
    mix([
      [2, 1, 1],
      [0.5, 1.5],
    ]),
  ).toEqual({ values: [1, 2, 3, 5], probabilities });
  expect(mix([[1, 1, 1], null])).toBeNull();
  expect(mixtureOf([[1, 2], null], weights)([[1, 1], null])).toBeNull();
});
