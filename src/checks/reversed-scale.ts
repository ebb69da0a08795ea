// Whether a scale is probably upside down: the adapter that ships orders the clips the other way round.
import type { ClipRow, MosScale } from '../dataset/index.ts';
import { scaleName, toMos5 } from '../dataset/index.ts';
import { srcc } from '../metrics/index.ts';
import { embeddedAdapter } from '../model/index.ts';
import { loadScorer } from '../score/index.ts';
import type { DecoderName } from '../video/index.ts';

/** How clips are decoded. */
export interface Decoding {
  /** Processes that decode. */
  workers: number;
  /** What decodes videos; default node-av. */
  decoder?: DecoderName;
}

/** Clips that are scored; fewer than the second say nothing. */
const MOST_CLIPS = 60;
const FEWEST_CLIPS = 20;

/**
 * Scores a sample of clips.
 * @param rows - clips that can be read
 * @param scale - the scale of their scores
 * @param decoding - how clips are decoded
 * @returns what is probably wrong, as a sentence; null for nothing
 */
export async function reversedScale(
  rows: readonly ClipRow[],
  scale: MosScale,
  decoding: Decoding,
): Promise<string | null> {
  const scored = rows.filter(({ mos }) => mos !== null);
  if (scored.length < FEWEST_CLIPS) return null;
  const step = Math.max(1, scored.length / MOST_CLIPS);
  const sample = Array.from({ length: Math.min(MOST_CLIPS, scored.length) }, (_, i) => scored[Math.floor(i * step)]!);
  const predictions: number[] = [];
  const scores: number[] = [];
  await using scorer = await loadScorer(embeddedAdapter(), decoding);
  let i = 0;
  for await (const result of scorer.score(sample.map(({ path, kind }) => ({ path, kind })))) {
    const row = sample[i++]!;
    if (!('score' in result)) continue;
    predictions.push(result.score);
    scores.push(toMos5(scale, row.mos!));
  }
  return reversalOf(predictions, scores, scale);
}

/**
 * Whether scores run against predictions for certain: the upper end of the rank correlation's 95 % interval (Fisher's z with the
 * variance of Bonett and Wright 2000) lies below 0.
 * @param predictions - scores of a scorer that is no worse than chance
 * @param scores - the table's, on 1–5
 * @param scale - the table's scale
 */
export function reversalOf(predictions: readonly number[], scores: readonly number[], scale: MosScale): string | null {
  const rank = srcc(predictions, scores);
  if (scores.length < FEWEST_CLIPS || !rank.defined) return null;
  const { value } = rank;
  const reach = 1.96 * Math.sqrt((1 + value ** 2 / 2) / (scores.length - 3));
  if (Math.atanh(Math.max(-0.999999, value)) + reach >= 0) return null;
  const other = scaleName({ ...scale, higherIsBetter: !scale.higherIsBetter });
  return (
    `the adapter that ships orders these clips the other way round (SRCC ${value.toFixed(2)} on ${scores.length} clips): ` +
    `if ${scale.higherIsBetter ? 'up is worse' : 'up is better'} here, the scale is --scale ${other}`
  );
}
