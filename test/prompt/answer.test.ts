import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createAnswerCodec, type AnswerStep } from '../../src/prompt/index.ts';

describe('integer answers', () => {
  test('are 10 … 50 by default', () => {
    const texts = createAnswerCodec()
      .legalAnswers()!
      .map((answer) => answer.text);
    expect(texts).toEqual(Array.from({ length: 41 }, (_, i) => String(10 + i)));
  });

  test.each([
    [3.4, 0.1, '34'],
    [3.45, 0.1, '35'],
    [2.25, 0.1, '23'], // half away from zero, not to even
    [1.15, 0.1, '12'], // the double lies below 1.15
    [4.35, 0.1, '44'], // 4.35 * 10 is 43.5 exactly, 4.35 itself lies below
    [11 / 3, 0.1, '37'],
    [1, 0.1, '10'],
    [5, 0.1, '50'],
    [5.000000000000001, 0.1, '50'],
    [3.1, 0.2, '32'],
    [3.09, 0.2, '30'],
    [3.25, 0.5, '35'],
    [3.24, 0.5, '30'],
    [3.5, 1, '40'],
  ])('%d with step %d is %s', (mos, step, text) => {
    expect(createAnswerCodec({ kind: 'integer', step: step as AnswerStep }).encode(mos)).toBe(text);
  });

  test.each([
    [0.1, 41],
    [0.2, 21],
    [0.5, 9],
    [1, 5],
  ])('step %d has %d answers', (step, count) => {
    for (const kind of ['integer', 'decimal'] as const) {
      expect(createAnswerCodec({ kind, step: step as AnswerStep }).legalAnswers()).toHaveLength(count);
    }
  });
});

test('decimal answers have one decimal', () => {
  const codec = createAnswerCodec({ kind: 'decimal' });
  expect([codec.encode(3), codec.encode(3.45), codec.decode('3.4')]).toEqual(['3.0', '3.5', 3.4]);
});

test('levels are five bins of equal width, closed above', () => {
  const codec = createAnswerCodec({ kind: 'level' });
  const words = [1, 1.8, 1.81, 2.6, 3.4, 3.41, 4.2, 4.21, 5].map((mos) => codec.encode(mos));
  expect(words).toEqual(['bad', 'bad', 'poor', 'poor', 'fair', 'good', 'good', 'excellent', 'excellent']);
  expect(codec.decode(' excellent\n')).toBe(5);
});

test('raw answers keep all decimals and parse back', () => {
  const codec = createAnswerCodec({ kind: 'raw' });
  expect(codec.legalAnswers()).toBeNull();
  expect([codec.encode(11 / 3), codec.encode(3.3999999999999995), codec.encode(4)]).toEqual([
    '3.66666666667',
    '3.4',
    '4',
  ]);
  expect(codec.decode('3.66666666667')).toBeCloseTo(11 / 3, 10);
  for (const bad of ['', '3,4', '6', '0.5', '1e0', 'NaN', '3.4.5']) expect(() => codec.decode(bad)).toThrow('expected');
});

test('every codec: decode(encode(x)) is the nearest answer, encode is monotone', () => {
  const mos = fc.double({ min: 1, max: 5, noNaN: true });
  for (const kind of ['integer', 'decimal'] as const) {
    for (const step of [0.1, 0.2, 0.5, 1] as const) {
      const codec = createAnswerCodec({ kind, step });
      fc.assert(
        fc.property(mos, mos, (a, b) => {
          const [low, high] = a < b ? [a, b] : [b, a];
          expect(Math.abs(codec.decode(codec.encode(a)) - a)).toBeLessThanOrEqual(step / 2 + 1e-9);
          expect(codec.decode(codec.encode(low))).toBeLessThanOrEqual(codec.decode(codec.encode(high)));
        }),
      );
      for (const { text, value } of codec.legalAnswers()!) {
        expect([codec.encode(value), codec.decode(text)]).toEqual([text, value]);
      }
    }
  }
});

test('refuses scores off the scale, illegal answers, wrong options', () => {
  const codec = createAnswerCodec();
  for (const mos of [0.9, 5.1, NaN, Infinity]) expect(() => codec.encode(mos)).toThrow('mos: expected a number of 1–5');
  for (const text of ['', '9', '51', '340', '3.4', 'good']) expect(() => codec.decode(text)).toThrow('10 … 50');
  expect(() => createAnswerCodec({ kind: 'level', step: 0.1 })).toThrow('expected none with level');
  expect(() => createAnswerCodec({ step: 0.3 as AnswerStep })).toThrow('expected 0.1, 0.2, 0.5 or 1, got 0.3');
});
