// Which clips share a run of the graph: those of like length, so that little of it is padding.

/** How large batches may be. */
export interface BatchLimits {
  /** Most clips. */
  clips: number;
  /** Most tokens, padding included; a clip that has more is alone. */
  tokens: number;
  /** Tokens before them that all clips share and look at: memory grows with these as well. Default 0. */
  shared?: number;
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
    // What rows look at takes as much as `tokens` of one clip would.
    const seen = padded * ((limits.shared ?? 0) + length);
    const fits = padded <= limits.tokens && seen <= limits.tokens ** 2 && padded - tokens <= PADDING * padded;
    if (batch !== undefined && batch.length < limits.clips && fits) {
      batch.push(index);
    } else {
      batches.push([index]);
      tokens = length;
    }
  }
  return batches;
}

/**
 * Cuts a batch in halves until each part fits.
 * @param items - a batch
 * @param fits - whether some of them do; one alone is taken as it is
 * @returns parts, in order
 */
export function splitToFit<T>(items: readonly T[], fits: (some: readonly T[]) => boolean): T[][] {
  if (items.length <= 1 || fits(items)) return [[...items]];
  const middle = Math.ceil(items.length / 2);
  return [items.slice(0, middle), items.slice(middle)].flatMap((half) => splitToFit(half, fits));
}
