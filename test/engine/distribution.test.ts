import { describe, expect, test } from 'vitest';
import { answerDistribution } from '../../src/engine/distribution.ts';
import type { TrieAnswer } from '../../src/prompt/index.ts';

/** Answers over columns 0…9 (digits): the root is node 0, first digit d is node d. */
const answers: TrieAnswer[] = ['10', '12', '20', '25', '29'].map((text) => {
  const [a, b] = [Number(text[0]), Number(text[1])];
  return {
    text,
    value: Number(text) / 10,
    path: [
      { node: 0, token: a, column: a },
      { node: a, token: b, column: b },
    ],
  };
});

/** Edges from probabilities, [node][column]. */
function edges(p: Record<number, Record<number, number>>): Float32Array {
  const data = new Float32Array(3 * 10).fill(-50);
  for (const [node, columns] of Object.entries(p)) {
    for (const [column, value] of Object.entries(columns)) data[Number(node) * 10 + Number(column)] = Math.log(value);
  }
  return data;
}

describe('answerDistribution', () => {
  const p = { 0: { 1: 0.5, 2: 0.4 }, 1: { 0: 0.3, 2: 0.3 }, 2: { 0: 0.2, 5: 0.7, 9: 0.1 } };
  const read = answerDistribution(edges(p), 10, answers);

  test('multiplies along paths and normalises once', () => {
    const joint = [0.15, 0.15, 0.08, 0.28, 0.04];
    const mass = 0.7;
    expect(read.legalMass).toBeCloseTo(mass, 6);
    joint.forEach((q, i) => expect(read.probabilities[i]).toBeCloseTo(q / mass, 6));
    const mean = (0.15 * 1 + 0.15 * 1.2 + 0.08 * 2 + 0.28 * 2.5 + 0.04 * 2.9) / mass;
    expect(read.mean).toBeCloseTo(mean, 6);
    const square = (0.15 * 1 + 0.15 * 1.44 + 0.08 * 4 + 0.28 * 6.25 + 0.04 * 8.41) / mass;
    expect(read.std).toBeCloseTo(Math.sqrt(square - mean ** 2), 6);
  });

  test('reads the greedy answer token by token: the likelier first digit wins although 25 is the likeliest answer', () => {
    // 1 before 2; behind 1, 0 and 2 are equally likely: the lower token, as argmax takes it.
    expect(answers[read.greedy]!.text).toBe('10');
    const turned = answerDistribution(edges({ ...p, 0: { 1: 0.4, 2: 0.5 } }), 10, answers);
    expect(answers[turned.greedy]!.text).toBe('25');
  });

  test('stays finite where all answers are next to impossible', () => {
    const read = answerDistribution(new Float32Array(30).fill(-400), 10, answers);
    expect(read.legalMass).toBe(0);
    expect(read.mean).toBeCloseTo((1 + 1.2 + 2 + 2.5 + 2.9) / 5, 6);
  });
});
