// `iovqa evaluate` of files with distributions: they come with the scores, on the scale of the opinions, and calibration is shown.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { calibrationLines, calibrationOf } from '../../src/cli/calibration-output.ts';
import type { ScoreTable, ScoreTableFlags } from '../../src/cli/score-table.ts';
import { readScoreTable } from '../../src/cli/score-table.ts';
import type { Calibration } from '../../src/metrics/index.ts';
import { calibrate } from '../../src/metrics/index.ts';
import { meta } from '../score/scores-file/fixtures.ts';
import { runCli } from './run-cli.ts';

let folder = '';
const at = (name: string): string => join(folder, name);
const N = 60;
const values = [1, 2, 3, 4, 5];
/** Not all four-decimal numbers add up to 1. */
const probabilitiesOf = (i: number): number[] => [0.1, 0.2, 0.3333, 0.2, 0.1 + (i % 6) / 100];
const mosOf = (i: number): number => 1 + ((i * 7) % 41) / 10;
/** As a file's are read: divided by their sum. */
const wholeOf = (i: number): number[] => {
  const sum = probabilitiesOf(i).reduce((a, b) => a + b, 0);
  return probabilitiesOf(i).map((p) => p / sum);
};
const distributions = Array.from({ length: N }, (_, i) => ({ values, probabilities: wholeOf(i) }));

type Row = Record<string, unknown>;
const rows = Array.from({ length: N }, (_, i): Row => {
  const probabilities = probabilitiesOf(i);
  return { row: i + 1, clip: `${i}.mp4`, score: 2 + i / 50, std: 1, key: 'k', probabilities };
});

/** A file of scores with its description. */
function write(name: string, lines: readonly Row[], changes: Partial<typeof meta> = {}): string {
  const models = meta.models.map((model) => ({ ...model, answer: { ...model.answer, values } }));
  writeFileSync(at(name), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  writeFileSync(at(`${name}.meta.json`), JSON.stringify({ ...meta, models, ...changes }));
  return at(name);
}
const read = (path: string, flags: ScoreTableFlags = {}): Promise<ScoreTable> =>
  readScoreTable(path, { manifest: at('clips.csv'), ...flags });

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'iovqa-calibration-'));
  const lines = distributions.map((_, i) => `${i}.mp4,${mosOf(i)},${i >> 1}\n`);
  writeFileSync(at('clips.csv'), `video,mos,group\n${lines.join('')}`);
});
afterAll(() => rmSync(folder, { recursive: true }));

test('evaluate shows what the distributions of the file give', async () => {
  const path = write('scores.jsonl', rows);
  const mos = distributions.map((_, i) => mosOf(i));
  const want = calibrate({ distributions, mos, groups: distributions.map((_, i) => `${i >> 1}`) });
  const args = ['evaluate', path, '--manifest', at('clips.csv')];
  const json = JSON.parse((await runCli([...args, '--json'])).stdout) as { calibration: Calibration };
  expect(json.calibration).toEqual(JSON.parse(JSON.stringify(want)));
  const { stdout } = await runCli(args);
  expect(stdout.endsWith(`n = 60 in 30 groups\n\n${calibrationLines(want).join('\n')}\n`)).toBe(true);
  const [all, coverage] = calibrationLines(want).join('\n').split('\n\n');
  expect(all!.split('\n')).toHaveLength(12);
  expect(all).toMatch(/^part 10 of 10 +6 +1\.\d{4} +\d\.\d{4} +\d\.\d{4} … \d\.\d{4}$/m);
  expect(coverage!.split('\n').map((line) => line.slice(0, 4))).toEqual(['cent', '50 %', '80 %', '95 %']);
});

test('distributions go to the scale of the opinions with the scores, upside down where that is', async () => {
  const path = write('reversed.jsonl', rows, { scale: { min: 1, max: 5, higherIsBetter: false } });
  const { rows: found } = await read(path);
  expect(found[0]!.prediction).toBe(4); // 2 of a scale on which up is worse
  expect(found[0]!.distribution!.values).toEqual([5, 4, 3, 2, 1]);
  const { rows: wide } = await read(write('plain.jsonl', rows), { scale: '0-100' });
  expect(wide[0]!.distribution!.values).toEqual([0, 25, 50, 75, 100]);
});

test('a part of a file’s rows has theirs; a row that was left without one is counted out', async () => {
  const path = write('part.jsonl', rows.slice(10, 20).toReversed());
  const { rows: found } = await read(path);
  expect(found).toHaveLength(10);
  for (const { id, distribution } of found) {
    expect(distribution).toEqual({ values, probabilities: wholeOf(Number.parseInt(id, 10)) });
  }
  const some = write('some.jsonl', [...rows.slice(0, 8), { ...rows[8]!, probabilities: null }, rows[9]!]);
  const { stdout, stderr } = await runCli(['evaluate', some, '--manifest', at('clips.csv'), '--json']);
  expect((JSON.parse(stdout) as { calibration: Calibration }).calibration.overall.n).toBe(9);
  expect(stderr).toContain('1 clips have no distribution: calibration is without them');
});

test('without distributions there is no calibration', async () => {
  const { probabilities: _, ...bare } = rows[0]!;
  for (const [name, line, flags] of [
    ['bare.jsonl', bare, {}],
    ['other.jsonl', { ...rows[0]!, other: 3 }, { prediction: 'other' }],
  ] as const) {
    expect(calibrationOf((await read(write(name, [line]), flags)).rows)).toBeNull();
  }
});

test.each([
  ['of another length', [0.5, 0.5]],
  ['that are texts', ['a', 'b', 'c', 'd', 'e']],
  ['below zero', [-1, 1, 1, 0, 0]],
])('probabilities %s are an error', async (name, probabilities) => {
  const path = write(`${name}.jsonl`, [{ ...rows[0]!, probabilities }]);
  await expect(read(path)).rejects.toThrow(`${path}:1: probabilities: expected as many numbers from 0 to 1`);
});
