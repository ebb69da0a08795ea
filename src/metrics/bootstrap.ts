// Bootstrap intervals that draw whole groups of clips again, and the paired comparison of two predictors.
import { invariant, randomStream } from '../core/index.ts';
import type { Numbers } from './order.ts';
import type { Stat } from './statistics.ts';
import { undefinedBecause } from './statistics.ts';
import type { Statistic } from './weighted.ts';
import { weighted } from './weighted.ts';

/** An interval. */
export interface Interval {
  /** Lower end. */
  low: number;
  /** Upper end. */
  high: number;
}

/** What a bootstrap needs. */
export interface BootstrapOptions {
  /** The group of each clip: groups are drawn whole (Field & Welsh 2007). Default: each clip is its own. */
  groups?: readonly string[] | undefined;
  /** How often clips are drawn again; default 2,000. */
  resamples?: number;
  /** Fixes the draws; default 0. */
  seed?: number;
}

/** Share of resamples that must give a value; below it an interval would hide more than it shows. */
const LEAST_DEFINED = 0.95;

/**
 * Draws clips again and again.
 * @returns how often each clip was drawn; one array, written anew for each draw. Nothing for fewer than two groups, whose draws
 *   would all be the same and make an interval without width.
 */
function* draws(n: number, options: BootstrapOptions): Generator<Uint32Array, void> {
  const { groups, resamples: count = 2000, seed = 0 } = options;
  invariant(groups === undefined || groups.length === n, `${groups?.length} groups for ${n} clips`);
  invariant(Number.isInteger(count) && count >= 0, `resamples: ${count}`);
  const numbers = new Map<string, number>();
  const groupOf = Uint32Array.from({ length: n }, (_, i) => {
    if (groups === undefined) return i;
    const known = numbers.get(groups[i]!) ?? numbers.size;
    numbers.set(groups[i]!, known);
    return known;
  });
  const numGroups = groups === undefined ? n : numbers.size;
  if (numGroups < 2) return;
  const stream = randomStream(seed, 0xb007);
  const drawn = new Uint32Array(numGroups);
  const counts = new Uint32Array(n);
  for (let r = 0; r < count; r++) {
    drawn.fill(0);
    for (let g = 0; g < numGroups; g++) drawn[stream.below(numGroups)]!++;
    for (let i = 0; i < n; i++) counts[i] = drawn[groupOf[i]!]!;
    yield counts;
  }
}

/**
 * The 95 % percentile intervals of statistics under resampling (Efron 1979): 2.5 % of the resamples lie below, 2.5 % above.
 * With few groups (a dozen or so) such intervals are too narrow.
 * @param predictions - scores
 * @param mos - opinion scores, as many
 * @param statistics - by name; the same draws serve all of them. This layer's own cost O(n) a resample (KRCC: O(n log n));
 *   others are called with the clips written out
 * @param options - groups, count, seed
 * @returns intervals by name; null where more than one resample in twenty leaves the statistic undefined, and for fewer than
 *   two groups
 */
export function intervals<Names extends string>(
  predictions: Numbers,
  mos: Numbers,
  statistics: Readonly<Record<Names, Statistic>>,
  options: BootstrapOptions = {},
): Record<Names, Interval | null> {
  const names = Object.keys(statistics) as Names[];
  const prepared = names.map((name) => weighted(statistics[name], predictions, mos));
  const values = names.map((): number[] => []);
  let count = 0;
  for (const counts of draws(mos.length, options)) {
    for (let k = 0; k < names.length; k++) {
      const value = prepared[k]!(counts);
      if (value !== null) values[k]!.push(value);
    }
    count++;
  }
  return Object.fromEntries(names.map((name, k) => [name, percentiles(values[k]!, count)])) as Record<
    Names,
    Interval | null
  >;
}

function percentiles(values: readonly number[], count: number): Interval | null {
  if (values.length === 0 || values.length < LEAST_DEFINED * count) return null;
  const sorted = Float64Array.from(values).sort();
  const at = (q: number): number => {
    const place = q * (sorted.length - 1);
    const below = Math.floor(place);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!);
  };
  return { low: at(0.025), high: at(0.975) };
}

/** Two predictors on the same clips. */
export interface Comparison {
  /** Statistic of the first minus that of the second. */
  difference: Stat;
  /** 95 % interval of the difference; null where it cannot be had. */
  interval: Interval | null;
  /** Two-sided p-value of no difference, from the same resamples; null where it cannot be had. */
  p: number | null;
}

/**
 * Compares two predictors on the same clips under one statistic, by a paired bootstrap.
 * @param first - scores of the one
 * @param second - scores of the other
 * @param mos - opinion scores, as many
 * @param statistic - such as `srcc`
 * @param options - groups, count, seed
 */
export function comparePaired(
  first: Numbers,
  second: Numbers,
  mos: Numbers,
  statistic: Statistic,
  options: BootstrapOptions = {},
): Comparison {
  const difference = subtract(statistic(first, mos), statistic(second, mos));
  const [ofFirst, ofSecond] = [weighted(statistic, first, mos), weighted(statistic, second, mos)];
  const values: number[] = [];
  let count = 0;
  for (const counts of draws(mos.length, options)) {
    const [a, b] = [ofFirst(counts), ofSecond(counts)];
    if (a !== null && b !== null) values.push(a - b);
    count++;
  }
  const interval = difference.defined ? percentiles(values, count) : null;
  if (interval === null) return { difference, interval, p: null };
  // As many resamples on the far side of zero as there would be without a difference, and never exactly none (Davison & Hinkley).
  const below = (values.filter((v) => v <= 0).length + 1) / (values.length + 1);
  const above = (values.filter((v) => v >= 0).length + 1) / (values.length + 1);
  return { difference, interval, p: Math.min(1, 2 * Math.min(below, above)) };
}

function subtract(a: Stat, b: Stat): Stat {
  if (!a.defined) return undefinedBecause(`first: ${a.reason}`);
  if (!b.defined) return undefinedBecause(`second: ${b.reason}`);
  return { defined: true, value: a.value - b.value };
}
