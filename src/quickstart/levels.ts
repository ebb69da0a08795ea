// The strengths of distortion that the quick start's clips have, and that pretraining leaves out.

/** Strengths, 0–1; pretraining (nano/) keeps 0.03 away from each. */
export const heldOutStrengths: readonly number[] = [0.15, 0.35, 0.55, 0.75, 0.95];
