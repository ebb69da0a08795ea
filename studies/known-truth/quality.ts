// What a clip's quality is: four sub-scores, the strengths of fault that they stand for, and the overall score as a function of them.
import type { RandomStream } from '../../src/core/index.ts';

/** The faults, in the order in which a clip gets them. */
export const faults = ['blur', 'motion', 'noise', 'compression'] as const;

/** One of {@link faults}. */
export type Fault = (typeof faults)[number];

/** A score of each fault, 1–5 in thousandths: 5 without it, 1 where it is as strong as it can be. */
export type SubScores = Readonly<Record<Fault, number>>;

/**
 * The strength of fault that a sub-score stands for.
 * @param score - 1–5
 * @returns 0 (none) to 1
 */
export function strengthOf(score: number): number {
  return (5 - score) / 4;
}

/**
 * Draws independent sub-scores, 1 + 4·q with q = exp(−z²/2), z standard normal: −ln q has the gamma distribution of shape ½, so that
 * the sum of four has that of shape 2, whose distribution function {@link overallOf} is.
 * @param stream - what they are drawn from
 */
export function drawSubScores(stream: RandomStream): SubScores {
  const draw = (): number => Math.round(1000 + 4000 * Math.exp((-1 / 2) * stream.normal() ** 2)) / 1000;
  return { blur: draw(), motion: draw(), noise: draw(), compression: draw() };
}

/**
 * The overall score: 10 + 40 · P · (1 − ln P) of P = the product of (sub-score − 1) / 4 over the faults, rounded half up. Over clips
 * of {@link drawSubScores} it is spread evenly.
 * @param scores - the sub-scores
 * @returns an integer, 10–50
 */
export function overallOf(scores: SubScores): number {
  const product = faults.reduce((product, fault) => product * ((scores[fault] - 1) / 4), 1);
  return product === 0 ? 10 : Math.round(10 + 40 * product * (1 - Math.log(product)));
}

/** {@link overallOf} in words, for files. */
export const overallFormula =
  'overall = round(10 + 40 * P * (1 - ln P)), P = product of (s - 1) / 4 over s = blur, motion, noise, compression; mos = overall / 10';
