// Costs of a graph against numbers counted by hand.
import { expect, test } from 'vitest';
import * as g from './all.ts';

const sizes = new Map([
  ['N', 10],
  ['K', 6],
]);

test('counts products, bytes that are written, and what is held at a time', () => {
  const x = g.input('x', 'float32', ['N', 6]); // inputs cost nothing
  const a = g.mul(x, x); // 240 bytes
  const b = g.reshape(g.add(a, a), ['N', 2, 3]); // 240 more; then a is done with
  const c = g.sum(b, [1, 2], false); // 40 more; then b is done with
  expect(g.graphCost([c], sizes)).toEqual({ flops: 0, writtenBytes: 520, peakBytes: 480 });
  // a is held to the end when it is an output.
  expect(g.graphCost([c, a], sizes).peakBytes).toBe(520);
});

test.each([
  [{ transB: true }, ['N', 'K'], [4, 'K']],
  [{}, ['N', 'K'], ['K', 4]],
  [{ transA: true }, ['K', 'N'], ['K', 4]],
] as const)('a product with %j takes 2 · M · N · K', (options, left, right) => {
  const product = g.matmul(g.input('x', 'float32', [...left]), g.input('y', 'float32', [...right]), options);
  expect(g.graphCost([product], sizes)).toEqual({ flops: 2 * 10 * 6 * 4, writtenBytes: 0, peakBytes: 160 });
});

test('casts of 16-bit weights count, weights do not', () => {
  const weight = g.external({ file: '/weights', offset: 0, length: 48 }, 'bfloat16', [4, 6]);
  const product = g.matmul(g.input('x', 'float32', ['N', 6]), g.cast(weight, 'float32'), { transB: true });
  expect(g.graphCost([product], sizes)).toEqual({ flops: 480, writtenBytes: 96, peakBytes: 256 });
});
