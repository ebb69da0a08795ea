// Sorting and ranking of numbers, which the rank correlations share.

/** Numbers to compare. */
export type Numbers = readonly number[] | Float64Array;

/**
 * Ranks from 1, ties sharing their mean rank.
 * @param values - finite numbers
 */
export function ranks(values: Numbers): Float64Array {
  const order = orderOf(values);
  const out = new Float64Array(values.length);
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let i = start; i < end; i++) out[order[i]!] = (start + 1 + end) / 2;
    start = end;
  }
  return out;
}

/** Below so many numbers, sorting by comparison beats the fixed cost of counting. */
const FEW = 4096;

/**
 * The order that sorts numbers: positions of the smallest to the largest, equal ones in their own order.
 * @param values - finite numbers
 */
export function orderOf(values: Numbers): Uint32Array {
  const n = values.length;
  let order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  if (n < FEW) return order.sort((a, b) => values[a]! - values[b]! || a - b);
  // Radix sort by 16 bits at a time. As integers, bit patterns of doubles rise with the number once the sign is turned.
  const bits = new Uint16Array(4 * n);
  const doubles = new Float64Array(bits.buffer);
  for (let i = 0; i < n; i++) doubles[i] = values[i]! + 0; // −0 + 0 is 0
  for (let i = 0; i < n; i++) {
    const top = bits[4 * i + 3]!;
    if (top < 0x8000) bits[4 * i + 3] = top | 0x8000;
    else for (let k = 0; k < 4; k++) bits[4 * i + k] = ~bits[4 * i + k]!;
  }
  let next = new Uint32Array(n);
  for (let digit = 0; digit < 4; digit++) {
    const starts = new Uint32Array(65_537);
    for (let i = 0; i < n; i++) starts[bits[4 * i + digit]! + 1]!++;
    // Whole numbers and rounded scores leave the low digits all alike.
    if (starts[bits[digit]! + 1] === n) continue;
    for (let d = 1; d <= 65_536; d++) starts[d]! += starts[d - 1]!;
    for (let i = 0; i < n; i++) {
      const item = order[i]!;
      next[starts[bits[4 * item + digit]!]!++] = item;
    }
    [order, next] = [next, order];
  }
  return order;
}

/**
 * Ranks from 0 without gaps; equal numbers have equal ranks.
 * @param values - finite numbers
 * @param order - their {@link orderOf}
 */
export function denseRanks(values: Numbers, order: Uint32Array): Uint32Array {
  const out = new Uint32Array(values.length);
  let rank = 0;
  for (let i = 0; i < order.length; i++) {
    if (i > 0 && values[order[i]!] !== values[order[i - 1]!]) rank++;
    out[order[i]!] = rank;
  }
  return out;
}
