// The normal distribution against published values.
import { expect, test } from 'vitest';
import { normalCdf } from '../../src/metrics/index.ts';

// scipy.stats.norm.cdf (SciPy 1.14)
test.each([
  [0, 0.5],
  [1, 0.8413447460685429],
  [1.959963984540054, 0.975],
  [-1, 0.15865525393145707],
  [-3, 0.0013498980316300933],
  [-6, 9.865876450376946e-10],
  [-10, 7.619853024160525e-24],
])('Φ(%d) is %d', (x, p) => {
  expect(Math.abs(normalCdf(x) / p - 1)).toBeLessThan(1e-13);
});

test('it rises from 0 to 1, also where one formula takes the place of another', () => {
  const at = Array.from({ length: 801 }, (_, i) => normalCdf((i - 400) / 50));
  for (let i = 1; i < at.length; i++) expect(at[i]!).toBeGreaterThanOrEqual(at[i - 1]!);
  expect(normalCdf(-3 + 1e-9) - normalCdf(-3 - 1e-9)).toBeLessThan(1e-11);
  expect([normalCdf(-Infinity), normalCdf(-50), normalCdf(50), normalCdf(Infinity)]).toEqual([0, 0, 1, 1]);
});
