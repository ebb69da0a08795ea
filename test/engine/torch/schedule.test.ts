// How an update is spread over ranks: each example once, whole groups, as many rounds on every rank.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { scheduleUpdate } from '../../../src/engine/torch/schedule.ts';
import type { PreparedExample } from '../../../src/inputs/index.ts';

const of = (length: number, index: number): PreparedExample => ({
  rows: {
    tokenIds: new Int32Array(length),
    positions: new Int32Array(),
    visionSlots: new Int32Array(),
    branchParent: new Int32Array(),
    promptLength: length,
  },
  vision: { kind: 'features', features: new Float32Array() },
  wanted: { kind: 'tokens', targets: [{ row: 0, token: 0, weight: 2 }] },
  dropoutKey: index,
});

test('every example has its share once, groups stay together, and all ranks have as many rounds', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 40 }),
      fc.constantFrom(1, 2, 3, 4, 8),
      fc.constantFrom(1, 2, 4),
      fc.constantFrom(1, 2, 4),
      (lengths, ranks, groupSize, groups) => {
        const form = { over: 'tokens' as const, groupSize };
        const rounds = scheduleUpdate(lengths.map(of), { form, microBatch: groupSize * groups }, ranks);
        const all = rounds.flat(2).filter(({ share }) => share > 0);
        expect(all.map(({ example }) => example.dropoutKey).toSorted((a, b) => a - b)).toEqual(
          lengths.map((_, i) => i),
        );
        expect(all.every(({ share }) => share === 1 / (2 * lengths.length))).toBe(true);
        for (const round of rounds) {
          expect(round).toHaveLength(ranks);
          for (const some of round) {
            expect(some.length).toBeGreaterThan(0);
            expect(some.length).toBeLessThanOrEqual(groupSize * groups);
            const keys = some
              .filter(({ share }) => share > 0)
              .map(({ example }) => Math.floor(example.dropoutKey / groupSize));
            // Neighbours in the update are neighbours here, in the same order.
            const sizes = new Map(keys.map((key) => [key, keys.filter((other) => other === key).length]));
            for (const [key, size] of sizes) expect(size).toBe(Math.min(groupSize, lengths.length - key * groupSize));
          }
        }
        const most = Math.ceil(Math.ceil(lengths.length / groupSize) / ranks / groups);
        expect(rounds).toHaveLength(most);
      },
    ),
  );
});

test('long examples are spread over the ranks', () => {
  const rounds = scheduleUpdate(
    [400, 10, 10, 400].map(of),
    { form: { over: 'tokens', groupSize: 1 }, microBatch: 2 },
    2,
  );
  const tokens = rounds[0]!.map((some) => some.reduce((total, { example }) => total + example.rows.tokenIds.length, 0));
  expect(tokens).toEqual([410, 410]);
});
