// Label distribution learning: cross-entropy against a distribution around the opinion score.
import { invariant } from '../core/index.ts';
import { answerTargets } from './answer-targets.ts';
import type { Objective } from './types.ts';

/** Least standard deviation of a label, on 1–5: votes that all agree would otherwise have none. */
const MIN_STD = 0.05;

/** Cross-entropy against {@link normalLabel}. */
export const softLabel: Objective = {
  about: 'cross-entropy against a distribution around the score',
  targets: 'integer-only',
  form: { over: 'answers', terms: ['cross-entropy'], groupSize: 1 },
  prepare: (clip, context) => {
    const values = context.processor.codec.legalAnswers()!.map(({ value }) => value);
    const label = normalLabel(values, clip.mos5, Math.max(clip.std5 ?? context.softLabelStd, MIN_STD));
    return answerTargets(clip, context, { score: clip.mos5, label });
  },
};

/**
 * A normal distribution around an opinion score, cut to the legal answers: p(a) ∝ exp(−(value(a) − mos)² / 2 std²), as label
 * distribution learning has it (Geng 2016, arXiv 1408.6027).
 * @param values - scores that the legal answers stand for, 1–5
 * @param mos - the opinion score, 1–5
 * @param std - standard deviation of the votes on the 1–5 scale, above 0
 * @returns probabilities that add up to 1
 */
export function normalLabel(values: readonly number[], mos: number, std: number): Float32Array {
  invariant(std > 0, `expected a standard deviation above 0, got ${std}`);
  const exponents = values.map((value) => -((value - mos) ** 2) / (2 * std * std));
  const top = Math.max(...exponents);
  const weights = exponents.map((e) => Math.exp(e - top));
  const total = weights.reduce((a, b) => a + b, 0);
  return Float32Array.from(weights, (w) => w / total);
}
