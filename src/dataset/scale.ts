// Scales of opinion scores, and the linear maps between a user's scale and the 1–5 that the method works in.
import { UserError, show } from '../core/index.ts';

/** A scale of opinion scores. Plain JSON, so that an adapter's card can hold it. */
export interface MosScale {
  /** The lowest possible score. */
  min: number;
  /** The highest possible score; above `min`. */
  max: number;
  /** True for MOS; false where a higher number means worse quality, as with DMOS. */
  higherIsBetter: boolean;
}

/** The scales that data sets commonly use, in the words {@link parseScale} reads; for help texts and suggestions. */
export const commonScales: readonly string[] = ['1-5', '0-1', '0-100', '1-10', 'dmos-0-100'];

/** Largest end of a scale, and its least width as a share of that: beyond them no score could be told from another, or be written. */
const MAX_END = 1e9;
const LEAST_WIDTH = 1e-6;

function isUsable({ min, max }: MosScale): boolean {
  const largest = Math.max(Math.abs(min), Math.abs(max));
  return largest <= MAX_END && max - min >= LEAST_WIDTH * largest && max - min >= 1e-9;
}

/**
 * Reads the name of a scale: `MIN-MAX`, with `dmos-` before it where up is worse.
 * @param spec - such as `1-5`, `0-1`, `0-100`, `dmos-0-100`; or a scale, which is checked
 * @returns the scale
 * @throws UserError `bad-recipe` when the words are not of that form or the ends are not ascending, within ±10⁹ and apart
 */
export function parseScale(spec: string | MosScale): MosScale {
  const scale = typeof spec === 'string' ? scaleOfName(spec) : spec;
  if (!scale || !Number.isFinite(scale.min) || !Number.isFinite(scale.max) || !isUsable(scale)) {
    throw new UserError(
      'bad-recipe',
      `MOS scale: expected MIN-MAX or dmos-MIN-MAX with MIN below MAX, got ${show(spec)}`,
      {
        hint: `common scales: ${commonScales.join(', ')}`,
      },
    );
  }
  return { min: scale.min, max: scale.max, higherIsBetter: scale.higherIsBetter };
}

function scaleOfName(name: string): MosScale | undefined {
  const match = /^(dmos-)?(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)$/.exec(name);
  return match ? { min: Number(match[2]), max: Number(match[3]), higherIsBetter: match[1] === undefined } : undefined;
}

/**
 * A scale in the words that {@link parseScale} reads.
 * @returns such as `1-5` or `dmos-0-100`
 */
export function scaleName(scale: MosScale): string {
  return `${scale.higherIsBetter ? '' : 'dmos-'}${scale.min}-${scale.max}`;
}

/**
 * Maps a score to 1–5 (1 is the worst, 5 the best) linearly; on the scale 1–5 it is the identity to the bit.
 * Nothing is clamped: a score outside its scale lands outside 1–5.
 * @param scale - the scale that `score` is on
 * @returns the score on 1–5
 */
export function toMos5(scale: MosScale, score: number): number {
  const above = scale.higherIsBetter ? score - scale.min : scale.max - score;
  return 1 + (4 * above) / (scale.max - scale.min);
}

/**
 * Maps a score of 1–5 back to a user's scale; the inverse of {@link toMos5} to within rounding.
 * @param scale - the scale to go to
 * @param score - the score on 1–5
 * @returns the score on `scale`
 */
export function fromMos5(scale: MosScale, score: number): number {
  const above = ((score - 1) * (scale.max - scale.min)) / 4;
  return scale.higherIsBetter ? scale.min + above : scale.max - above;
}

/**
 * Maps the standard deviation of votes to the 1–5 scale.
 * @param scale - the scale that `std` is on
 * @param std - a standard deviation, at least 0
 * @returns the standard deviation on 1–5
 */
export function stdToMos5(scale: MosScale, std: number): number {
  return (4 * std) / (scale.max - scale.min);
}

/**
 * Maps a standard deviation (of votes or of a predicted distribution) from 1–5 back to a user's scale.
 * @param scale - the scale to go to
 * @param std - a standard deviation on 1–5, at least 0
 * @returns the standard deviation on `scale`
 */
export function stdFromMos5(scale: MosScale, std: number): number {
  return (std * (scale.max - scale.min)) / 4;
}
