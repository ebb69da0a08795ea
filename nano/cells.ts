// What is known of each part of a picture that becomes one token: what the first stage of pretraining teaches the tower to show.
import { invariant } from '../src/core/index.ts';
import type { PictureDistortionKind } from '../src/synthesis/index.ts';
import type { RgbFrame } from '../src/video/index.ts';
import { fineStatistics, measureFine, planesOf } from './fine-statistics.ts';
import type { Applied } from './samples.ts';
import { cut, pictureKinds } from './samples.ts';
import type { Statistic } from './statistics.ts';
import { pictureStatistics, statistics } from './statistics.ts';

const coarse = Object.keys(statistics) as Statistic[];

/** Names of the targets of a cell, in their order. */
export const cellTargets: readonly string[] = [
  ...pictureKinds,
  'similarity',
  'error',
  ...coarse,
  ...Object.keys(fineStatistics),
];

/** Strengths are zero for most kinds: so much larger, they count about as much as the rest. */
const STRENGTH = 5;

/**
 * The targets of a picture's cells: the strength of every kind of distortion (the same for all cells; a deviation of 0.5 to 0.8), and,
 * with a mean and deviation of about 0 and 1, structural similarity to the original and the log of the mean square error within the
 * cell, and its statistics.
 * @param original - undistorted
 * @param frame - distorted
 * @param applied - by what
 * @param side - of a cell, in pixels; both sides of the picture are multiples
 * @returns [cells, {@link cellTargets}], cells row by row
 */
export function targetsOf(
  original: RgbFrame,
  frame: RgbFrame,
  applied: readonly Applied<PictureDistortionKind>[],
  side: number,
): Float32Array {
  const [across, down] = [frame.width / side, frame.height / side];
  invariant(Number.isInteger(across) && Number.isInteger(down), `${frame.width}×${frame.height} is not made of cells`);
  const out = new Float32Array(across * down * cellTargets.length);
  const strengths = pictureKinds.map((kind) => STRENGTH * (applied.find((one) => one.kind === kind)?.strength ?? 0));
  for (let cell = 0; cell < across * down; cell++) {
    const [left, top] = [side * (cell % across), side * Math.floor(cell / across)];
    const before = planesOf(cut(original, left, top, side, side)).luma;
    const part = cut(frame, left, top, side, side);
    const planes = planesOf(part);
    const { similarity, error } = compare(before, planes.luma, side);
    const measured = pictureStatistics(part);
    out.set(
      [
        ...strengths,
        (similarity - 0.8) * 4,
        (Math.log2(1 + error) - 5) / 2.5,
        ...coarse.map((name) => (measured[name] - 3) / 1.2),
        ...measureFine(planes, side),
      ],
      cell * cellTargets.length,
    );
  }
  return out;
}

/** Side of the blocks within which similarity is measured. */
const BLOCK = 8;
const [C1, C2] = [(0.01 * 255) ** 2, (0.03 * 255) ** 2];

/**
 * Mean over blocks of the structural similarity, and the mean square error, of a square's luma. Blocks, not the windows of `ssim`: few of
 * those lie within a cell.
 */
function compare(a: Float32Array, b: Float32Array, side: number): { similarity: number; error: number } {
  const n = BLOCK * BLOCK;
  let [similarity, error, blocks] = [0, 0, 0];
  for (let top = 0; top + BLOCK <= side; top += BLOCK) {
    for (let left = 0; left + BLOCK <= side; left += BLOCK) {
      let [x, y, xx, yy, xy] = [0, 0, 0, 0, 0];
      for (let row = top; row < top + BLOCK; row++) {
        for (let at = row * side + left; at < row * side + left + BLOCK; at++) {
          const [p, q] = [a[at]!, b[at]!];
          x += p;
          y += q;
          xx += p * p;
          yy += q * q;
          xy += p * q;
        }
      }
      const [mx, my] = [x / n, y / n];
      const [vx, vy, cov] = [xx / n - mx * mx, yy / n - my * my, xy / n - mx * my];
      similarity += ((2 * mx * my + C1) * (2 * cov + C2)) / ((mx * mx + my * my + C1) * (vx + vy + C2));
      error += xx + yy - 2 * xy;
      blocks++;
    }
  }
  return { similarity: similarity / blocks, error: Math.max(0, error) / (blocks * n) };
}
