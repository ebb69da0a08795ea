// Streams that prepare items ahead: order, bounds, ends, sources that pause or fail.
import { describe, expect, test } from 'vitest';
import { prepareAhead } from '../../src/score/stream.ts';

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function collect<T>(stream: AsyncIterable<T[]>): Promise<T[][]> {
  const groups: T[][] = [];
  for await (const group of stream) groups.push(group);
  return groups;
}

describe('prepareAhead', () => {
  test.each([0, 1, 3, 4, 11])('hands on %d items in order and in groups, however long each takes', async (count) => {
    const items = Array.from({ length: count }, (_, i) => i);
    const work = async (i: number): Promise<number> => {
      await sleep((i * 7) % 5);
      return i;
    };
    const groups = await collect(prepareAhead(items, work, { group: 4, ahead: 3 }));
    expect(groups.flat()).toEqual(items);
    expect(groups.map((group) => group.length)).toEqual(
      items.filter((i) => i % 4 === 0).map((i) => Math.min(4, count - i)),
    );
  });

  test('takes items from an endless source as they are needed, and closes it', async () => {
    let taken = 0;
    let closed = false;
    const source = function* (): Generator<number> {
      try {
        for (;;) yield taken++;
      } finally {
        closed = true;
      }
    };
    let handedOn = 0;
    let most = 0;
    for await (const group of prepareAhead(source(), async (i) => i, { group: 3, ahead: 2 })) {
      most = Math.max(most, taken - handedOn);
      handedOn += group.length;
      await sleep(1);
      most = Math.max(most, taken - handedOn);
      if (handedOn >= 300) break;
    }
    await sleep(1);
    expect(most).toBeLessThanOrEqual(3 + 5); // a group that is worked on, the next one, and two
    expect(closed).toBe(true);
    expect(taken).toBeLessThanOrEqual(308);
  });

  test('forms groups by the items and never by when they come', async () => {
    const source = async function* (): AsyncGenerator<number> {
      for (let i = 1; i <= 11; i++) {
        if (i % 5 === 3) await sleep(400);
        yield i;
      }
    };
    // Groups of the numbers up to 4, 8, 12; 5 and 6 are not among them.
    const endsGroup = (one: number, next?: number): boolean =>
      one % 4 === 0 || (next !== undefined && Math.ceil(one / 4) !== Math.ceil(next / 4));
    const items = async function* (): AsyncGenerator<number> {
      for await (const i of source()) if (i !== 8 && i !== 6) yield i;
    };
    const groups = await collect(prepareAhead(items(), async (i) => i, { group: 4, ahead: 4, endsGroup }));
    expect(groups).toEqual([
      [1, 2, 3, 4],
      [5, 7],
      [9, 10, 11],
    ]);
    const plain = await collect(prepareAhead(source(), async (i) => i, { group: 4, ahead: 4 }));
    expect(plain.map((group) => group.length)).toEqual([4, 4, 3]);
  });

  test('hands on each item of groups of one without waiting for the next', async () => {
    let answered = (): void => {};
    const source = async function* (): AsyncGenerator<number> {
      for (let i = 1; i <= 3; i++) {
        yield i;
        await new Promise<void>((resolve) => (answered = resolve));
      }
    };
    const groups: number[][] = [];
    for await (const group of prepareAhead(source(), async (i) => i, { group: 1, ahead: 4 })) {
      groups.push(group);
      await sleep(1);
      answered();
    }
    expect(groups).toEqual([[1], [2], [3]]);
  });

  test('gives what came before the source failed, and then its error', async () => {
    const source = function* (): Generator<number> {
      yield 1;
      yield 2;
      throw new Error('no more');
    };
    const seen: number[] = [];
    const run = async (): Promise<void> => {
      for await (const group of prepareAhead(source(), async (i) => i, { group: 2, ahead: 2 })) seen.push(...group);
    };
    await expect(run()).rejects.toThrow('no more');
    expect(seen).toEqual([1, 2]);
  });

  test('stops with the reason of its signal while the source is silent', async () => {
    const stop = new AbortController();
    const source: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }),
    };
    const stream = prepareAhead(source, async (i) => i, { group: 1, ahead: 1, signal: stop.signal });
    const next = stream.next();
    setTimeout(() => stop.abort(new Error('enough')), 5);
    await expect(next).rejects.toThrow('enough');
  });
});
