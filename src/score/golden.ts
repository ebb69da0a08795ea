// Golden scores: pictures of a fixed formula, scored when an adapter is saved and again when it is loaded. They catch a wrong base
// model, a damaged file or another reading of the prompt before a single clip is scored.
import { createHash } from 'node:crypto';
import { UserError, randomStream } from '../core/index.ts';
import type { RgbFrame } from '../video/index.ts';
import type { Precision } from '../engine/index.ts';
import type { ClipPreparer } from '../inputs/index.ts';
import type { Card } from '../model/index.ts';
import type { ClipPredictor } from './clip-predictor.ts';

/** A golden score. */
export interface GoldenScore {
  /** SHA-256 of the picture's grey levels, in hexadecimal. */
  inputSha256: string;
  /** Its score on the user's scale. */
  score: number;
}

/** Sides of the pictures, in merged patches. */
const SIDES = [
  [3, 3],
  [2, 4],
] as const;

/**
 * How far a score may be off, as a share of the scale, by the rougher one of the types in which it was and is computed: rounding on other
 * processors is far below it, another model or a damaged file far above (`npx tsx bench/golden.ts`).
 */
const TOLERANCE: Readonly<Record<Precision, number>> = { float32: 2e-3, bfloat16: 3e-2 };

/**
 * The golden pictures: a slope with noise on it.
 * @param patch - side of a merged patch, in pixels
 */
function goldenPictures(patch: number): RgbFrame[] {
  return SIDES.map(([rows, columns], n) => {
    const [height, width] = [rows * patch, columns * patch];
    const stream = randomStream(n, 41);
    const data = Uint8Array.from({ length: height * width * 3 }, (_, i) => {
      const x = Math.floor(i / 3) % width;
      return Math.min(255, Math.floor((x / width) * 192 + stream.uniform() * 64));
    });
    return { width, height, data };
  });
}

/**
 * Scores the golden pictures.
 * @param preparer - prepares them
 * @param patch - side of a merged patch, in pixels
 * @returns the scores; none when the answers are generated and the model does not answer with a score
 * @throws UserError `non-finite` when the model's numbers are infinite or undefined
 */
export async function goldenScores(
  preparer: ClipPreparer,
  predictor: ClipPredictor,
  patch: number,
): Promise<GoldenScore[]> {
  const scores: GoldenScore[] = [];
  for (const picture of goldenPictures(patch)) {
    const clip = await preparer.preparePicture(picture, 'a picture of a fixed formula');
    const inputSha256 = createHash('sha256').update(picture.data).digest('hex');
    const [result] = await predictor.predict([clip]);
    if (!(result instanceof UserError)) scores.push({ inputSha256, score: result!.score });
    else if (result.code !== 'bad-input') throw result;
  }
  return scores;
}

/**
 * Compares golden scores.
 * @param saved - from a card
 * @param computed - from {@link goldenScores}
 * @param tolerance - by how much they may differ
 * @returns the first two that differ by more, of the same picture; null for none
 */
export function goldenDifference(
  saved: readonly GoldenScore[],
  computed: readonly GoldenScore[],
  tolerance: number,
): { saved: number; computed: number } | null {
  for (const { inputSha256, score } of saved) {
    const now = computed.find((golden) => golden.inputSha256 === inputSha256)?.score;
    // A picture of another formula than this version's cannot be compared.
    if (now !== undefined && !(Math.abs(now - score) <= tolerance)) return { saved: score, computed: now };
  }
  return null;
}

/**
 * Compares golden scores with those of a card.
 * @param where - the adapter or model, for the message
 * @param card - its card
 * @param computed - from {@link goldenScores}
 * @param precision - type in which they were computed
 * @throws UserError `bad-checkpoint` when a picture gets another score than when the adapter was saved
 */
export function checkGoldenScores(
  where: string,
  { goldenScores: saved, goldenPrecision, scale }: Pick<Card, 'goldenScores' | 'goldenPrecision' | 'scale'>,
  computed: readonly GoldenScore[],
  precision: Precision,
): void {
  const share = Math.max(TOLERANCE[precision], TOLERANCE[goldenPrecision ?? 'float32']);
  const off = goldenDifference(saved, computed, share * (scale.max - scale.min));
  if (off === null) return;
  throw new UserError(
    'bad-checkpoint',
    `${where}: expected its golden picture to score ${off.saved}, got ${off.computed}`,
    { hint: 'The base model is another one than it was trained on, or a file is damaged.' },
  );
}
