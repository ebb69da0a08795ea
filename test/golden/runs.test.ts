// Runs of every loss, method and way of accumulating, and what their models score: as before the redesign, to the bit.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../src/index.ts';
import type { GoldenCase } from './cases.ts';
import { finishedCase, goldenCases, interruptedCase } from './cases.ts';
import { allowedInRun, allowedInScores, differences, readGoldens } from './compare.ts';
import type { CaseGolden } from './make.ts';
import { makeCase, makeEnsemble, makeShipped } from './make.ts';
import type { ScoreGolden } from './measure.ts';
import { furnish } from './measure.ts';

const runs = await readGoldens<CaseGolden>('runs');
const scores = await readGoldens<ScoreGolden[]>('scores');
const cases = [...goldenCases, interruptedCase, finishedCase];

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'iovqa-golden-'));
  await furnish(root);
});

test('random models are the same on every machine', async () => {
  const hashes = await Promise.all(
    ['model', 'model-bf16', 'model-f16'].map(async (name) => (await openCheckpoint(join(root, name))).hash()),
  );
  expect(hashes).toMatchInlineSnapshot(`
    [
      "e70f83a7a7640c3c1a7237240fb0e53f8bf1590e21f291da28364ec27718943a",
      "8957c3c74984b3abddd0068bd716c807d512fb1f1379c26fea9d89e1ee22640b",
      "68c58283eaa1ef9c28ed93d7fbf8a9b97737dfd5a76377c6d3ad49513b1be1c5",
    ]
  `);
});

test('every golden belongs to a case', () => {
  expect(Object.keys(runs.values)).toEqual(cases.map(({ name }) => name));
});

/** Cases that the quick tests compute, too. */
const quick = ['integer-only, lora, 2 at once', 'expected-score, full, 4 at once'];
const isQuick = ({ name }: GoldenCase): boolean => quick.includes(name);

describe(`a run and its scores, ${runs.how}`, () => {
  const compare = async (golden: GoldenCase): Promise<void> => {
    const { scores: got, ...run } = await makeCase(root, golden);
    const { scores: want, ...known } = runs.values[golden.name]!;
    expect(differences(run, known, runs.isExact ? null : allowedInRun)).toEqual([]);
    expect(differences(got ?? [], want ?? [], runs.isExact ? null : allowedInScores(4))).toEqual([]);
  };
  test.each(cases.filter(isQuick))('$name', compare);
  // In order: some start from others' adapters, and the ensemble has five of them.
  test.each(cases.filter((golden) => !isQuick(golden)))('$name', { tags: ['long'] }, compare);

  test('an ensemble of five', { tags: ['long'] }, async () => {
    const got = await makeEnsemble(root);
    expect(differences(got, scores.values['ensemble'], scores.isExact ? null : allowedInScores(4))).toEqual([]);
  });

  test('the adapter that ships, over the pictures that ship', { tags: ['long'] }, async () => {
    const got = await makeShipped();
    expect(differences(got, scores.values['shipped'], scores.isExact ? null : allowedInScores(1))).toEqual([]);
  });
});
