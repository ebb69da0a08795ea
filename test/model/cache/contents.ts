// Entries whose content follows from their number, so that any process can tell a wrong one.
import { randomStream } from '../../../src/core/index.ts';
import { cacheKey } from '../../../src/model/index.ts';

export const keyOf = (i: number): string => cacheKey('hammer', i);

/** @returns 1 to about 20,000 bytes */
export function contentOf(i: number): Uint8Array {
  const stream = randomStream(i, 7);
  return Uint8Array.from({ length: 1 + stream.below(20_000) }, () => stream.below(256));
}
