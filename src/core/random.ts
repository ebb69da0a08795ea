// Counter-based random numbers: a value is a pure function of its key, so that order, batching and resuming never change it.

/**
 * Mixes 32 bits so that every input bit reaches every output bit (a bijection; constants of C. Wellons' "lowbias32").
 * The dropout ops of the training graph compute the same function.
 * @param x - any integer; its low 32 bits count
 * @returns an unsigned 32-bit integer
 */
export function mix32(x: number): number {
  x = Math.imul((x ^ (x >>> 16)) >>> 0, 0x7feb352d);
  x = Math.imul((x ^ (x >>> 15)) >>> 0, 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/**
 * Hashes a list of integers (seed, epoch, sample, …) to one 32-bit key; order matters.
 * @param parts - integers; the low 32 bits of each count
 * @returns an unsigned 32-bit integer
 */
export function hashKey(...parts: number[]): number {
  let h = 0x9e3779b9;
  for (const part of parts) h = mix32((Math.imul(h, 0x85ebca6b) + (part >>> 0) + 0x165667b1) >>> 0);
  return h;
}

/**
 * A stream of random numbers that is fixed by its key.
 * @param key - integers that name the stream
 * @returns functions that draw the next number
 */
export function randomStream(...key: number[]): RandomStream {
  const high = hashKey(...key, 1);
  const low = hashKey(...key, 2);
  let counter = 0;
  const uint32 = (): number => mix32((mix32((counter++ + low) >>> 0) ^ high) >>> 0);
  const uniform = (): number => ((uint32() >>> 6) * 0x8000000 + (uint32() >>> 5)) / 0x20000000000000;
  return {
    uint32,
    uniform,
    below: (n) => Math.floor(uniform() * n),
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  };
}

/** Draws of one {@link randomStream}. */
export interface RandomStream {
  /** The next unsigned 32-bit integer. */
  uint32(): number;
  /** The next number of [0, 1), with 53 random bits. */
  uniform(): number;
  /** The next integer of 0 … n-1. */
  below(n: number): number;
  /** The next draw of the standard normal distribution (Box–Muller). */
  normal(): number;
}

/**
 * A shuffled order of 0 … n-1 that is a pure function of the key (Fisher–Yates).
 * @param n - how many
 * @param key - integers that name the order, such as seed and epoch
 * @returns the permutation
 */
export function shuffledIndices(n: number, ...key: number[]): number[] {
  const stream = randomStream(...key);
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = stream.below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
