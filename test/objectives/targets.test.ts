// What objectives make of a clip's score: the label and the facts that an engine is fed.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AnswerTarget } from '../../src/inputs/index.ts';
import { answerTrie, loadPromptProcessor, positionsOf, promptAbout, smallestPicture } from '../../src/inputs/index.ts';
import { createRandomCheckpoint, openCheckpoint } from '../../src/model/index.ts';
import type { Loss, ObjectiveContext } from '../../src/objectives/index.ts';
import { formOf, objectives, probabilityBetter } from '../../src/objectives/index.ts';

const folder = join(mkdtempSync(join(tmpdir(), 'iovqa-objectives-')), 'model');
await createRandomCheckpoint(folder, { preset: 'tiny' });
const checkpoint = await openCheckpoint(folder);

/** What a loss trains towards, with answers of a kind. */
async function targetOf(
  loss: Loss,
  clip: { mos5: number; std5?: number },
  answer: { kind: 'integer' | 'level'; sentence?: boolean } = { kind: 'integer' },
): Promise<AnswerTarget & { values: number[] }> {
  const processor = await loadPromptProcessor(checkpoint, {
    prompt: { template: 'four-dimensions', source: null },
    answer: { step: null, ...answer },
  });
  const trie = answerTrie(checkpoint, processor);
  const context: ObjectiveContext = { processor, positions: positionsOf(checkpoint), trie, softLabelStd: 0.3 };
  const prompt = promptAbout(smallestPicture(checkpoint), checkpoint, processor, 'a');
  const { wanted } = objectives[loss].prepare({ prompt, ...clip }, context);
  if (wanted.kind !== 'answers' || wanted.target === null) throw new Error('not a loss over answers');
  return { ...wanted.target, values: wanted.tree.answers.map(({ value }) => value) };
}

test.each([
  [3.4, { kind: 'integer' }, 3.4],
  [3.449, { kind: 'integer' }, 3.4],
  [1, { kind: 'integer' }, 1],
  [5, { kind: 'integer', sentence: true }, 5],
  [3.9, { kind: 'level' }, 4],
] as const)('regression-aware labels %d with the nearest of %o', async (mos5, answer, nearest) => {
  const { label, values, score } = await targetOf('regression-aware', { mos5 }, answer);
  expect(score).toBe(mos5);
  expect([...label!].reduce((a, b) => a + b)).toBe(1);
  expect(values[label!.indexOf(1)]).toBeCloseTo(nearest, 9);
});

test('a soft label is as wide as the votes, or as fixed where the table does not say', async () => {
  const widthOf = async (clip: { mos5: number; std5?: number }): Promise<number> => {
    const { label, values } = await targetOf('soft-label', clip);
    return Math.sqrt([...label!].reduce((sum, p, i) => sum + p * (values[i]! - clip.mos5) ** 2, 0));
  };
  expect(await widthOf({ mos5: 3, std5: 0.5 })).toBeCloseTo(0.5, 3);
  expect(await widthOf({ mos5: 3 })).toBeCloseTo(0.3, 3);
});

test('fidelity is told how far votes deviate, where the table says so', async () => {
  expect(await targetOf('fidelity', { mos5: 2.2, std5: 0.6 })).toMatchObject({ score: 2.2, std: 0.6 });
  expect(await targetOf('fidelity', { mos5: 2.2 })).not.toHaveProperty('std');
});

test.each([
  [3.5, 0.3, 3, 0.4, 0.8413447460685429], // a difference of one deviation
  [3, 0.4, 3.5, 0.3, 1 - 0.8413447460685429],
  [3.5, undefined, 3, undefined, 1],
  [3, undefined, 3.5, 0.4, 0],
  [3, undefined, 3, undefined, 0.5],
  [3.5, 0, 3, 0, 1],
])(
  'raters find %d (±%s) better than %d (±%s) with the probability that Thurstone gives',
  (score, std, than, other, p) => {
    const target = (score: number, std?: number): AnswerTarget => ({
      score,
      label: null,
      ...(std === undefined ? {} : { std }),
    });
    expect(probabilityBetter(target(score, std), target(than, other))).toBeCloseTo(p, 14);
  },
);

test('the weight of the second term is in the form where there is one, and nowhere else', () => {
  expect(formOf(objectives['regression-aware'], 0.5)).toMatchObject({ weights: { 'squared-error': 0.5 } });
  // With a weight of 1 nothing is multiplied: the form is the objective's own.
  expect(formOf(objectives['regression-aware'], 1)).toBe(objectives['regression-aware'].form);
  for (const loss of ['integer-only', 'expected-score', 'soft-label'] as const) {
    expect(formOf(objectives[loss], 0.5)).toBe(objectives[loss].form);
  }
});
