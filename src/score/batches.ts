// Which clips share a run of the graph: those of like length, so that little of it is padding.

/** How large batches may be. */
export interface BatchLimits {
  /** Most clips. */
  clips: number;
  /** Most tokens, padding included; a clip that has more is alone. */
  tokens: number;
}

/** Share of a batch that may be padding. */
const PADDING = 0.1;

/**
 * Puts clips of like length together.
 * @param lengths - tokens of each clip
 * @param limits - of a batch
 * @returns batches of indices: rising length, and the order given among equals
 */
export function batchByLength(lengths: readonly number[], limits: BatchLimits): number[][] {
  const order = lengths.map((_, index) => index).sort((a, b) => lengths[a]! - lengths[b]! || a - b);
  const batches: number[][] = [];
  let tokens = 0;
  for (const index of order) {
    const length = lengths[index]!;
    const batch = batches.at(-1);
    const padded = ((batch?.length ?? 0) + 1) * length;
    tokens += length;
    const fits = padded <= limits.tokens && padded - tokens <= PADDING * padded;
    if (batch !== undefined && batch.length < limits.clips && fits) {
      batch.push(index);
    } else {
      batches.push([index]);
      tokens = length;
    }
  }
  return batches;
}
