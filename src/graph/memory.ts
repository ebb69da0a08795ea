// Forecasts the memory of a graph's runs before anything is allocated for them.
import { graphCost } from './cost.ts';
import type { Value } from './value.ts';

/** The runtime's arena against the values in it: pieces that fit nothing (docs/real-sizes.md). */
export const ARENA = 1.35;

/**
 * Forecasts what runs of a graph take beside its weights.
 * @param build - gives the graph's outputs; called when the first forecast is asked for
 * @returns bytes for values of the symbols in its shapes, each computed once
 */
export function forecastMemory(build: () => readonly Value[]): (sizes: ReadonlyMap<string, number>) => number {
  let outputs: readonly Value[] | undefined;
  const known = new Map<string, number>();
  return (sizes) => {
    const key = [...sizes].map(([name, size]) => `${name}${size}`).join();
    let bytes = known.get(key);
    if (bytes === undefined) {
      bytes = ARENA * graphCost((outputs ??= build()), sizes).peakBytes;
      known.set(key, bytes);
    }
    return bytes;
  };
}
