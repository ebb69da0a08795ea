// Sorting and ranking of numbers, which the rank correlations share.

/** Numbers to compare. */
export type Numbers = readonly number[] | Float64Array;

/**
 * Ranks from 1, ties sharing their mean rank.
 * @param values - finite numbers
 */
export function ranks(values: Numbers): Float64Array {
  const { of, counts } = levelsOf(values, orderOf(values));
  const middles = new Float64Array(counts.length);
  let below = 0;
  for (let level = 0; level < counts.length; level++) {
    middles[level] = below + (counts[level]! + 1) / 2;
    below += counts[level]!;
  }
  const out = new Float64Array(of.length);
  for (let i = 0; i < of.length; i++) out[i] = middles[of[i]!]!;
  return out;
}

/** Below so many numbers, sorting by comparison beats the fixed cost of counting. */
const FEW = 4096;

/** Sorting digits: 11 bits, so that the places that are written to at a time fit into the nearest cache. */
const BITS = 11;
const DIGITS = 2 ** BITS;

/**
 * The order that sorts numbers: positions of the smallest to the largest, equal ones in their own order.
 * @param values - finite numbers
 */
export function orderOf(values: Numbers): Uint32Array {
  const n = values.length;
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  if (n < FEW) return order.sort((a, b) => values[a]! - values[b]! || a - b);
  // As integers, bit patterns of doubles rise with the number once the sign is turned.
  const words = new Uint32Array(2 * n);
  const doubles = new Float64Array(words.buffer);
  for (let i = 0; i < n; i++) doubles[i] = values[i]! + 0; // −0 + 0 is 0
  for (let i = 0; i < n; i++) {
    const high = words[2 * i + 1]!;
    const turned = high < 0x80000000 ? 0 : 0xffffffff;
    words[2 * i] = words[2 * i]! ^ turned;
    words[2 * i + 1] = high ^ (turned | 0x80000000);
  }
  // The upper half of their bits settles the order of most numbers.
  sortByWord(words, 1, order);
  if (sortRuns(words, order)) return order;
  for (let i = 0; i < n; i++) order[i] = i;
  sortByWord(words, 0, order);
  sortByWord(words, 1, order);
  return order;
}

/** Moves for each number, after which sorting runs by insertion is given up. */
const MAX_MOVES = 8;

/**
 * Sorts those that are equal in their high word by the low one, by insertion.
 * @returns whether it came to its end: false for numbers that differ in their low words mostly
 */
function sortRuns(words: Uint32Array, order: Uint32Array): boolean {
  let movesLeft = MAX_MOVES * order.length;
  let lastHigh = words[2 * order[0]! + 1]!;
  let lastLow = words[2 * order[0]!]!;
  for (let i = 1; i < order.length; i++) {
    const item = order[i]!;
    const high = words[2 * item + 1]!;
    const low = words[2 * item]!;
    if (high !== lastHigh || low >= lastLow) {
      lastHigh = high;
      lastLow = low;
      continue;
    }
    let to = i;
    for (; to > 0; to--) {
      const before = order[to - 1]!;
      if (words[2 * before + 1] !== high || words[2 * before]! <= low) break;
      order[to] = before;
    }
    order[to] = item;
    movesLeft -= i - to;
    if (movesLeft < 0) return false;
  }
  return true;
}

/**
 * Sorts positions by one of the two words that each has, equal ones staying in their order: a radix sort that carries the words
 * along, since looking them up again at random places is what takes long.
 */
function sortByWord(words: Uint32Array, which: 0 | 1, order: Uint32Array): void {
  const n = order.length;
  let from = new Uint32Array(2 * n);
  const counts = new Uint32Array(3 * DIGITS);
  for (let i = 0; i < n; i++) {
    const item = order[i]!;
    const word = words[2 * item + which]!;
    from[2 * i] = word;
    from[2 * i + 1] = item;
    counts[word & (DIGITS - 1)]!++;
    counts[DIGITS + ((word >>> BITS) & (DIGITS - 1))]!++;
    counts[2 * DIGITS + (word >>> (2 * BITS))]!++;
  }
  let to: Uint32Array<ArrayBuffer> | null = null;
  for (let digit = 0; digit < 3; digit++) {
    const shift = digit * BITS;
    const places = counts.subarray(digit * DIGITS, (digit + 1) * DIGITS);
    // Whole numbers and rounded scores leave the low digits all alike.
    if (places[(from[0]! >>> shift) & (DIGITS - 1)] === n) continue;
    let place = 0;
    for (let d = 0; d < DIGITS; d++) {
      const count = places[d]!;
      places[d] = place;
      place += count;
    }
    to ??= new Uint32Array(2 * n);
    for (let i = 0; i < 2 * n; i += 2) {
      const word = from[i]!;
      const at = 2 * places[(word >>> shift) & (DIGITS - 1)]!++;
      to[at] = word;
      to[at + 1] = from[i + 1]!;
    }
    [from, to] = [to, from];
  }
  if (to !== null) for (let i = 0; i < n; i++) order[i] = from[2 * i + 1]!;
}

/** Numbers as levels: 0 for the smallest, without gaps; equal numbers are on one level. */
export interface Levels {
  /** The level of each number. */
  of: Uint32Array;
  /** How many numbers each level has. */
  counts: Uint32Array;
}

/**
 * The levels of numbers.
 * @param values - finite numbers
 * @param order - their {@link orderOf}
 */
export function levelsOf(values: Numbers, order: Uint32Array): Levels {
  const of = new Uint32Array(order.length);
  const counts = new Uint32Array(order.length);
  let level = -1;
  let last = NaN;
  for (let i = 0; i < order.length; i++) {
    const item = order[i]!;
    const value = values[item]!;
    if (value !== last) level++;
    last = value;
    of[item] = level;
    counts[level]!++;
  }
  return { of, counts: counts.slice(0, level + 1) };
}
