// Waits on a signal: each is called once or not at all, and the signal has one listener however many there are.
import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { onAbort } from '../../src/core/index.ts';

test('many waits are one listener, which goes with the last', () => {
  const { signal } = new AbortController();
  const numListeners = (): number => getEventListeners(signal, 'abort').length;
  const ends = Array.from({ length: 20 }, () => onAbort(signal, () => {}));
  expect(numListeners()).toBe(1);
  for (const end of ends.slice(1)) end();
  expect(numListeners()).toBe(1);
  ends[0]!();
  expect(numListeners()).toBe(0);
  onAbort(signal, () => {});
  ends[0]!(); // a second time: nothing of the new wait's
  expect(numListeners()).toBe(1);
});

test('those that still wait are called once', () => {
  const controller = new AbortController();
  const called: string[] = [];
  const ends = new Map<string, () => void>();
  for (const name of ['ended', 'first', 'ends itself', 'last']) {
    const stop = (): void => {
      called.push(name);
      if (name === 'ends itself') ends.get(name)!();
    };
    ends.set(name, onAbort(controller.signal, stop));
  }
  ends.get('ended')!();
  controller.abort();
  controller.abort();
  expect(called).toEqual(['first', 'ends itself', 'last']);
  expect(onAbort(undefined, () => {})).not.toThrow();
});
