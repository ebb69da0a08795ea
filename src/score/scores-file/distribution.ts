// Distributions over the answers, from the probabilities that rows have: a model's, and the mixture of several.

/** A distribution over the answers. */
export interface ScoreDistribution {
  /** What the answers stand for, on the scale of the scores; rising. */
  values: readonly number[];
  /** [values.length] Probability of each; together 1. */
  probabilities: readonly number[];
}

/** From one list of probabilities a model to their distribution; null where one of them has none. */
type Mix = (probabilities: readonly (readonly number[] | null)[]) => ScoreDistribution | null;

/**
 * Mixes what models say, each over its own answers. Probabilities that were rounded are divided by their sum first.
 * @param answers - what the answers of each model stand for, in the order of its probabilities; null for a model without
 * @param weights - how much each model counts; together 1
 */
export function mixtureOf(answers: readonly (readonly number[] | null)[], weights: readonly number[]): Mix {
  if (answers.some((values) => values === null)) return () => null;
  const ofModels = answers as readonly (readonly number[])[];
  const values = [...new Set(ofModels.flat())].sort((a, b) => a - b);
  const places = new Map(values.map((value, place) => [value, place]));
  const placesOf = ofModels.map((own) => own.map((value) => places.get(value)!));
  return (each) => {
    const probabilities = values.map(() => 0);
    for (const [m, own] of each.entries()) {
      if (own === null) return null;
      const sum = own.reduce((a, b) => a + b, 0);
      for (const [i, p] of own.entries()) probabilities[placesOf[m]![i]!]! += (weights[m]! * p) / sum;
    }
    return { values, probabilities };
  };
}
