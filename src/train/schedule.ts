// Learning-rate schedules.

/** Schedules by the name they have in a recipe: half a cosine to zero, a line to zero, or no change; each after a linear warm-up. */
export const schedules = ['cosine', 'linear', 'constant'] as const;
/** One of {@link schedules}. */
export type Schedule = (typeof schedules)[number];

/**
 * The factor on the learning rate (as `get_cosine_schedule_with_warmup` and its siblings in transformers).
 * @param schedule - which
 * @param step - updates done before this one, from 0
 * @param warmup - updates of the warm-up
 * @param total - updates of the whole run
 * @returns 0 to 1
 */
export function learningRateFactor(schedule: Schedule, step: number, warmup: number, total: number): number {
  if (step < warmup) return step / Math.max(1, warmup);
  const progress = (step - warmup) / Math.max(1, total - warmup);
  switch (schedule) {
    case 'cosine':
      return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
    case 'linear':
      return Math.max(0, 1 - progress);
    case 'constant':
      return 1;
  }
}
