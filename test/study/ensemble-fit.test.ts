// Weights that are fitted, and ranks among fixed scores: what is known of them by arithmetic.
import { describe, expect, test } from 'vitest';
import type { RandomStream } from '../../src/core/index.ts';
import { randomStream } from '../../src/core/index.ts';
import { fitWeights } from '../../src/study/ensemble-fit.ts';
import { rankAmong } from '../../src/study/ensemble-ranks.ts';

const n = 400;
const numbers = (stream: RandomStream, count = n): number[] => Array.from({ length: count }, () => stream.normal());
const plus = (x: readonly number[], y: readonly number[], factor = 1): number[] =>
  x.map((value, i) => value + factor * y[i]!);
const sumOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** Mean squared error of a weighted mean. */
const errorOf = (scores: readonly (readonly number[])[], mos: readonly number[], weights: readonly number[]): number =>
  sumOf(mos.map((label, i) => (sumOf(scores.map((own, m) => weights[m]! * own[i]!)) - label) ** 2)) / mos.length;

describe('fitted weights', () => {
  test('of two members with errors that have nothing in common are in the ratio of their precisions', () => {
    const mos = [-3, -1, 1, 3];
    // Orthogonal errors with mean squares 1 and 4: weights 4/5 and 1/5.
    const scores = [plus(mos, [1, -1, 1, -1]), plus(mos, [2, 2, -2, -2])];
    const weights = fitWeights(scores, mos);
    expect(weights[0]).toBeCloseTo(0.8, 12);
    expect(weights[1]).toBeCloseTo(0.2, 12);
  });

  test('of errors that cancel each other are what cancels them', () => {
    const mos = [1, 2, 3, 4, 5];
    const error = [0.3, -0.1, 0.2, 0, -0.4];
    const weights = fitWeights([plus(mos, error, 3), plus(mos, error, -1)], mos);
    expect(weights[0]).toBeCloseTo(0.25, 10);
    expect(weights[1]).toBeCloseTo(0.75, 10);
  });

  test('are 0 for members that say nothing, and are worse than 0', () => {
    const stream = randomStream(1);
    const mos = numbers(stream);
    const good = [1, 2].map(() => plus(mos, numbers(stream), 0.5));
    const useless = [1, 2, 3].map(() => numbers(stream).map((x) => 20 + 5 * x));
    const weights = fitWeights([useless[0]!, good[0]!, useless[1]!, good[1]!, useless[2]!], mos);
    expect([weights[0], weights[2], weights[4]]).toEqual([0, 0, 0]);
    expect(weights[1]! + weights[3]!).toBeCloseTo(1, 12);
    expect(Math.min(weights[1]!, weights[3]!)).toBeGreaterThan(0.3);
  });

  test('of members that are all the same are one member’s, and of a member without a fault all of it', () => {
    const stream = randomStream(2);
    const mos = numbers(stream);
    const one = plus(mos, numbers(stream));
    expect(fitWeights([one, one, one], mos)).toEqual([1, 0, 0]);
    expect(fitWeights([one, mos], mos)).toEqual([0, 1]);
    expect(fitWeights([one], mos)).toEqual([1]);
  });

  test.each(Array.from({ length: 40 }, (_, seed) => seed))('have the least error that there is (seed %i)', (seed) => {
    const stream = randomStream(100 + seed);
    const K = 2 + (seed % 7);
    const mos = numbers(stream, 30);
    const common = [1, 2, 3, 4].map(() => numbers(stream, 30));
    const scores = Array.from({ length: K }, () => {
      // A few errors in several sizes: members that were taken in drop out again.
      const own = common.reduce((sum, error) => plus(sum, error, stream.normal()), mos);
      return plus(own, numbers(stream, 30), 0.1);
    });
    if (seed % 3 === 0) scores.push(plus(scores[0]!, scores[1]!).map((x) => x / 2)); // a mix of two others
    const weights = fitWeights(scores, mos);
    expect(sumOf(weights)).toBeCloseTo(1, 12);
    expect(Math.min(...weights)).toBeGreaterThanOrEqual(0);
    const least = errorOf(scores, mos, weights);
    // No step towards any member lowers the error: the problem is convex, so this is the minimum.
    for (let m = 0; m < scores.length; m++) {
      const step = weights.map((weight, i) => 0.999 * weight + (i === m ? 0.001 : 0));
      expect(errorOf(scores, mos, step)).toBeGreaterThanOrEqual(least - 1e-12);
    }
  });

  test('need two clips, and numbers', () => {
    expect(() => fitWeights([[1], [2]], [1])).toThrow('expected at least two clips to fit to, got 1');
    expect(() => fitWeights([[1, NaN]], [1, 2])).toThrow('expected finite scores');
  });
});

describe('ranks', () => {
  test('are shares of the reference, those equal by half', () => {
    const rank = rankAmong([30, 10, 20, 20]);
    expect([5, 10, 15, 20, 25, 30, 35].map(rank)).toEqual([0, 0.125, 0.25, 0.5, 0.75, 0.875, 1]);
  });

  test('rise with the score, whatever its units', () => {
    const stream = randomStream(3);
    const [reference, scores] = [numbers(stream, 50), numbers(stream, 50)];
    const [rank, stretched] = [rankAmong(reference), rankAmong(reference.map((x) => Math.exp(x)))];
    for (const score of scores) expect(stretched(Math.exp(score))).toBe(rank(score));
    const sorted = scores.toSorted((a, b) => a - b).map(rank);
    expect(sorted).toEqual(sorted.toSorted((a, b) => a - b));
  });

  test('need a reference', () => {
    expect(() => rankAmong([1])).toThrow('expected at least two reference scores, all finite, got 1');
    expect(() => rankAmong([1, NaN])).toThrow('got some that are not finite');
  });
});
