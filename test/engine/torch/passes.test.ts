// Which rank gets which batch of predictions: all ranks work, few batches wait at each, and ranks that hold a model together pass together.
import { describe, expect, test } from 'vitest';
import type { SharedExample } from '../../../src/engine/torch/examples.ts';
import type { LinkMessage } from '../../../src/engine/torch/frames.ts';
import { BATCHES_AT_RANK, createPasses } from '../../../src/engine/torch/passes.ts';
import type { PreparedExample } from '../../../src/inputs/index.ts';

const batchOf = (name: number, tokens = 3): SharedExample[] => [
  { example: { rows: { tokenIds: new Int32Array(tokens) }, dropoutKey: name } as unknown as PreparedExample, share: 1 },
];
const answer = (name: number): LinkMessage => ({ header: { name }, tensors: [] });

/** Ranks that answer when they are told to. */
function ranksByHand(): {
  send: (rank: number, batch: readonly SharedExample[]) => Promise<LinkMessage>;
  sent: { rank: number; name: number; share: number; finish: () => void; fail: () => void }[];
} {
  const sent: ReturnType<typeof ranksByHand>['sent'] = [];
  const send = (rank: number, batch: readonly SharedExample[]): Promise<LinkMessage> =>
    new Promise((resolve, reject) => {
      const [{ example, share }] = batch as [SharedExample];
      const name = example.dropoutKey;
      const fail = (): void => reject(new Error(`rank ${rank} has failed`));
      sent.push({ rank, name, share, finish: () => resolve(answer(name)), fail });
    });
  return { send, sent };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('ranks with whole models', () => {
  test('take a batch each, as many as may wait; the next goes to the rank that has one done', async () => {
    const { send, sent } = ranksByHand();
    const pass = createPasses({ ranks: 2, isSharded: false, send });
    const answers = Array.from({ length: 2 * BATCHES_AT_RANK + 2 }, (_, i) => pass(batchOf(i)));
    await settled();
    expect(sent.map(({ rank }) => rank)).toEqual(Array.from({ length: 2 * BATCHES_AT_RANK }, (_, i) => i % 2));
    sent[1]!.finish();
    await settled();
    expect(sent.slice(2 * BATCHES_AT_RANK).map(({ rank, name }) => [rank, name])).toEqual([[1, 2 * BATCHES_AT_RANK]]);
    for (let i = 0; i < answers.length; i++) {
      sent[i]!.finish();
      await settled();
    }
    expect((await Promise.all(answers)).map(({ header }) => header['name'])).toEqual(answers.map((_, i) => i));
  });

  test('a rank that fails fails its batch, and no other', async () => {
    const { send, sent } = ranksByHand();
    const pass = createPasses({ ranks: 2, isSharded: false, send });
    const [first, second] = [pass(batchOf(0)), pass(batchOf(1))];
    await settled();
    sent[0]!.fail();
    sent[1]!.finish();
    await expect(first).rejects.toThrow('rank 0 has failed');
    expect((await second).header['name']).toBe(1);
  });
});

describe('ranks that hold a model together', () => {
  test('pass together, each with another batch; who has none computes the shortest with weight 0', async () => {
    const { send, sent } = ranksByHand();
    const pass = createPasses({ ranks: 3, isSharded: true, send });
    const answers = [pass(batchOf(0, 5)), pass(batchOf(1, 2)), pass(batchOf(2, 4)), pass(batchOf(3, 9))];
    await settled();
    expect(sent.map(({ rank, name, share }) => [rank, name, share])).toEqual([
      [0, 0, 1],
      [1, 1, 1],
      [2, 2, 1],
      [0, 3, 1],
      [1, 3, 0],
      [2, 3, 0],
    ]);
    sent.forEach(({ finish }) => finish());
    expect((await Promise.all(answers)).map(({ header }) => header['name'])).toEqual([0, 1, 2, 3]);
  });
});
