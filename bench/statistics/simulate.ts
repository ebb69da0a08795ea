// Scores of which the truth is known: normal, in groups of clips that share a part of their quality and of their errors.
import type { RandomStream } from '../../src/core/index.ts';

/** Clips and what groups they are in. */
export interface Clips {
  /** Opinion scores, of mean 0 and variance 1. */
  mos: Float64Array;
  /** The group of each. */
  groups: string[];
}

/**
 * Numbers of mean 0 and variance 1; those of one group correlate by `within`.
 * @param within - correlation of two clips of one group, 0 to 1
 */
export function grouped(stream: RandomStream, groups: readonly string[], within: number): Float64Array {
  const shared = new Map<string, number>();
  return Float64Array.from(groups, (group) => {
    const own = shared.get(group) ?? stream.normal();
    shared.set(group, own);
    return Math.sqrt(within) * own + Math.sqrt(1 - within) * stream.normal();
  });
}

/** Groups of 1 to 5 clips each, all sizes as likely. */
export function drawGroups(stream: RandomStream, numGroups: number): string[] {
  return Array.from({ length: numGroups }, (_, g) => Array.from({ length: 1 + stream.below(5) }, () => `g${g}`)).flat();
}

/** Groups of one size, as far as the clips go. */
export function equalGroups(numClips: number, numGroups: number): string[] {
  return Array.from({ length: numClips }, (_, i) => `g${Math.floor((i * numGroups) / numClips)}`);
}

/** Adds numbers, each times its weight. */
export function mix(...terms: readonly (readonly [weight: number, values: Float64Array])[]): Float64Array {
  return terms[0]![1].map((_, i) => terms.reduce((sum, [weight, values]) => sum + weight * values[i]!, 0));
}

/** PLCC, SRCC and KRCC of a bivariate normal of correlation rho, without end of clips (Kendall 1949). */
export const truths = {
  plcc: (rho: number): number => rho,
  srcc: (rho: number): number => (6 / Math.PI) * Math.asin(rho / 2),
  krcc: (rho: number): number => (2 / Math.PI) * Math.asin(rho),
} as const;

/** The correlation that gives an SRCC; the way back from `truths.srcc`. */
export const rhoOfSrcc = (value: number): number => 2 * Math.sin((Math.PI * value) / 6);
