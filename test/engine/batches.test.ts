// Batches of clips of like length: nothing left out, within limits, little padding; and batches that are cut in halves.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batchByLength, splitToFit } from '../../src/engine/batches.ts';

describe('batchByLength', () => {
  test('holds every clip once, within its limits and with little padding', () => {
    const limits = { clips: 4, tokens: 1000 };
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1500 }), { maxLength: 40 }), (lengths) => {
        const batches = batchByLength(lengths, limits);
        expect(batches.flat().toSorted((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
        for (const batch of batches) {
          const longest = Math.max(...batch.map((i) => lengths[i]!));
          const tokens = batch.reduce((sum, i) => sum + lengths[i]!, 0);
          expect(batch.length).toBeLessThanOrEqual(limits.clips);
          expect(batch.length === 1 || longest * batch.length <= limits.tokens).toBe(true);
          expect(longest * batch.length - tokens).toBeLessThanOrEqual(0.1 * longest * batch.length);
        }
      }),
    );
  });

  test('keeps clips of one length in order', () => {
    expect(batchByLength([300, 300, 300, 300, 300], { clips: 2, tokens: 2048 })).toEqual([[0, 1], [2, 3], [4]]);
    expect(batchByLength([400, 20, 390, 21], { clips: 4, tokens: 2048 })).toEqual([
      [1, 3],
      [2, 0],
    ]);
  });

  test('holds fewer clips where all of them look at much text before them', () => {
    const lengths = [300, 300, 300, 300];
    expect(batchByLength(lengths, { clips: 4, tokens: 2048 })).toHaveLength(1);
    expect(batchByLength(lengths, { clips: 4, tokens: 2048, shared: 6000 })).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });
});

test('splitToFit cuts a batch in halves until its parts fit', () => {
  expect(splitToFit([1, 2, 3, 4, 5], (some) => some.length <= 2)).toEqual([[1, 2], [3], [4, 5]]);
  expect(splitToFit([9], () => false)).toEqual([[9]]);
});
