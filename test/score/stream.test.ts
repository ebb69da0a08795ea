// Streams that prepare items ahead: order, bounds, ends, sources that pause or fail.
import { describe, expect, test } from 'vitest';
import { mapAhead, prepareAhead } from '../../src/score/stream.ts';

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

describe('mapAhead', () => {
  /** Work that ends when it is told to. */
  const byHand = (): { begun: number[]; work: (i: number) => Promise<number>; finish: (i: number) => void } => {
    const begun: number[] = [];
    const ends = new Map<number, () => void>();
    const work = (i: number): Promise<number> => {
      begun.push(i);
      return new Promise((resolve) => ends.set(i, () => resolve(i)));
    };
    return { begun, work, finish: (i) => ends.get(i)!() };
  };
  const upTo = async function* (count: number): AsyncGenerator<number, void> {
    for (let i = 0; i < count; i++) yield i;
  };

  test('works on as many as it may, and gives results in order', async () => {
    const { begun, work, finish } = byHand();
    const stream = mapAhead(upTo(5), work, 3);
    const first = stream.next();
    await sleep(5);
    expect(begun).toEqual([0, 1, 2]);
    finish(1);
    await sleep(5);
    expect(begun).toEqual([0, 1, 2]);
    finish(0);
    expect((await first).value).toBe(0);
    expect((await stream.next()).value).toBe(1);
    const third = stream.next();
    await sleep(5);
    expect(begun).toEqual([0, 1, 2, 3, 4]);
    [4, 3, 2].forEach(finish);
    expect([(await third).value, (await stream.next()).value, (await stream.next()).value]).toEqual([2, 3, 4]);
    expect((await stream.next()).done).toBe(true);
  });

  test('gives a result while the source is long in giving the next item', async () => {
    let ask = (): void => {};
    const source = async function* (): AsyncGenerator<number, void> {
      yield 1;
      await new Promise<void>((resolve) => (ask = resolve));
      yield 2;
    };
    const stream = mapAhead(source(), async (i) => 10 * i, 4);
    expect((await stream.next()).value).toBe(10);
    ask();
    expect((await stream.next()).value).toBe(20);
  });

  test('closes the source when it is left early, and tells of errors of source and work in their place', async () => {
    let isClosed = false;
    const source = async function* (): AsyncGenerator<number, void> {
      try {
        for (let i = 0; ; i++) yield i;
      } finally {
        isClosed = true;
      }
    };
    for await (const i of mapAhead(source(), async (i) => i, 2)) if (i === 3) break;
    await sleep(5);
    expect(isClosed).toBe(true);
    const failing = mapAhead(upTo(3), async (i) => (i === 1 ? Promise.reject(new Error('item 1')) : i), 3);
    expect((await failing.next()).value).toBe(0);
    await expect(failing.next()).rejects.toThrow('item 1');
    const broken = async function* (): AsyncGenerator<number, void> {
      yield 0;
      throw new Error('source');
    };
    const stream = mapAhead(broken(), async (i) => i, 2);
    expect((await stream.next()).value).toBe(0);
    await expect(stream.next()).rejects.toThrow('source');
  });
});
