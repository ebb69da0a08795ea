// Bootstrap intervals that draw whole groups of clips again, and the paired comparison of two predictors.
import { invariant, randomStream } from '../core/index.ts';
import type { Numbers, Stat } from './statistics.ts';
import { undefinedBecause } from './statistics.ts';

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
 * @param n - number of clips
 * @param options - groups, count, seed
 * @returns one list of positions a draw; those of one group stay together
 */
export function* resamples(n: number, options: BootstrapOptions): Generator<Uint32Array, void> {
  const { groups, resamples: count = 2000, seed = 0 } = options;
  invariant(groups === undefined || groups.length === n, `${groups?.length} groups for ${n} clips`);
  const members = new Map<string, number[]>();
  for (let i = 0; i < n; i++) {
    const key = groups === undefined ? String(i) : groups[i]!;
    const list = members.get(key);
    if (list === undefined) members.set(key, [i]);
    else list.push(i);
  }
  const lists = [...members.values()];
  const stream = randomStream(seed, 0xb007);
  for (let r = 0; r < count; r++) {
    const drawn = lists.map(() => lists[stream.below(lists.length)]!);
    const out = new Uint32Array(drawn.reduce((total, list) => total + list.length, 0));
    let at = 0;
    for (const list of drawn) {
      out.set(list, at);
      at += list.length;
    }
    yield out;
  }
}

/**
 * The 95 % percentile interval of statistics under resampling.
 * @param predictions - scores
 * @param mos - opinion scores, as many
 * @param statistics - by name
 * @param options - groups, count, seed
 * @returns intervals by name; null where too many resamples leave the statistic undefined
 */
export function intervals<Names extends string>(
  predictions: Numbers,
  mos: Numbers,
  statistics: Readonly<Record<Names, (predictions: Numbers, mos: Numbers) => Stat>>,
  options: BootstrapOptions = {},
): Record<Names, Interval | null> {
  const names = Object.keys(statistics) as Names[];
  const values = new Map<Names, number[]>(names.map((name) => [name, []]));
  let count = 0;
  for (const draw of resamples(mos.length, options)) {
    const x = Float64Array.from(draw, (i) => predictions[i]!);
    const y = Float64Array.from(draw, (i) => mos[i]!);
    for (const name of names) {
      const stat = statistics[name](x, y);
      if (stat.defined) values.get(name)!.push(stat.value);
    }
    count++;
  }
  const out = {} as Record<Names, Interval | null>;
  for (const name of names) out[name] = percentiles(values.get(name)!, count);
  return out;
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
  statistic: (predictions: Numbers, mos: Numbers) => Stat,
  options: BootstrapOptions = {},
): Comparison {
  const subtract = (a: Stat, b: Stat): Stat => {
    if (!a.defined) return undefinedBecause(`first: ${a.reason}`);
    if (!b.defined) return undefinedBecause(`second: ${b.reason}`);
    return { defined: true, value: a.value - b.value };
  };
  const difference = subtract(statistic(first, mos), statistic(second, mos));
  const values: number[] = [];
  let count = 0;
  for (const draw of resamples(mos.length, options)) {
    const pick = (numbers: Numbers): Float64Array => Float64Array.from(draw, (i) => numbers[i]!);
    const y = pick(mos);
    const stat = subtract(statistic(pick(first), y), statistic(pick(second), y));
    if (stat.defined) values.push(stat.value);
    count++;
  }
  const interval = difference.defined ? percentiles(values, count) : null;
  if (interval === null) return { difference, interval, p: null };
  // As many resamples on the far side of zero as there would be without a difference, and never exactly none (Davison & Hinkley).
  const below = (values.filter((v) => v <= 0).length + 1) / (values.length + 1);
  const above = (values.filter((v) => v >= 0).length + 1) / (values.length + 1);
  return { difference, interval, p: Math.min(1, 2 * Math.min(below, above)) };
}
